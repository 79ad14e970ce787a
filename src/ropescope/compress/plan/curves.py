"""How much attention a window of each length keeps, for every query head: from a measured profile, or a power law."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ropescope.errors import PlanError

if TYPE_CHECKING:
    from ropescope.measure.profile import DecayProfile

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MassCurves:
    """The attention of each query head by window.

    windows: [knots] tokens, rising from 0 to the longest window. mass: [layers, query heads, knots], the attention of a
    query at the end of the sequence to the keys inside each window, the sinks left out; even between knots; NaN for
    heads that a layer lacks. layers: the decoder layer of each row. n_heads, n_kv_heads: of each row.
    """

    windows: NDArray[np.int64]
    mass: Array
    layers: tuple[int, ...]
    n_heads: tuple[int, ...]
    n_kv_heads: tuple[int, ...]

    def of_layer(self, row: int) -> Array:
        """[KV heads, query heads of each, knots] mass of one layer. transformers lets KV head k serve the query heads
        k·g … k·g + g − 1, where g is the size of a group."""
        n_heads, n_kv = self.n_heads[row], self.n_kv_heads[row]
        return self.mass[row, :n_heads].reshape(n_kv, n_heads // n_kv, -1)


def measured_curves(profile: DecayProfile, length: int, sinks: int) -> MassCurves:
    """The curves of a profile for a query that has `length` tokens, the first `sinks` of which are kept anyway.

    A(d), the mean weight of one key in a distance bin, comes from the rows that reach the bin; the mass is A(d) times
    the distances of the bin that a query at the end of the sequence has. Raises PlanError if the profile says nothing
    of so many tokens, or left other sinks out.
    """
    protocol = profile.protocol
    if length > protocol.length:
        raise PlanError(
            f"The profile was measured at {protocol.length:,} tokens and does not tell how attention falls at "
            f"{length:,}: measure with `length` {length}, or plan for at most {protocol.length:,}."
        )
    if sinks != protocol.sinks:
        raise PlanError(
            f"The profile left {protocol.sinks} sink tokens out of its distances, and the plan keeps {sinks}: "
            f"plan with `sinks` {protocol.sinks}, or measure with `sinks` {sinks}."
        )
    edges = protocol.edges
    reach = length - sinks
    if reach < 1:
        raise PlanError(f"{sinks} sinks leave nothing of {length:,} tokens to plan: plan for a longer sequence.")
    low, high = edges[:-1], np.minimum(edges[1:], reach)
    counted = np.flatnonzero(low < reach)
    cells = profile.cells.sum(axis=0).astype(np.float64)[:, None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        # Prompts hold equally many rows, so the mean over prompts times their rows is the sum over all cells.
        per_key = np.where(cells > 0, profile.mass.astype(np.float64).sum(axis=0) * protocol.rows / cells, 0.0)
    per_key = np.where(np.isnan(profile.mass[0]), np.nan, per_key)
    mass = np.concatenate(
        [np.zeros((*per_key.shape[:2], 1)), (per_key * (high - low))[..., counted].cumsum(axis=-1)], axis=-1
    )
    return MassCurves(
        windows=np.concatenate([[0], high[counted]]).astype(np.int64),
        mass=mass,
        layers=tuple(layer.index for layer in profile.layers),
        n_heads=tuple(layer.n_heads for layer in profile.layers),
        n_kv_heads=tuple(layer.n_kv_heads for layer in profile.layers),
    )


def windows_of_share(curves: Array, windows: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """[...] the smallest windows that hold `share` of the mass; curves: [..., knots], rising from 0. At least one token."""
    total = curves[..., -1:]
    target = share * total
    slot = np.clip((curves < target).sum(axis=-1, keepdims=True), 1, curves.shape[-1] - 1)
    before, after = np.take_along_axis(curves, slot - 1, -1), np.take_along_axis(curves, slot, -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(after > before, (target - before) / (after - before), 0.0)
    tokens = windows[slot - 1] + np.clip(part, 0.0, 1.0) * (windows[slot] - windows[slot - 1])
    # A hair above a whole number is rounding, and must not cost a token.
    found: NDArray[np.int64] = np.maximum(1, np.ceil(tokens - 1e-9)).astype(np.int64)[..., 0]
    return found


def share_inside(curves: Array, windows: NDArray[np.int64], chosen: Sequence[int] | NDArray[np.int64]) -> Array:
    """[heads] the share of each head's mass inside its chosen window; curves: [heads, knots]. 1 for a head without mass."""
    inside = np.array([np.interp(tokens, windows, curve) for tokens, curve in zip(chosen, curves, strict=True)])
    total = curves[:, -1]
    return np.where(total > 0, inside / np.where(total > 0, total, 1.0), 1.0)
