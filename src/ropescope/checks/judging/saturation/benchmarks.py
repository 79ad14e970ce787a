"""Benchmarks by name: how many items each has, and what a study of its labels found. The figures are in benchmarks.csv."""

from __future__ import annotations

import csv
import functools
import re
from dataclasses import dataclass
from pathlib import Path

from ropescope.questions.names import nearest


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark as its source counts it. taken: the day the figure was read.

    faulty: the share of items that a study found to be wrong or unclear, None without one; faulty_of: "all" where that share
    is of the whole benchmark, "part" where it is of a part.
    """

    name: str
    items_of: str
    n: int
    source: str
    licence: str
    taken: str
    faulty: float | None
    faulty_of: str
    faulty_note: str
    faulty_source: str


@functools.cache
def benchmarks() -> tuple[Benchmark, ...]:
    """All of them, in the order of the file."""
    return tuple(_by_name().values())


def find(name: str) -> Benchmark | None:
    """The benchmark of that name, however it is spelled; None for one that is not known."""
    words = _plain(name)
    return next((one for key, one in _keys().items() if key == words), None)


def near(name: str) -> list[str]:
    """Names of known benchmarks that are spelled alike."""
    found = nearest(_plain(name), _keys(), n=3)
    return list(dict.fromkeys(_keys()[key].name for key in found))


@functools.cache
def _keys() -> dict[str, Benchmark]:
    keys = {_plain(name): one for name, one in _by_name().items()}
    with Path(__file__).with_name("benchmarks.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            keys |= {alias: _by_name()[row["name"]] for alias in row["aliases"].split(";") if alias}
    return keys


@functools.cache
def _by_name() -> dict[str, Benchmark]:
    with Path(__file__).with_name("benchmarks.csv").open(encoding="utf-8", newline="") as file:
        return {row["name"]: _row(row) for row in csv.DictReader(file)}


def _row(row: dict[str, str]) -> Benchmark:
    faulty = float(row["faulty"]) if row["faulty"] else None
    words = {name: row[name] for name in ("name", "items_of", "source", "licence", "taken")}
    return Benchmark(
        **words,
        n=int(row["n"]),
        faulty=faulty,
        faulty_of=row["faulty_of"],
        faulty_note=row["faulty_note"],
        faulty_source=row["faulty_source"],
    )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
