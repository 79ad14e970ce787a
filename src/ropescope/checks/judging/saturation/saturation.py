"""Does this benchmark still separate models? From its number of items, and scores if there are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final, NamedTuple

from ropescope.checks.judging.paired import LEVEL
from ropescope.checks.judging.saturation.benchmarks import Benchmark, benchmarks, find, near
from ropescope.checks.judging.saturation.figure import score_figure
from ropescope.checks.judging.scores import Gap, Score, Scores, detectable, holm, needed_items, unpaired
from ropescope.quality.intervals import wilson
from ropescope.questions.domains import Whole
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Text
from ropescope.questions.question import Run
from ropescope.report.dated import dated
from ropescope.report.report import Basis, Column, Fact, Report, Step, Table

SCHEMA: Final = "ropescope.saturation/1"
LEVELS: Final = (0.5, 0.7, 0.9, 0.95)
FORMULA: Final = "1.96·√(2p(1−p)/n)"
_ROUGH: Final = "So few items right or wrong make the z test rough: read a p near 0.05 as undecided."
_LEAST: Final = 10
_CAVEATS: Final = (
    "Each item counts as right or wrong, and models as independent. On the same items a paired test of per-item logs can see "
    "smaller gaps.",
    "Scores that other people ran differ by prompt, harness and sampling too, which no interval here covers.",
)


@dataclass(frozen=True, kw_only=True)
class SaturationInputs:
    """A benchmark by name or by its number of items, and scores on it."""

    benchmark: str | None = asked(
        Text(), "A benchmark such as GSM8K or GPQA-Diamond; left out: all that are known.", default=None, placed=True
    )
    scores: tuple[Score, ...] = asked(Scores(), "Scores on it, as A=95.1,B=93.8.", default=())
    n: int | None = asked(Whole(1, 10**9), "Its number of items, if it is not known or a part was run.", default=None)


class PairOf(NamedTuple):
    """Two models, the better first; adjusted: p after Holm over all pairs."""

    better: Score
    worse: Score
    gap: Gap
    adjusted: float

    @property
    def separate(self) -> bool:
        """Whether sampling alone does not explain the gap, at 5 % over all pairs."""
        return self.adjusted < LEVEL


def answer(inputs: SaturationInputs, run: Run) -> Report:
    """Which gap a benchmark can show, which of the scores it separates, and what its labels leave."""
    known = None if inputs.benchmark is None else find(inputs.benchmark)
    if inputs.benchmark is None and inputs.n is None and not inputs.scores:
        return _all_report()
    n = inputs.n or (known.n if known else None)
    if n is None:
        return _not_known(inputs.benchmark)
    name = known.name if known else inputs.benchmark or "the benchmark"
    scores = sorted(_named(inputs.scores), key=lambda one: -one.share)
    pairs = _pairs(scores, n)
    faulty = known.faulty if known and known.faulty_of == "all" else None
    holds, verdict = _verdict(name, n, scores, pairs, faulty)
    intervals = [wilson(one.share * n, n) for one in scores]
    return Report(
        f"Saturation: {name}, {_items(n)}",
        verdict,
        facts=_facts(known, n, inputs.n is not None, scores),
        tables=tuple(filter(None, (_score_table(scores, pairs, n), _pair_table(pairs)))),
        figures=(score_figure(f"{_capital(name)}: {_items(n)}", scores, intervals, faulty),) if scores else (),
        caveats=(*_CAVEATS[: 2 if scores else 1], *([_ROUGH] if _is_rough(scores, n) else [])),
        next_steps=(
            Step("drift", {"first": "…", "second": "…"}, "Compare two models item by item, from lm-eval's logs"),
        ),
        data=_data(name, n, known, scores, pairs),
        holds=holds,
    )


def _is_rough(scores: Sequence[Score], n: int) -> bool:
    return any(n * min(one.share, 1 - one.share) < _LEAST for one in scores)


def _named(scores: Sequence[Score]) -> list[Score]:
    """The scores, each under a name of its own: one without is called as it is."""
    found: dict[str, Score] = {}
    for one in scores:
        name, again = one.name or f"{one.percent:.4g} %", 2
        while name in found:
            name, again = f"{one.percent:.4g} % ({again})", again + 1
        found[name] = Score(name, one.share)
    return list(found.values())


def _pairs(scores: Sequence[Score], n: int) -> list[PairOf]:
    both = list(combinations(scores, 2))
    gaps = [unpaired(worse.share, n, better.share, n) for better, worse in both]
    return [PairOf(*two, gap, p) for two, gap, p in zip(both, gaps, holm(gap.p for gap in gaps), strict=True)]


def _verdict(
    name: str, n: int, scores: Sequence[Score], pairs: Sequence[PairOf], faulty: float | None
) -> tuple[bool | None, str]:
    if not scores:
        gaps = ", ".join(f"{_points(detectable(level, n))} at {100 * level:g} %" for level in LEVELS)
        return None, f"{_capital(name)} ({_items(n)}) tells two models apart if they differ by {gaps}."
    best, room = scores[0], 1 - scores[0].share
    least = detectable(best.share, n)
    full = ""
    if room == 0:
        full = f"No model can stand above {best.name}, which is perfect."
    elif unpaired(best.share, n, 1.0, n).p >= LEVEL:
        full = f"Even a perfect score would not be surely above {best.name}: only {_points(room)} are left."
    elif faulty is not None and room < faulty:
        full = (
            f"{best.name} misses {100 * room:.2g} %, and a study found {100 * faulty:.2g} % of the items faulty: gaps above it may "
            "be labels."
        )
    if room <= least:
        left = full or f"Above {best.name}, {_points(room)} are left: only a score near 100 % would be surely higher."
    else:
        left = full or f"Above {best.name}, {_points(room)} are left, and gaps show from {_points(least)}."
    found, where = sum(pair.separate for pair in pairs), f"{name} ({_items(n)})"
    if pairs and found == len(pairs):
        return True, f"Yes: {where} separates {'the two scores' if found == 1 else f'all {found} pairs'}. {left}"
    if found:
        return None, f"In part: {where} separates {found} of {len(pairs)} pairs. {left}"
    apart = "does not separate the two scores" if len(pairs) == 1 else f"separates none of {len(pairs)} pairs"
    if not pairs:
        return not full, f"{'No' if full else 'Yes'}, at {best.percent:.4g} % on {where}. {left}"
    if full:
        return False, f"No: {where} {apart}. {left}"
    widest = max(pairs, key=lambda pair: pair.gap.difference)
    needed = _needed(widest)
    more = f" About {needed:,} items would show the widest gap, {_points(widest.gap.difference)}." if needed else ""
    return None, f"Undecided: {where} {apart}.{more}"


def _items(n: int) -> str:
    return "1 item" if n == 1 else f"{n:,} items"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _points(share: float) -> str:
    text = f"{100 * share:.2g}"
    return f"{text} point" if text == "1" else f"{text} points"


def _needed(pair: PairOf) -> int | None:
    return needed_items(pair.worse.share, pair.better.share)


def _facts(known: Benchmark | None, n: int, given: bool, scores: Sequence[Score]) -> tuple[Fact, ...]:
    basis: Basis = "assumed" if given or known is None else "published"
    source = "as given" if given or known is None else _source(known)
    note = "" if known is None or known.n == n else f"{known.name} has {known.n:,}: {_source(known)}"
    found = [Fact("items", n, basis=basis, source=source, note=note)]
    levels = [scores[0].share] if scores else LEVELS
    found += [
        Fact(f"smallest gap at {100 * level:.4g} %", 100 * detectable(level, n), "points", "formula", FORMULA)
        for level in levels
    ]
    if len(scores) == 1:
        ends = wilson(scores[0].share * n, n)
        assert ends.low is not None and ends.high is not None
        found.append(
            Fact("score", scores[0].percent, "%", "assumed", "as given; Wilson", (100 * ends.low, 100 * ends.high))
        )
    if known is not None and known.faulty is not None:
        share = 100 * known.faulty
        found.append(Fact("faulty items", share, "%", "published", known.faulty_source, note=known.faulty_note))
    return tuple(found)


def _source(known: Benchmark) -> str:
    return ", ".join(filter(None, (known.source, known.items_of, known.taken, dated(known.taken))))


def _score_table(scores: Sequence[Score], pairs: Sequence[PairOf], n: int) -> Table | None:
    if len(scores) < 2:
        return None
    rows = []
    for one in scores:
        above = sum(pair.separate and pair.worse == one for pair in pairs)
        below = sum(pair.separate and pair.better == one for pair in pairs)
        ends = wilson(one.share * n, n)
        low, high = (None if end is None else 100 * end for end in (ends.low, ends.high))
        first, last = 1 + above, len(scores) - below
        rows.append((one.name, one.percent, low, high, str(first) if first == last else f"{first} to {last}"))
    columns = (
        Column("model"),
        Column("score", "%", ".4g"),
        Column("from", "%", ".1f"),
        Column("to", "%", ".1f"),
        Column("rank"),
    )
    return Table(
        "Scores",
        columns,
        tuple(rows),
        "95 % sampling intervals (Wilson). Rank: places that no separate pair rules out.",
    )


def _pair_table(pairs: Sequence[PairOf]) -> Table | None:
    if not pairs:
        return None
    columns = (
        Column("better"), Column("worse"), Column("gap", "points", ".2f"), Column("from", format="+.2f"),
        Column("to", format="+.2f"), Column("p (Holm)", format=".2g"), Column("separate"), Column("items needed", format=",d"),
    )  # fmt: skip
    rows = tuple(
        (
            pair.better.name, pair.worse.name, 100 * pair.gap.difference, 100 * pair.gap.low, 100 * pair.gap.high,
            pair.adjusted, pair.separate, None if pair.separate else _needed(pair),
        )
        for pair in pairs
    )  # fmt: skip
    note = (
        "Unpaired z tests with a pooled error, p after Holm over all pairs; Newcombe's intervals. Items needed: for the same gap "
        "at 5 %, power 80 %."
    )
    return Table("Pairs", columns, rows, note, 20)


def _not_known(benchmark: str | None) -> Report:
    name = benchmark or "the benchmark"
    alike = near(benchmark) if benchmark else []
    hint = f" Known and spelled alike: {', '.join(alike)}." if alike else ""
    return Report(
        f"Saturation: {name}",
        f"Not known: how many items {name} has, and so which gap it can show. Give `n`.{hint}",
        next_steps=(Step("saturation", {}, "The benchmarks whose items are known"),),
        data={"schema": SCHEMA, "benchmark": benchmark, "n": None, "alike": alike},
    )


def _all_report() -> Report:
    rows = tuple(
        (
            one.name, one.n, one.items_of, *(100 * detectable(level, one.n) for level in (0.5, 0.9, 0.95)),
            100 * one.faulty if one.faulty and one.faulty_of == "all" else None, _source(one), one.licence,
        )
        for one in benchmarks()
    )  # fmt: skip
    columns = (
        Column("benchmark"), Column("items", format=",d"), Column("which"), Column("gap at 50 %", format=".2g"),
        Column("at 90 %", format=".2g"), Column("at 95 %", format=".2g"), Column("faulty", "%", ".2g"), Column("source"),
        Column("licence"),
    )  # fmt: skip
    note = f"Gaps: {FORMULA}, in points. Faulty: share of all items that a study of the labels found wrong or unclear."
    return Report(
        "Benchmarks and the gaps they can show",
        f"The items of {len(rows)} benchmarks are known; at 90 %, MMLU shows gaps from {100 * detectable(0.9, 14_042):.1f} points "
        f"and AIME from {100 * detectable(0.9, 30):.0f}.",
        tables=(Table("Benchmarks", columns, rows, note),),
        caveats=_CAVEATS[:1],
        next_steps=(
            Step("saturation", {"benchmark": "GSM8K", "scores": "A=97.1,B=95.2"}, "Whether one separates two scores"),
        ),
        data={
            "schema": SCHEMA,
            "benchmarks": [
                {"name": one.name, "n": one.n, "source": one.source, "taken": one.taken} for one in benchmarks()
            ],
        },
    )


def _data(
    name: str, n: int, known: Benchmark | None, scores: Sequence[Score], pairs: Sequence[PairOf]
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "benchmark": name,
        "n": n,
        "n_source": known.source if known and known.n == n else "given",
        "faulty": known.faulty if known and known.faulty_of == "all" else None,
        "detectable": {f"{level:g}": detectable(level, n) for level in LEVELS},
        "scores": [one._asdict() for one in scores],
        "pairs": [
            {
                "better": pair.better.name,
                "worse": pair.worse.name,
                "difference": pair.gap.difference,
                "p": pair.gap.p,
                "p_holm": pair.adjusted,
                "separate": pair.separate,
                "items_needed": _needed(pair),
            }
            for pair in pairs
        ],
    }
