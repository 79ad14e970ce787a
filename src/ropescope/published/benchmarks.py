"""Published scores of long-context models by length, one file of rows for each benchmark, with who ran them.

RULER (Hsieh et al., 2024, arXiv:2404.06654): `ruler.csv` is the leaderboard in the README of github.com/NVIDIA/RULER as it
stood after its pull request 94 of 2025-07-21; the README has since been rewritten without it. `ruler_reports.csv` holds rows
of technical reports and model cards. Rows of an open pull request (Qwen3 2507) are left out: nobody of RULER accepted them.
NoLiMa (Modarressi et al., 2025, arXiv:2502.05167): tables 3 and 10. Its needles and code are for non-commercial use; none
are here, only the figures. HELMET (Yen et al., 2024, arXiv:2410.02694): the means of its seven categories, from
data/agg_results_*.csv of its repository; rows whose weights are not named there exactly (Llama-4-17B), or were changed
(another RoPE base), are left out. LongBench v2 (Bai et al., 2024, arXiv:2412.15204): the leaderboard of its page.
"""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark. `columns` are what a score is given for: lengths ("4K" is 4,096 tokens) or classes of length.

    base_columns: their mean is what the others are compared with, where a row states no base of its own. base: that in
    words. threshold: what a score must exceed for its length to be effective, in percent (of the base, with `of_base`).
    chance: the score of guessing. worth: what a reader must know. files: names without ".csv"; the first is ranked.
    """

    name: str
    columns: tuple[str, ...]
    files: tuple[str, ...]
    as_of: str
    address: str
    worth: str
    base: str = ""
    base_columns: tuple[str, ...] = ()
    threshold: float | None = None
    of_base: bool = False
    chance: float = 0.0

    @property
    def by_length(self) -> bool:
        """Whether its columns are numbers of tokens."""
        return self.columns[0].endswith("K")


RULER: Final = Benchmark(
    "RULER",
    ("4K", "8K", "16K", "32K", "64K", "128K"),
    ("ruler", "ruler_reports"),
    "2025-07-21",
    "https://github.com/NVIDIA/RULER",
    "RULER is synthetic (retrieval, tracing, aggregation, two question-answering sets); its authors call it a check that "
    "cannot replace realistic tasks. Only the scores run by its authors share one harness.",
    "mean of 4K and 8K",
    ("4K", "8K"),
    threshold=85.6,  # Llama-2-7b-chat at 4K, which the leaderboard takes
)
NOLIMA: Final = Benchmark(
    "NoLiMa",
    ("1K", "2K", "4K", "8K", "16K", "32K", "64K", "128K"),
    ("nolima",),
    "2025-07",
    "https://arxiv.org/abs/2502.05167",
    "NoLiMa plants one fact that shares no words with the question. It tests associations with world knowledge, in English, "
    "and not reasoning in general.",
    "base score",
    threshold=85.0,
    of_base=True,
)
HELMET: Final = Benchmark(
    "HELMET",
    ("8K", "16K", "32K", "64K", "128K"),
    ("helmet",),
    "2025-04",
    "https://github.com/princeton-nlp/HELMET",
    "HELMET's score is a mean over seven kinds of task with different metrics, which can move in opposite directions.",
    "score at 8K",
    ("8K",),
)
LONGBENCH: Final = Benchmark(
    "LongBench v2",
    ("overall", "short", "medium", "long"),
    ("longbench_v2",),
    "2025-07-28",
    "https://longbench2.github.io",
    "LongBench v2 has other tasks in each class of length (short: to 32k words, medium: to 128k, long: to 2M), so a fall "
    "between classes is no effect of length alone. Guessing scores 25 %.",
    chance=25.0,
)
BENCHMARKS: Final = (RULER, NOLIMA, HELMET, LONGBENCH)


@dataclass(frozen=True, slots=True)
class Row:
    """One model on one benchmark. `scores` and `samples` have a value for each of its columns, None where none is given.

    `claimed_length` and `effective_length` are as the source writes them ("128K", ">128K"); `hub_id` is empty for models
    that are not on the Hub. `base` is the source's own; `setting` a way of prompting. `source_date` is a day or a month.
    """

    benchmark: Benchmark
    name: str
    hub_id: str
    size: str
    claimed_length: str
    effective_length: str
    scores: tuple[float | None, ...]
    base: float | None
    average: float | None
    samples: tuple[int | None, ...]
    run_by: str
    source: str
    source_date: str
    licence: str
    setting: str = ""
    note: str = ""

    @property
    def label(self) -> str:
        """The Hub id, or the published name of a model that has none."""
        return self.hub_id or self.name

    @property
    def title(self) -> str:
        """The label, with the setting where there is one."""
        return f"{self.label} ({self.setting})" if self.setting else self.label

    @property
    def citation(self) -> str:
        """The source in short: arXiv:… or an address without its scheme."""
        return self.source.removeprefix("https://").replace("arxiv.org/abs/", "arXiv:")

    @property
    def ran(self) -> str:
        """Who ran it: "run by the RULER authors", "reported by the model authors"."""
        if self.run_by == "model authors":
            return "reported by the model authors"
        name = self.run_by.removesuffix(" authors")
        return f"run by {name}" if name == self.run_by else f"run by the {name} authors"

    @property
    def origin(self) -> str:
        """Who ran it, where it is published, and when."""
        return f"{self.ran}, {self.citation}, {self.source_date}"

    @property
    def scored(self) -> list[str]:
        """The columns that have a score."""
        return [column for column, score in zip(self.benchmark.columns, self.scores, strict=True) if score is not None]

    @property
    def longest(self) -> str:
        """The longest length that has a score; "overall" where the columns are no lengths."""
        return self.scored[-1] if self.benchmark.by_length else "overall"

    def score(self, column: str) -> float | None:
        """The score in percent at a column of the benchmark; None where it is not given."""
        return dict(zip(self.benchmark.columns, self.scores, strict=True)).get(column)

    def claims(self, column: str) -> bool | None:
        """Whether a length ("32K") lies within the context that the model claims; None for what is no length."""
        if not self.benchmark.by_length:
            return None
        return tokens(column) <= tokens(self.claimed_length)


def tokens(length: str) -> int:
    """The tokens of "4K" or "1M": 4,096 and 1,048,576."""
    number, unit = re.fullmatch(r"(\d+)([KM])", length.upper()).groups()  # type: ignore[union-attr]
    return int(number) * (2**20 if unit == "M" else 2**10)


@functools.cache
def ranked_rows(benchmark: Benchmark) -> tuple[Row, ...]:
    """The rows of a benchmark's own table, in its order."""
    return _rows(benchmark, benchmark.files[0])


