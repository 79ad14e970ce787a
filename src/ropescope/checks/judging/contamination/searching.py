"""A test's items looked for in a corpus: which files are read, what is counted, and how it is shown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ropescope.checks.judging.contamination.overlap import MOST_TOKENS, Index, Match, tokens
from ropescope.errors import FormatError, InputError
from ropescope.local_files import open_bytes
from ropescope.models.table_rows import read_rows
from ropescope.models.text_files import READABLE, text_pieces
from ropescope.models.text_kinds import kind_of
from ropescope.questions.names import shown
from ropescope.questions.question import Run
from ropescope.report.report import Column, Fact, Figure, Table
from ropescope.report.theme import BLUE

MOST_FILES = 100_000
TEXT_COLUMNS = ("text", "question", "prompt", "problem", "input", "instruction", "query")
SHARES = (1.0, 0.75, 0.5, 0.25)
_SHOWN_WORDS = 24

CONTAM = "ConTAM's longest contaminated substring, arXiv:2411.03923"


@dataclass(frozen=True)
class Searched:
    """The items that are long enough, their longest runs, and how much was read.

    places: where each item stands. short: items of fewer than n words, which are left out.
    """

    places: list[str]
    words: list[list[str]]
    matches: list[Match]
    short: int
    n: int
    n_tokens: int
    n_texts: int

    def at_least(self, share: float) -> int:
        """How many items have that share or more."""
        return sum(match.share >= share - 1e-12 for match in self.matches)

    @property
    def touched(self) -> int:
        """How many items share n words in a row."""
        return sum(match.matched > 0 for match in self.matches)

    def sentences(self) -> list[tuple[bool, str]]:
        """(whether it is evidence, what is found) in one sentence."""
        m = len(self.matches)
        if not m:
            return [(False, f"All {self.short:,} items are shorter than {self.n} words, too short to tell.")]
        if not self.touched:
            nothing = "The item does not share" if m == 1 else f"None of {m:,} items shares"
            return [
                (
                    False,
                    f"{nothing} {self.n} words in a row with the corpus of {self.n_tokens:,} words.",
                )
            ]
        half, full = self.at_least(0.5), self.at_least(1)
        of = f"of {m:,} {'item' if m == 1 else 'items'}"
        share = f" share {self.n} words in a row or more"
        if self.touched == 1:
            share = f" shares {self.n} words in a row or more"
        if not half:
            best = 100 * max(match.share for match in self.matches)
            return [
                (
                    True,
                    f"{self.touched:,} {of}{share} with the corpus; none overlaps it by half ({best:.0f} % at most).",
                )
            ]
        overlap = "overlaps the corpus" if half == 1 else "overlap the corpus"
        found = f"{half:,} {of} {overlap} by half or more in one run of words ({full:,} in full)"
        return [(True, f"{found}; {self.touched:,}{share}.")]

    def facts(self) -> list[Fact]:
        """How many items and words, and the mean share."""
        facts = [
            Fact(
                "items searched",
                len(self.matches),
                note=f"{self.short:,} shorter than {self.n} words" if self.short else "",
            ),
            Fact("corpus", self.n_tokens, "words", note="1 text" if self.n_texts == 1 else f"{self.n_texts:,} texts"),
        ]
        if self.matches:
            mean = sum(match.share for match in self.matches) / len(self.matches)
            facts.append(Fact("mean share", round(mean, 4), "", "measured", CONTAM))
        return facts

    def tables(self) -> list[Table]:
        """Items by share, and those with the longest runs; none where nothing is found."""
        m = len(self.matches)
        if not self.touched:
            return []
        counts = [(f"{100 * share:.0f} %", self.at_least(share), 100 * self.at_least(share) / m) for share in SHARES]
        counts.append((f"{self.n} words", self.touched, 100 * self.touched / m))
        best = sorted(range(m), key=lambda at: (-self.matches[at].share, -self.matches[at].matched, at))
        rows = []
        for at in best[:200]:
            match = self.matches[at]
            if not match.matched:
                break
            run = self.words[at][match.start : match.end]
            text = " ".join(run[:_SHOWN_WORDS]) + (" …" if len(run) > _SHOWN_WORDS else "")
            rows.append((self.places[at], match.share, match.matched, match.size, match.source, text))
        return [
            Table(
                "Items by the share of their longest run",
                (Column("at least"), Column("items"), Column("of all", "%", ".1f")),
                tuple(counts),
                "No one share means contaminated: ConTAM finds it differs by model and test.",
            ),
            Table(
                "Items with the longest runs",
                (
                    Column("item"),
                    Column("share", "", ".2f"),
                    Column("words"),
                    Column("of"),
                    Column("found in"),
                    Column("longest run"),
                ),
                tuple(rows),
                "Found in: where the first words of the run stand.",
                limit=12,
            ),
        ]

    def figure(self) -> Figure:
        """How many items have which share."""
        names = ("none", "below 25 %", "25 to 50 %", "50 to 75 %", "75 % and more", "in full")
        counts = dict.fromkeys(names, 0)
        for match in self.matches:
            place = 0 if not match.matched else 1 + sum(match.share >= least for least in SHARES)
            counts[names[place]] += 1
        rows = [{"share": name, "items": count} for name, count in counts.items()]
        order = {"type": "nominal", "sort": list(names)}
        y = {**order, "field": "share", "title": None}
        x = {
            "field": "items",
            "type": "quantitative",
            "title": "items",
            "axis": {"labels": False, "ticks": False, "grid": False},
        }
        spec = {
            "width": 440,
            "height": {"step": 30},
            "data": {"values": rows},
            "encoding": {"y": y, "x": x},
            "layer": [
                {"mark": {"type": "bar", "color": BLUE, "height": {"band": 0.7}}},
                {
                    "mark": {"type": "text", "align": "left", "dx": 4},
                    "encoding": {"text": {"field": "items", "format": ",d"}},
                },
            ],
        }
        caption = (
            f"Items by the share of their words in the longest run that is in the corpus, {self.n} in a row or more."
        )
        return Figure("shares", "How much of each item stands in the corpus", spec, caption)

    def data(self) -> dict[str, Any]:
        """The share of every item."""
        return {
            "n": self.n,
            "corpus_words": self.n_tokens,
            "too_short": self.short,
            "items": [
                {
                    "item": place,
                    "share": match.share,
                    "matched": match.matched,
                    "words": match.size,
                    "found_in": match.source,
                }
                for place, match in zip(self.places, self.matches, strict=True)
            ],
        }


def search(
    items: Path, item_column: str | None, corpus: tuple[Path, ...], corpus_column: str, n: int, skips: int, run: Run
) -> Searched:
    """Look for the items in the corpus. Raises InputError and FormatError for what cannot be read, or is too much."""
    files = list(_files(corpus))
    places, words, short, total = [], [], 0, 0
    for place, text in _items(items, item_column):
        found = tokens(text)
        total += len(found)
        if total > MOST_TOKENS:
            raise FormatError(f"{place}: the items have more than {MOST_TOKENS:,} words; give a part of them.")
        if len(found) < n:
            short += 1
            continue
        places.append(place)
        words.append(found)
    if not words and not short:
        raise FormatError(f"{items} holds no item: give one a line, or a table with a column of text.")
    if os.path.realpath(items) in map(os.path.realpath, files):
        raise InputError(
            "corpus", f"`corpus` holds {items}, the file of the items: every item would be found in it; move it."
        )
    index = Index(words, n)
    run.say(f"Reading {len(files)} files for {len(words):,} items")
    n_texts = 0
    for done, file in enumerate(files):
        run.progress(done, len(files), file.name)
        for number, pieces in enumerate(text_pieces(file, column=corpus_column), 1):
            n_texts += 1
            index.read(pieces, f"{file.name}" if kind_of(file) in (".txt", ".md") else f"{file.name}, text {number:,}")
    run.progress(len(files), len(files), "")
    return Searched(places, words, index.matches(skips), short, n, index.n_tokens, n_texts)


def _files(corpus: tuple[Path, ...]) -> Iterator[Path]:
    count = 0
    for path in corpus:
        if path.is_dir():
            inside = [each for each in sorted(path.rglob("*")) if each.is_file() and kind_of(each) in READABLE]
            if not inside:
                raise InputError("corpus", f"`corpus`: {path} holds no text file ({', '.join(READABLE)}).")
        else:
            inside = [path]
        count += len(inside)
        if count > MOST_FILES:
            raise InputError("corpus", f"`corpus` has more than {MOST_FILES:,} files: give a part of them.")
        yield from inside


def _items(path: Path, column: str | None) -> Iterator[tuple[str, str]]:
    """(where an item stands, its text)."""
    suffix = kind_of(path)
    if suffix == ".parquet":
        raise InputError("items", f"`items`: {path} is a parquet file: save it as .csv or .jsonl.")
    if suffix in (".txt", ".md", "") and not _is_json(path):
        if column is not None:
            raise InputError(
                "item_column", f"`item_column` is given, and {path} has no columns: it has an item a line."
            )
        for number, line in enumerate("".join(next(iter(text_pieces(path, column="")))).split("\n"), 1):
            if line.strip():
                yield f"{path.name}:{number}", line
        return
    for where, row in read_rows(path):
        name = column or next((each for each in TEXT_COLUMNS if each in row), None)
        if name is None or name not in row:
            listed = ", ".join(list(row)[:12]) or "none"
            raise InputError(
                "item_column",
                f"`item_column`: {where} has no column {shown(name or 'text')} (there are {listed}): name one.",
            )
        value = row[name]
        if not isinstance(value, str):
            raise FormatError(f"{where}: column {name} holds {shown(value)}, not text.")
        if value.strip():
            yield Path(where).name, value


def _is_json(path: Path) -> bool:
    try:
        with open_bytes(path) as file:
            return file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
    except OSError:
        return False
