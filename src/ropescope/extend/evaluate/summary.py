"""What an ExtensionResult says: loss by band, paired differences inside the trained length and at the target, and the best.

Texts are what is independent: each is compared with itself under another method, with Student's t interval.
"""

from __future__ import annotations

from statistics import fmean
from typing import Literal

from ropescope.extend.evaluate.result import ExtensionResult, Found, TextLosses
from ropescope.quality.intervals import Interval, paired, wilson

Where = Literal["inside", "short", "beyond", "target"]
"""The bands within the trained length, the same of a text that ends there (another thing only for methods whose frequencies
depend on the length), all bands beyond it, or the last one."""


def bands_where(result: ExtensionResult, where: Where) -> list[int]:
    """The numbers of the bands; a band that the trained length cuts is neither inside nor beyond."""
    if where == "target":
        return [len(result.bands) - 1]
    if where in ("inside", "short"):
        return [i for i, (_, end) in enumerate(result.bands) if end <= result.trained_length]
    return [i for i, (start, _) in enumerate(result.bands) if start >= result.trained_length]


def loss(result: ExtensionResult, method: str, where: Where | int) -> float | None:
    """The mean over texts of the loss (nats a token) in one band or several; None without any."""
    bands = [where] if isinstance(where, int) else bands_where(result, where)
    if not bands or not result.texts:
        return None
    return fmean(_mean(result, _rows(text, where)[method], bands) for text in result.texts)


def against(result: ExtensionResult, method: str, reference: str, where: Where) -> Interval | None:
    """The mean of a method's loss less that of `reference` on the same text: below zero, the method is better."""
    bands = bands_where(result, where)
    if not bands or not result.texts:
        return None
    rows = [_rows(text, where) for text in result.texts]
    return paired([_mean(result, row[method], bands) - _mean(result, row[reference], bands) for row in rows])


def best(result: ExtensionResult) -> str | None:
    """The method with the least mean loss in the last band; None without texts."""
    if not result.texts:
        return None
    return min(result.methods, key=lambda method: loss(result, method, "target") or 0.0)


def unscaled(result: ExtensionResult) -> str | None:
    """The method that changes nothing, if it was scored; one that is shown all of a text goes before one that is not."""
    there = [method for method in result.methods if result.plans[method]["method"] == "none"]
    return min(there, key=lambda method: method in result.shown, default=None)


def truncated(result: ExtensionResult) -> str | None:
    """The unscaled model that is shown the last tokens alone, if it was scored: what a longer context has to beat."""
    return next((method for method in result.methods if method in result.shown), None)


def right(cells: list[Found]) -> Interval | None:
    """The share answered rightly, with Wilson's interval."""
    trials = sum(cell.trials for cell in cells)
    return wilson(sum(cell.right for cell in cells), trials) if trials else None


def _rows(text: TextLosses, where: Where | int) -> dict[str, tuple[float, ...]]:
    return {**text.losses, **text.short} if where == "short" else dict(text.losses)


def _mean(result: ExtensionResult, losses: tuple[float, ...], bands: list[int]) -> float:
    """Weighted by tokens: the first of a text has no loss."""
    sizes = [result.bands[band][1] - max(result.bands[band][0], 1) for band in bands]
    return sum(losses[band] * size for band, size in zip(bands, sizes, strict=True)) / sum(sizes)
