"""Readers of attention rows: single cells, as the published protocol reads them, and prefix matching.

On random tokens that are repeated once, [s; s], an induction head at position i of the second half attends to the position
after the first occurrence of the same token, i − n + 1 with n the length of s (Olsson et al. 2022, arXiv 2209.11895).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ropescope.measure.prompts import Tokens
from ropescope.network.rows import AttentionRows


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


class PrefixMatching:
    """Takes the rows of one prompt and keeps, by layer and head, the mean weight `back` tokens before the query."""

    def __init__(self, back: int) -> None:
        self.back = back
        self._sums: dict[int, NDArray[np.float64]] = {}
        self._rows: dict[int, int] = {}

    def __call__(self, rows: AttentionRows) -> None:
        sums = self._sums.setdefault(rows.call, np.zeros(rows.n_heads))
        if rows.heads.start == 0:
            self._rows[rows.call] = self._rows.get(rows.call, 0) + len(rows.positions)
        columns = rows.positions - self.back - rows.key_start
        inside = (columns >= 0).nonzero()[:, 0]
        # A key before the first one that a sliding window keeps has no weight.
        sums[rows.heads] += rows.weights[:, inside, columns[inside]].double().sum(dim=1).cpu().numpy()

    def scores(self) -> NDArray[np.float64]:
        """[layers, heads] the mean over the rows; NaN for heads that a layer lacks."""
        heads = max(len(sums) for sums in self._sums.values())
        table = np.full((len(self._sums), heads), np.nan)
        for place, (call, sums) in enumerate(sorted(self._sums.items())):
            table[place, : len(sums)] = sums / self._rows[call]
        return table


def repeated_tokens(vocabulary: Tokens, prefix: tuple[int, ...], n: int, seed: int, index: int) -> Tokens:
    """[prefix + 2n] `n` different random tokens, twice. Fewer tokens than n in the vocabulary are drawn with repetition."""
    rng = np.random.default_rng([seed, index, 2])
    once = rng.choice(vocabulary, size=n, replace=len(vocabulary) < n)
    return np.concatenate([np.asarray(prefix, dtype=np.int64), once, once])
