"""The error that cutting a head's cache leaves in the residual stream, by KV head, share of picks and tokens kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ropescope.compress.plan.curves import Array, MassCurves
from ropescope.compress.plan.picks import SHARES, Sharing
from ropescope.errors import PlanError


@dataclass(frozen=True, eq=False)
class OutputErrors:
    """The mean squared error in the residual stream at each planned layer, over the mean square of that stream, by KV head,
    share of picks, and tokens kept.

    kept: [knots] tokens behind the sinks, rising from 1. error: [layers, KV heads, shares, knots] for the `shares` of picks
    (the first alone, windows, where plans may pick none), the sum over the query heads of the KV head; NaN for heads that a
    layer lacks. mass: [layers, query heads, shares, knots] the share of the attention outside the sinks that is on what is
    kept. layers: decoder layers.
    about: the prompts, in words. together: which KV heads picked the same tokens.
    """

    kept: NDArray[np.int64]
    error: Array
    mass: Array
    layers: tuple[int, ...]
    n_heads: tuple[int, ...]
    n_kv_heads: tuple[int, ...]
    length: int
    sinks: int
    n_prompts: int
    model: str
    about: str
    together: Sharing = "head"
    shares: tuple[float, ...] = SHARES

    def curves(self) -> MassCurves:
        """The attention of each query head by window, without picks."""
        windows = np.concatenate([[0], self.kept])
        mass = np.concatenate([np.zeros((*self.mass.shape[:2], 1)), self.mass[:, :, 0]], axis=-1)
        return MassCurves(windows, mass, self.layers, self.n_heads, self.n_kv_heads)

    def least(self, *, picks: bool, groups: Sequence[Sequence[int]] | None = None) -> Array:
        """[groups of KV heads, knots] the error with the best share of picks, or without picks. groups: places in the list
        of the KV heads of all layers that keep equally many tokens in one mix; None: each head its own. Raises PlanError for
        picks where only windows were measured."""
        if picks and self.shares != SHARES:
            raise PlanError(
                "These errors are those of windows alone: measure with picks=True for a plan that picks tokens."
            )
        of_group = self._by_group(groups)
        return of_group.min(axis=1) if picks else of_group[:, 0]

    def best_share(self, kept: Sequence[int], groups: Sequence[Sequence[int]] | None = None) -> list[float]:
        """For each group as in `least`, the share of picks whose error is least for so many tokens kept."""
        found = []
        for curves, tokens in zip(self._by_group(groups), kept, strict=True):
            errors = [np.interp(tokens, self.kept, curve) for curve in curves]
            # Where nothing is gained (all is kept, or the head writes nothing) windows need no look at the text.
            found.append(self.shares[int(np.argmin(errors))] if min(errors) < errors[0] else self.shares[0])
        return found

    def kept_mass(self, kept: Sequence[int], shares: Sequence[float]) -> list[float]:
        """For each KV head of all layers, the share of its attention outside the sinks on what is kept."""
        found, heads = [], iter(zip(kept, shares, strict=True))
        for row, (n_heads, n_kv) in enumerate(zip(self.n_heads, self.n_kv_heads, strict=True)):
            groups = self.mass[row, :n_heads].reshape(n_kv, n_heads // n_kv, len(self.shares), len(self.kept))
            for group in groups:
                tokens, share = next(heads)
                found.append(
                    float(np.mean([np.interp(tokens, self.kept, head[self.shares.index(share)]) for head in group]))
                )
        return found

    def _by_group(self, groups: Sequence[Sequence[int]] | None) -> Array:
        """[groups, shares, knots] error."""
        by_head = np.concatenate([self.error[row, :n] for row, n in enumerate(self.n_kv_heads)])
        return by_head if groups is None else np.stack([by_head[list(own)].sum(axis=0) for own in groups])
