"""The rows of the shared matrix, a file for each situation, as in the registry."""

from __future__ import annotations

from matrix import compressing, download, extending, finetuning, judging, research, serving
from matrix.row import Row

ROWS: tuple[Row, ...] = (
    *download.ROWS,
    *serving.ROWS,
    *extending.ROWS,
    *compressing.ROWS,
    *finetuning.ROWS,
    *judging.ROWS,
    *research.ROWS,
)
