"""Who stands where: ratings, ranks and differences in words and tables, models from the best to the worst."""

from __future__ import annotations

from collections import Counter
from math import ceil, log
from typing import TYPE_CHECKING, Any

from ropescope.checks.judging.arena.ballots import Ballots
from ropescope.questions.names import few, listed
from ropescope.report.report import Column, Table

if TYPE_CHECKING:
    from ropescope.quality.ratings.ranks import Difference, Ratings

ALL_PAIRS_TO = 6
"""Models up to which every pair is shown; of more, neighbours."""
_ENDS = 1500
"""One-sided ends times models that are searched for: each takes some ten fits."""


class Standing:
    """Ratings in words and tables, models from the best to the worst."""

    def __init__(self, ballots: Ballots, ratings: Ratings, order: list[int]) -> None:
        self.ballots, self.ratings, self.order = ballots, ratings, order
        self.names = ballots.names
        self.ends = _ENDS // len(order)
        self._found: dict[tuple[int, int], Difference] = {}

    def difference(self, i: int, j: int) -> Difference:
        """How far `i` is ahead of `j`; without an end where searching it would take too long."""
        from ropescope.quality.ratings.ranks import Difference

        key = (i, j)
        if key not in self._found:
            searched = self.ratings.group_of[i] != self.ratings.group_of[j]
            self.ends -= searched
            over = searched and self.ends < 0
            self._found[key] = Difference(None, None, None) if over else self.ratings.difference(i, (j,))
        return self._found[key]

    def ratings_inelo(self, fitted: Ratings | None = None) -> list[float | None]:
        """Above the mean of the largest group that has ratings, in `order`; None for models outside it."""
        fitted, main = fitted or self.ratings, self.ratings.groups[0]
        middle = float(fitted.fit.beta[list(main)].mean())
        rated = main if len(main) > 1 else ()
        return [elo(float(fitted.fit.beta[at]) - middle) if at in rated else None for at in self.order]

    def first_alone(self) -> bool:
        """Whether the best model is surely ahead of every other."""
        return bool(self.ratings.ahead[self.order[0]].sum() == len(self.order) - 1)

    def by(self, i: int, j: int) -> str:
        """`by 70 Elo [0.9, 140]`, `by at least 270 Elo`."""
        one = self.difference(i, j)
        value, low, high = (None if each is None else elo(each) for each in (one.value, one.low, one.high))
        if value is not None and low is not None and high is not None:
            return f"by {value:.1f} Elo [{low:.1f}, {high:.1f}]"
        return (
            f"by at least {low:.0f} Elo"
            if low is not None and low > 0
            else "by a difference that the votes do not bound"
        )

    def verdict(self) -> str:
        """Who is surely ahead of whom, or what is undecided and how many votes would tell."""
        ahead, order, names = self.ratings.ahead, self.order, self.names
        m, sure = len(order), int(ahead.sum())
        first, second = order[0], order[1]
        pairs = m * (m - 1) // 2
        counted = "" if m == 2 else f" {sure:,} of {pairs:,} pairs are sure."
        if self.first_alone():
            whom = names[second] if m == 2 else f"all {m - 1} others, of {names[second]}"
            return f"{names[first]} is surely ahead of {whom} {self.by(first, second)}.{counted}"
        told = self._needed(first, second)
        leading = [at for at in order if self.ratings.ranks[at][0] == 1]
        behind = [at for at in order if all(ahead[leader, at] for leader in leading)]
        if (self.difference(first, second).value or 0) < 0:  # ranks order them otherwise
            first, second = second, first
        if m == 2 or not sure:
            lead = f"{names[first]} leads {names[second]} {self.by(first, second)}"
            return f"Undecided: {lead}; {told}.{counted}"
        surely = (
            f"; {'both' if len(leading) == 2 else 'all'} are surely ahead of {self._some(behind)}" if behind else ""
        )
        return (
            f"Undecided: {self._some(leading)} may each be first{surely}. {names[first]} leads {names[second]} "
            f"{self.by(first, second)}; {told}.{counted}"
        )

    def _some(self, models: list[int]) -> str:
        return some([self.names[at] for at in models], 4)

    def _needed(self, i: int, j: int) -> str:
        more = self._more(i, j)
        if more is not None:
            return f"about {more:,} more votes would tell, if the lead stays"
        same = self.ratings.group_of[i] == self.ratings.group_of[j]
        return "at so small a lead no number of votes would tell" if same else "more votes would tell"

    def _more(self, i: int, j: int) -> int | None:
        """How many more votes would separate two models, in three digits; None where no number of votes like these would."""
        needed, n = self.ratings.votes_to_tell(i, j), self.ratings.votes.n
        if needed is None or needed > 1e4 * n:
            return None
        more = max(ceil(needed) - n, 1)
        scale = int(10 ** max(0, len(str(more)) - 3))
        return ceil(more / scale) * scale

    def pairs(self) -> Table:
        """Differences of every pair, or of neighbours."""
        m = len(self.order)
        every = m <= ALL_PAIRS_TO
        chosen = [(a, b) for at, a in enumerate(self.order) for b in self.order[at + 1 :]] if every else list(
            zip(self.order, self.order[1:], strict=False)
        )  # fmt: skip
        rows = []
        for a, b in chosen:
            one = self.difference(a, b)
            sure = bool(self.ratings.ahead[a, b])
            more = None if sure else self._more(a, b)
            values = (None if each is None else elo(each) for each in (one.value, one.low, one.high))
            rows.append((self.names[a], self.names[b], *values, sure, more))
        return Table(
            "Differences" if every else "Differences of neighbours",
            (
                Column("model"),
                Column("over"),
                Column("difference", "Elo", "+.1f"),
                Column("from", "", "+.1f"),
                Column("to", "", "+.1f"),
                Column("sure"),
                Column("more votes"),
            ),
            tuple(rows),
            "All intervals hold together in 95 % of samples. More votes: what would make it sure four times in five, if the "
            "difference stays. A dash: no end on that side, or no number of votes.",
            limit=30,
        )


