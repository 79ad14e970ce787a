"""Attention rows in, one prompt's decay out: mass by distance bin, sinks, entropy, and the published cells.

Weights are added up by distance as they come, so memory is heads × length for a layer, whatever the number of rows.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ropescope.errors import CaptureError, MeasurementError
from ropescope.measure.protocol import LEGACY_KEY, FixedLength, legacy_distances
from ropescope.network.rows import AttentionRows

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LayerTally:
    """One prompt, one attention layer. Heads first; every value is a mean over the prompt's query rows.

    mass: [heads, bins] attention that falls in each distance bin, sink keys left out.
    sink_mass, sink_logit_mass, entropy_nats: [heads]. cells: [bins] (row, key) pairs that the mask allows.
    legacy: [heads, distances] the single cells that the published protocol reads.
    """

    layer: int
    mass: Floats
    cells: Integers
    sink_mass: Floats
    sink_logit_mass: Floats
    entropy_nats: Floats
    legacy: Floats

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it back equal, to the bit."""
        return {"layer": self.layer, **{name: _plain(getattr(self, name)) for name in _ARRAYS}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LayerTally:
        """What `to_dict` made."""
        return cls(layer=data["layer"], **{name: _array(data[name]) for name in _ARRAYS})


_ARRAYS = tuple(item.name for item in fields(LayerTally) if item.name != "layer")


def _plain(values: NDArray[Any]) -> dict[str, Any]:
    held = b64encode(np.ascontiguousarray(values).tobytes()).decode()
    return {"type": values.dtype.str, "shape": list(values.shape), "base64": held}


def _array(data: Mapping[str, Any]) -> NDArray[Any]:
    return np.frombuffer(b64decode(data["base64"]), np.dtype(data["type"])).reshape(data["shape"]).copy()


@dataclass
class _Sums:
    layer: int
    by_distance: Tensor
    reached: Integers
    sink: Tensor
    sink_logit: Tensor
    entropy: Tensor
    legacy: Tensor


@dataclass
class PromptTally:
    """Takes the rows of one prompt's forward pass; `layers()` gives the result.

    positions: the fixed protocol's query rows. n_tokens: tokens in the prompt, which may exceed the protocol's length so
    that the published distances fit.
    """

    protocol: FixedLength
    positions: Integers
    n_tokens: int
    _sums: dict[int, _Sums] = field(default_factory=dict)
    _finished: dict[int, LayerTally] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.legacy_distances = legacy_distances(self.n_tokens)
        self._legacy_rows = {distance + LEGACY_KEY: i for i, distance in enumerate(self.legacy_distances)}
        self._fixed_rows = {int(position) for position in self.positions}
        self._last = self.wanted[-1]
        self._bin_starts = self.protocol.edges[:-1]

    @property
    def wanted(self) -> list[int]:
        """All query positions that the two protocols read."""
        return sorted(self._fixed_rows | set(self._legacy_rows))

    def __call__(self, rows: AttentionRows) -> None:
        sums = self._sums.get(rows.call)
        if sums is None:
            sums = self._sums[rows.call] = self._empty(rows)
        positions = rows.positions.tolist()
        fixed = [i for i, position in enumerate(positions) if position in self._fixed_rows]
        if fixed:
            self._add_fixed(sums, rows, positions, fixed)
        for i, position in enumerate(positions):
            slot = self._legacy_rows.get(position)
            if slot is not None and rows.key_start <= LEGACY_KEY:
                sums.legacy[rows.heads, slot] = rows.weights[:, i, LEGACY_KEY - rows.key_start]
        if positions[-1] == self._last and rows.heads.stop == rows.n_heads:
            # Nothing more comes for this layer: bins are far smaller than one weight a distance.
            self._finished[rows.call] = self._finish(self._sums.pop(rows.call))

    def _empty(self, rows: AttentionRows) -> _Sums:
        zeros = rows.weights.new_zeros
        n, length = rows.n_heads, self.protocol.length
        return _Sums(
            layer=rows.layer,
            by_distance=zeros(n, length),
            reached=np.zeros(length, dtype=np.int64),
            sink=zeros(n),
            sink_logit=zeros(n),
            entropy=zeros(n),
            legacy=zeros(n, len(self.legacy_distances)),
        )

    def _add_fixed(self, sums: _Sums, rows: AttentionRows, positions: list[int], fixed: list[int]) -> None:
        length, first_key = self.protocol.length, rows.key_start
        low = max(0, self.protocol.sinks - first_key)
        # The axis runs from far to near, as keys do: each row then adds without being turned round.
        by_distance = sums.by_distance[rows.heads]
        for row in fixed:
            end = positions[row] - first_key + 1
            by_distance[:, length - end + low :].add_(rows.weights[:, row, low:end])
        sums.sink[rows.heads] += rows.weights[..., :low].sum(dim=2)[:, fixed].sum(dim=1)
        sums.entropy[rows.heads] += rows.entropy[:, fixed].sum(dim=1)
        if rows.sink_logit is not None:
            sums.sink_logit[rows.heads] += rows.sink_logit[:, fixed].sum(dim=1)
        if rows.heads.start == 0:
            self._add_reached(sums, rows, positions, fixed, low)

    def _add_reached(self, sums: _Sums, rows: AttentionRows, positions: list[int], fixed: list[int], low: int) -> None:
        """Count, for every distance, the rows that the mask lets see it (sink keys left out)."""
        # Keys low … end−1 lie at the distances end−1−low … 0 of a row whose own key is end−1.
        far = np.array([positions[row] - rows.key_start + 1 - low for row in fixed])
        if rows.reach is None:
            sums.reached += (np.bincount(far, minlength=len(sums.reached) + 1)[::-1].cumsum()[::-1])[1:]
            return
        allowed = rows.reach.cpu().numpy()
        for row, n_keys in zip(fixed, far.tolist(), strict=True):
            sums.reached[:n_keys] += allowed[row, low : low + n_keys][::-1]

    def layers(self) -> list[LayerTally]:
        """The tallies of all attention layers. Raises CaptureError if there is none, or one holds NaN or infinity."""
        if self._sums:
            raise MeasurementError(
                "The prompt ended before its last query row: it is shorter than the protocol's length."
            )
        if not self._finished:
            raise CaptureError(
                "No attention was seen: this model has no softmax attention layers, so it has no decay to measure."
            )
        return [tally for _, tally in sorted(self._finished.items())]

    def _finish(self, sums: _Sums) -> LayerTally:
        n_rows = len(self.positions)
        by_distance = np.ascontiguousarray(sums.by_distance.cpu().numpy()[:, ::-1], dtype=np.float64)
        mass = np.add.reduceat(by_distance, self._bin_starts, axis=1) / n_rows
        cells = np.add.reduceat(sums.reached, self._bin_starts)
        tally = LayerTally(
            layer=sums.layer,
            mass=mass.astype(np.float32),
            cells=cells,
            sink_mass=(sums.sink / n_rows).cpu().numpy(),
            sink_logit_mass=(sums.sink_logit / n_rows).cpu().numpy(),
            entropy_nats=(sums.entropy / n_rows).cpu().numpy(),
            legacy=sums.legacy.cpu().numpy(),
        )
        _require_finite(tally)
        return tally


def _require_finite(tally: LayerTally) -> None:
    for values in (tally.mass, tally.sink_mass, tally.sink_logit_mass, tally.entropy_nats, tally.legacy):
        if not np.isfinite(values).all():
            heads = sorted({int(index[0]) for index in np.argwhere(~np.isfinite(values))})
            raise CaptureError(
                f"Layer {tally.layer} gave attention that is not a number (heads {', '.join(map(str, heads))}). "
                "Nothing was dropped; measure in a wider dtype (`dtype` float32), or check the weights."
            )
