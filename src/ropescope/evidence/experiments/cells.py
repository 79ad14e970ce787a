"""Single cells of the attention matrix, averaged over heads and layers: what the published protocol reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ropescope.measure.rows import AttentionRows


class CellReader:
    """Takes the rows of one prompt and keeps the mean weight of each cell (query position, key position)."""

    def __init__(self, cells: Sequence[tuple[int, int]]) -> None:
        self.cells = list(cells)
        self._queries, self._keys = (torch.tensor(column) for column in zip(*cells, strict=True))
        self._sums = np.zeros(len(self.cells))
        self._heads = np.zeros(len(self.cells), dtype=np.int64)

    def __call__(self, rows: AttentionRows) -> None:
        here = torch.isin(self._queries, rows.positions)
        self._heads[here.numpy()] += rows.weights.shape[0]
        # A key before the first one that a sliding window keeps has no weight.
        here &= self._keys >= rows.key_start
        row = torch.searchsorted(rows.positions, self._queries[here])
        weight = rows.weights[:, row, self._keys[here] - rows.key_start]
        self._sums[here.numpy()] += weight.double().sum(dim=0).cpu().numpy()

    def mean(self) -> NDArray[np.float64]:
        """[cells] the mean over all heads of all layers."""
        return self._sums / self._heads