def elo(beta: float) -> float:
    return beta * 400 / log(10)


def some(names: list[str], most: int = 6) -> str:
    """All names, or of more than `most` the first and how many more there are."""
    return listed(names) if len(names) <= most else few(names, most - 1)


def rating_table(shown: Standing, plain: Ratings, covariates: list[str]) -> Table:
    ballots, ratings, order = shown.ballots, shown.ratings, shown.order
    main = ratings.groups[0]
    without_them = shown.ratings_inelo(plain)
    won, tied, lost = Counter[int](), Counter[int](), Counter[int]()
    for a, b, outcome in zip(ballots.first, ballots.second, ballots.outcome, strict=True):
        if outcome == 0:
            tied.update((a, b))
        else:
            won[a if outcome > 0 else b] += 1
            lost[b if outcome > 0 else a] += 1
    rows = []
    for place, (at, rating) in enumerate(zip(order, shown.ratings_inelo(), strict=True)):
        behind = shown.difference(order[0], at) if at != order[0] else None
        ends = (None, None) if behind is None else (behind.low, behind.high)
        row: list[Any] = [ballots.names[at], _rank_text(ratings.ranks[at]), rating]
        if covariates:
            row += [without_them[place], _rank_text(plain.ranks[at])]
        row += [None if end is None else elo(end) for end in ends]
        rows.append((*row, won[at], tied[at], lost[at]))
    without = (Column("without", "", "+.1f"), Column("rank")) if covariates else ()
    columns = (
        Column("model"),
        Column("rank"),
        Column("rating", "Elo", "+.1f"),
        *without,
        Column("behind from", "", "+.1f"),
        Column("to", "", "+.1f"),
        Column("won"),
        Column("tied"),
        Column("lost"),
    )
    apart = (
        ""
        if len(main) == len(order)
        else " A dash: a model that never lost, or never won, against the rest has a bound only."
    )
    note = (
        f"Ratings are above the mean of {'all models' if not apart else 'the models that have one'}.{apart} "
        "Behind: Elo behind the first model, at least and at most."
    )
    if covariates:
        note += f" Without, with its rank: as the votes are, not at equal {' and '.join(covariates)}."
    return Table("Ratings", columns, tuple(rows), note, limit=30)


def _rank_text(rank: tuple[int, int]) -> str:
    return str(rank[0]) if rank[0] == rank[1] else f"{rank[0]}–{rank[1]}"
