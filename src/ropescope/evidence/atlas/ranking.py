"""Which rows of the atlas may be ranked against each other, and how firm the ranks are. Pure Python."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from ropescope.evidence.atlas.row import AtlasRow

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that were read alike: the same protocol, length and corpus (the very text; random tokens of any vocabulary)."""

    protocol: str
    length: int
    corpus: str
    corpus_about: str
    sink_tokens: int | None
    rows: tuple[AtlasRow, ...]

    @property
    def label(self) -> str:
        """In words: fixed length 1,024, text."""
        reading = "fixed length" if self.protocol == "fixed" else "published protocol, length"
        return f"{reading} {self.length:,}, {self.corpus}"


@dataclass(frozen=True, slots=True)
class Ranked:
    """A row with the best and the worst rank that the data allow it; None for a row without an interval."""

    row: AtlasRow
    best: int | None
    worst: int | None

    @property
    def rank(self) -> str:
        """ "2", or "1–3" where the data do not say."""
        if self.best is None:
            return "–"
        return str(self.best) if self.best == self.worst else f"{self.best}–{self.worst}"


def groups_of(rows: Sequence[AtlasRow]) -> tuple[Group, ...]:
    """The groups, fixed length first, then those with the most rows; within a group the slowest decay first."""
    found: dict[tuple[object, ...], list[AtlasRow]] = {}
    for row in rows:
        found.setdefault(_alike(row), []).append(row)
    groups = [
        Group(
            protocol=alike[0].protocol,
            length=alike[0].length,
            corpus=alike[0].corpus,
            corpus_about="random tokens" if alike[0].corpus == "random" else alike[0].corpus_about or alike[0].corpus,
            sink_tokens=alike[0].sink_tokens,
            rows=tuple(sorted(alike, key=lambda row: (row.gamma is None, row.gamma or 0.0, row.model))),
        )
        for alike in found.values()
    ]
    # Text before random tokens: it is what the models are made for.
    return tuple(
        sorted(groups, key=lambda g: (g.protocol != "fixed", -len(g.rows), g.corpus == "random", g.length, g.label))
    )


def _alike(row: AtlasRow) -> tuple[object, ...]:
    # The vocabulary that random tokens are drawn from belongs to the model, not to the corpus.
    text = None if row.corpus == "random" else row.corpus_sha256
    # The null of the published protocol depends on which of its distances fit into the prompt.
    distances = row.d_max if row.protocol == "legacy" else None
    return (row.protocol, row.length, row.corpus, text, row.sink_tokens, row.d_min, distances)


def ranked(rows: Sequence[AtlasRow]) -> tuple[Ranked, ...]:
    """`rows`, in their order, with the ranks that hold at 95 % for all of them at once (1: the slowest decay).

    Two rows are told apart when their exponents differ by more than chance allows in any of the pairs (Bonferroni), by the
    normal law with standard errors from the intervals, which are already as wide as few prompts demand. A row's best rank
    counts those surely below it, its worst those not surely above. The prompts of a group are shared, so this is careful.
    A row without an exponent or an interval (one prompt) has no rank, and takes none from the others.
    """
    firm = {
        i: (row.gamma, _se(row)) for i, row in enumerate(rows) if row.gamma is not None and row.gamma_low is not None
    }
    pairs = max(1, len(firm) * (len(firm) - 1) // 2)
    critical = NormalDist().inv_cdf(1 - (1 - LEVEL) / (2 * pairs))

    def surely_below(i: int, j: int) -> bool:
        (ours, our_se), (theirs, their_se) = firm[i], firm[j]
        return theirs - ours > critical * math.hypot(our_se, their_se)

    return tuple(
        Ranked(
            row,
            best=1 + sum(surely_below(j, i) for j in firm) if i in firm else None,
            worst=len(firm) - sum(surely_below(i, j) for j in firm) if i in firm else None,
        )
        for i, row in enumerate(rows)
    )


def _se(row: AtlasRow) -> float:
    """A standard error from the interval, which for few prompts is wider than the row's own."""
    assert row.gamma_low is not None and row.gamma_high is not None
    return (row.gamma_high - row.gamma_low) / (2 * NormalDist().inv_cdf(0.5 + LEVEL / 2))