@functools.cache
def rows(benchmark: Benchmark) -> tuple[Row, ...]:
    """All rows of a benchmark: those of its own table, and those that others report."""
    return tuple(row for name in benchmark.files for row in _rows(benchmark, name))


def _rows(benchmark: Benchmark, name: str) -> tuple[Row, ...]:
    with Path(__file__).with_name(f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(_row(benchmark, line) for line in csv.DictReader(file))


def _row(benchmark: Benchmark, line: Mapping[str, str]) -> Row:
    numbers = {name: float(line[name]) if line.get(name) else None for name in (*benchmark.columns, "base", "average")}
    counts: list[int | None] = [int(n) for n in line["samples"].split()]
    samples = counts * len(benchmark.columns) if len(counts) == 1 else counts + [None] * len(benchmark.columns)
    words: dict[str, Any] = {
        name: line.get(name, "")
        for name in ("name", "hub_id", "size", "claimed_length", "effective_length", "run_by", "source", "source_date")
    }
    return Row(
        benchmark,
        **words,
        scores=tuple(numbers[column] for column in benchmark.columns),
        base=numbers["base"],
        average=numbers["average"],
        samples=tuple(samples[: len(benchmark.columns)]),
        licence=line["licence"],
        setting=line.get("setting", ""),
        note=line["note"],
    )
