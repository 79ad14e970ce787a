"""Needles: runs in which a fact is looked for in a long context, and where they stop doing better than chance."""

from __future__ import annotations

from typing import Any

from scipy.stats import binomtest

from ropescope.evidence.evidence import Evidence

THETA = 10_000.0
"""The base of every model in the published runs, before it is scaled."""
LEVEL = 0.05
"""A context in which retrieval is not above chance at this level counts as lost."""

Run = dict[str, Any]
Cell = dict[str, Any]


def scored_runs(evidence: Evidence) -> dict[str, dict[float, Run]]:
    """The runs in which the needle is ranked among wrong ones, by model and multiplier α of the base."""
    runs: dict[str, dict[float, Run]] = {}
    for row in evidence.table("needle_retrieval"):
        if row["task"] == "scored":
            runs.setdefault(row["model"], {})[row["alpha"]] = row
    return runs


def cells(run: Run) -> list[Cell]:
    """One entry a context length, with the needles found there."""
    return [
        {**run, "length": int(length), "correct": int(correct)}
        for length, correct in zip(run["lengths"], run["correct"], strict=True)
    ]


def beyond(run: Run) -> list[Cell]:
    """The contexts longer than the trained one."""
    return [cell for cell in cells(run) if cell["length"] > run["context_length"]]


def p_chance(cell: Cell) -> float:
    """Probability of as many needles or more by chance (binomial)."""
    return float(binomtest(cell["correct"], cell["trials"], cell["chance"], alternative="greater").pvalue)


def at_chance(cell: Cell) -> bool:
    """Whether retrieval is lost there."""
    return p_chance(cell) > LEVEL


def ends_between(run: Run) -> tuple[int, int]:
    """The last length at which retrieval works and the first at which it does not."""
    lost = min(cell["length"] for cell in cells(run) if at_chance(cell))
    return max(cell["length"] for cell in cells(run) if cell["length"] < lost), lost


def short_name(model: str) -> str:
    """The Hub id without its organisation."""
    return model.rpartition("/")[2]
