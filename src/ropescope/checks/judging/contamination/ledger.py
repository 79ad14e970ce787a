"""Published reports that a test stands in a model's training text: rows of the CONDA database, as they are written there.

The database of the Workshop on Data Contamination (CONDA 2024; MIT) had 566 when its paper was written (arXiv:2407.21530). Here
are those that could be read in its change history; all of them are behind the link.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

DATABASE: Final = "https://huggingface.co/spaces/CONDA-Workshop/Data-Contamination-Database"
TAKEN: Final = "2024-06"

PART_OF: Final[Mapping[str, str]] = {"math500": "math"}
"""Tests that are part of another."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: the share in percent of each split that was reported, "" where the row has none."""

    dataset: str
    subset: str
    source: str
    kind: str
    train: str
    dev: str
    test: str
    approach: str
    reference: str
    pull_request: str
    note: str

    @property
    def said(self) -> str:
        """As in: test 1 %, train 100 %, share assumed; data-based."""
        splits = (("test", self.test), ("dev", self.dev), ("train", self.train))
        shares = ", ".join(f"{name} {float(value):g} %" for name, value in splits if value)
        return f"{shares}{', share assumed' if self.note else ''}; {self.approach}"

    @property
    def clean(self) -> bool:
        """Whether it reports that nothing was found."""
        return all(float(value or 0) == 0 for value in (self.train, self.dev, self.test))

    @property
    def cited(self) -> str:
        """The reference in short: arXiv:… or its address."""
        return self.reference.removeprefix("https://").replace("arxiv.org/abs/", "arXiv:")


@cache
def entries() -> tuple[Entry, ...]:
    """All rows that are here."""
    with Path(__file__).with_name("conda.csv").open(encoding="utf-8", newline="") as file:
        return tuple(Entry(**row) for row in csv.DictReader(file))


def reports_of(benchmark: str) -> tuple[Entry, ...]:
    """The rows of a test: those whose name, or a part of it, is `benchmark`."""
    asked = _plain(benchmark)
    wanted = {asked, PART_OF.get(asked, asked)}
    return tuple(entry for entry in entries() if wanted & _parts(entry.dataset))


def is_about(entry: Entry, model: str) -> bool:
    """Whether a row is of `model`: the same name, with or without its organisation, or a version of it."""
    asked = _plain(model.rpartition("/")[2])
    return asked == _plain(entry.source.rpartition("/")[2]) or asked == _plain(entry.source.partition("/")[0])


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9.]", "", name.rpartition("/")[2].lower())


def _parts(dataset: str) -> set[str]:
    """What a data set may be called: its name, and any of its words that stand together."""
    words = re.split(r"[^a-z0-9.]+", dataset.rpartition("/")[2].lower())
    return {"".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1)}
