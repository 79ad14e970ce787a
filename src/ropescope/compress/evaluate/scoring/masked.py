"""One layer of a cut cache: the prefilled keys and values, which it shares, and those of new tokens, which are its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import CacheLayerMixin

from ropescope.compress.cache.attend import Scoring, attend
from ropescope.compress.evaluate.scoring.visible import Visible
from ropescope.errors import EvaluationError
from ropescope.network.adapter import AttentionCall, Output, owned_by

_CHANGES = "changes its keys or values between the cache and the attention, so a cut cache cannot be scored."


@dataclass(frozen=True, eq=False)
class Prefix:
    """What all caches that are cut from one prefill share in a layer: keys and values [1, KV heads, prefilled tokens,
    dim], and what of it is visible. A copy of a cut cache shares it too."""

    layer: int
    keys: Tensor
    values: Tensor
    visible: Visible

    def __deepcopy__(self, memo: object) -> Prefix:
        return self

    @property
    def n_tokens(self) -> int:
        """How many tokens were prefilled."""
        return int(self.keys.shape[2])

    @property
    def n_kv_heads(self) -> int:
        """How many heads the keys have."""
        return int(self.keys.shape[1])


class MaskedLayer(CacheLayerMixin):  # type: ignore[misc]
    """A layer whose `update` takes note of new states, and whose `attend` reads what is visible of all of them."""

    is_croppable = True
    is_sliding = False

    def __init__(self, prefix: Prefix) -> None:
        super().__init__()
        self.prefix = prefix
        self.new_keys, self.new_values = prefix.keys[:, :, :0], prefix.values[:, :, :0]
        self.is_initialized = True
        self._waiting: Tensor | None = None

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Nothing is to be laid out."""

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Take in the states of new tokens [1, KV heads, new, dim], and return them alone."""
        self.new_keys = torch.cat([self.new_keys, key_states], dim=2)
        self.new_values = torch.cat([self.new_values, value_states], dim=2)
        if self._waiting is not None:
            raise EvaluationError(f"The model {_CHANGES}")
        self._waiting = value_states
        return owned_by(self, key_states), value_states

    def answer(self, call: AttentionCall, own: Callable[[], Output]) -> Output:
        """The attention of the newest tokens, as if only what is visible had been kept."""
        if call.value is not self._waiting:
            raise EvaluationError(f"{type(call.module).__name__} {_CHANGES}")
        self._waiting = None
        return self._attend(call.query, Scoring.of(call)).transpose(1, 2), None

    def _attend(self, query: Tensor, scoring: Scoring) -> Tensor:
        """[1, query heads, new, value dim] for query [1, query heads, new, dim]."""
        _, n_heads, new, dim = query.shape
        n_kv = self.prefix.n_kv_heads
        grouped = query.view(1, n_kv, -1, new, dim)
        if scoring.sinks is not None:
            scoring = Scoring(scoring.scale, scoring.softcap, scoring.sinks.view(n_kv, -1))
        n_tokens, first = self.prefix.n_tokens, self.new_keys.shape[2] - new
        mask = self.prefix.visible.of_layer(self.prefix.layer, n_tokens, first, new, query.device)
        if mask is None:
            output = self._attend_to_all(grouped, n_tokens + first, scoring)
        else:
            heads = [self._attend_in_head(grouped, mask, head, scoring) for head in range(n_kv)]
            output = torch.cat(heads, dim=1)
        return output.reshape(1, n_heads, new, -1)

    def _attend_to_all(self, grouped: Tensor, before: int, scoring: Scoring) -> Tensor:
        new = grouped.shape[3]
        mask = torch.ones(1, new, before + new, dtype=torch.bool, device=grouped.device).tril(before)
        key = torch.cat([self.prefix.keys, self.new_keys], dim=2)
        value = torch.cat([self.prefix.values, self.new_values], dim=2)
        return attend(grouped, key, value, mask, scoring)

    def _attend_in_head(self, grouped: Tensor, mask: Tensor, head: int, scoring: Scoring) -> Tensor:
        """[1, 1, group, new, value dim]: the keys that nobody sees are left out, so less kept costs less time."""
        of_head, n_tokens = mask[head], self.prefix.n_tokens
        seen = of_head.any(dim=0)
        old, new = torch.nonzero(seen[:n_tokens])[:, 0], torch.nonzero(seen[n_tokens:])[:, 0]
        key = torch.cat([self.prefix.keys[0, head].index_select(0, old), self.new_keys[0, head].index_select(0, new)])
        value = torch.cat(
            [self.prefix.values[0, head].index_select(0, old), self.new_values[0, head].index_select(0, new)]
        )
        sinks = None if scoring.sinks is None else scoring.sinks[head : head + 1]
        of_seen = of_head[:, seen][None]
        return attend(
            grouped[:, head : head + 1],
            key[None, None],
            value[None, None],
            of_seen,
            Scoring(scoring.scale, scoring.softcap, sinks),
        )

    def get_seq_length(self) -> int:
        """The tokens seen so far, kept or not: the position of the next one."""
        return self.prefix.n_tokens + int(self.new_keys.shape[2])

    def get_mask_sizes(self, query_length: int | Tensor) -> tuple[int, int]:
        """(keys, offset) of the mask of a cache that keeps everything, for layers that share it."""
        new = query_length if isinstance(query_length, int) else int(query_length.shape[0])
        return self.get_seq_length() + new, 0

    def get_max_length(self) -> int:
        """No greatest length."""
        return -1

    get_max_cache_shape = get_max_length  # its name before transformers 5.3

    def crop(self, tokens: int) -> None:
        """Forget the last −`tokens` new tokens; before transformers 5.3 a positive number was the length to crop to.

        Raises EvaluationError for more than there are.
        """
        remove = -tokens if tokens <= 0 else self.get_seq_length() - tokens
        if not 0 <= remove <= self.new_keys.shape[2]:
            raise EvaluationError(
                f"A cut cache can give back its {self.new_keys.shape[2]} new tokens, and not {remove}: crop it by less."
            )
        left = self.new_keys.shape[2] - remove
        self.new_keys, self.new_values = self.new_keys[:, :, :left], self.new_values[:, :, :left]
