"""Where a token lies in a store of `sinks` fixed slots and a ring of `window` slots behind them.

Token t lies in slot t while t < sinks, and from then on in slot sinks + (t − sinks) mod window. Softmax attention does
not care for the order of its keys, and keys carry their rotation with them: so the newest token may overwrite the oldest
in place, and nothing is copied while decoding.
"""

from __future__ import annotations

import torch
from torch import Tensor


def slot_of(token: int | Tensor, sinks: int, window: int) -> int | Tensor:
    """The slot of a token (a number, or a tensor of them)."""
    if isinstance(token, int):
        return token if token < sinks else sinks + (token - sinks) % window
    return torch.where(token < sinks, token, sinks + (token - sinks) % window)


def tokens_in_slots(seen: Tensor, n_slots: int, sinks: int, window: int) -> Tensor:
    """[..., n_slots] which token lies in each slot once `seen` [...] tokens have come; −1 where a slot is empty."""
    slot = torch.arange(n_slots, device=seen.device)
    last = seen[..., None] - 1
    rounds = torch.div(last - slot, window, rounding_mode="floor").clamp(min=0)
    token = torch.where(slot < sinks, slot, slot + rounds * window)
    return torch.where(slot <= last, token, -1)


def visible(query: Tensor, key: Tensor, sinks: int, window: int) -> Tensor:
    """Whether a query may see a key, both given by their token index and broadcast; keys of −1 are seen by none."""
    near = (key <= query) & ((key < sinks) | (query - key < window))
    return near & (key >= 0)
