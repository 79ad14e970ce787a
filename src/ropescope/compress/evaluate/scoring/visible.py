"""What new tokens see of a cache that a method has cut, as masks that are made a layer at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from ropescope.compress.cache.slots import visible as within
from ropescope.compress.plan.kv_plan import KVPlan


class Visible(Protocol):
    """What a cut cache lets new tokens see."""

    def of_layer(self, layer: int, n_tokens: int, first: int, new: int, device: torch.device) -> Tensor | None:
        """Bool [KV heads, new, n_tokens + first + new]: which keys each of `new` tokens sees, when `n_tokens` were
        prefilled and `first` more have come since; None for a layer that is whole."""
        ...


@dataclass(frozen=True)
class Kept:
    """What `Method.keep` has left stays for good, and so do all new tokens."""

    layers: Sequence[Tensor | None]

    def of_layer(self, layer: int, n_tokens: int, first: int, new: int, device: torch.device) -> Tensor | None:
        """As `Visible.of_layer`."""
        kept = self.layers[layer]
        if kept is None:
            return None
        behind = torch.ones(new, first + new, dtype=torch.bool, device=device).tril(first)
        return torch.cat([kept[:, None].expand(-1, new, -1), behind.expand(len(kept), -1, -1)], dim=2)


@dataclass(frozen=True)
class PlanView:
    """The sinks and windows of a plan, which slide on with every token as those of a PlannedCache do, and its picks, which
    stay: bool [KV heads, prefilled tokens] for each layer that has some."""

    plan: KVPlan
    picks: Mapping[int, Tensor] = field(default_factory=dict)

    def of_layer(self, layer: int, n_tokens: int, first: int, new: int, device: torch.device) -> Tensor | None:
        """As `Visible.of_layer`."""
        of_plan = self.plan.layers[layer]
        if not of_plan.planned:
            return None
        key = torch.arange(n_tokens + first + new, device=device)
        query = key[n_tokens + first :, None]
        seen = torch.stack(
            [
                within(query, key, self._never_leaving(kept, window, n_tokens), window)
                for kept, window in zip(of_plan.kept, of_plan.windows, strict=True)
            ]
        )
        if layer in self.picks:
            seen[:, :, :n_tokens] |= self.picks[layer][:, None]
        return seen

    def _never_leaving(self, kept: int, window: int, n_tokens: int) -> int:
        """How many first tokens stay: the sinks, and those that leave the window while there is room for picks."""
        sinks = self.plan.sinks
        return sinks + kept - window if n_tokens <= sinks + kept else sinks


def whole(n_layers: int) -> Kept:
    """The cache as it is: what every method is compared with."""
    return Kept([None] * n_layers)
