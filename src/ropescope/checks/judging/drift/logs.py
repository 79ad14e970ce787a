"""One per-sample log of lm-eval (samples_TASK_DATE.jsonl, versions 0.4.3 to 0.4.13) as rows that can be paired.

A row is one document under one filter. Versions before 0.4.7 name neither the filter nor the metrics: there the filters follow
one another, and every key that is not lm-eval's own is a metric.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any, Final

from ropescope.errors import FormatError, SourceError
from ropescope.local_files import open_bytes

MOST_LINE_BYTES: Final = 32 << 20
MOST_ROWS: Final = 500_000
INVALID: Final = "[invalid]"
"""What lm-eval's regex filters give for an answer that they cannot read."""
OWN: Final = frozenset(
    "doc_id doc target arguments resps filtered_resps filter metrics doc_hash prompt_hash target_hash".split()
)
_DATED: Final = re.compile(r"samples_(.+)_(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)\.jsonl")
_SHOWN: Final = 120


@dataclass(frozen=True, slots=True)
class Row:
    """A document under a filter. scores: by metric, one value or several (one an instruction). prompt, target: their hashes."""

    line: int
    doc_id: int
    doc: str
    prompt: str
    target: str
    answer: str
    scores: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Log:
    """The rows of a log by filter. task, date: from the file's name, "" where it does not tell. left_out: metrics that are no
    number a document, as the pairs of perplexity are."""

    path: Path
    task: str
    date: str
    filters: Mapping[str, tuple[Row, ...]] = field(repr=False)
    left_out: frozenset[str]


def task_and_date(path: Path) -> tuple[str, str]:
    """What the name of a log tells: ("gsm8k", "2026-11-29T14-30-00.123456"), or ("", "")."""
    found = _DATED.fullmatch(path.name)
    return (found[1], found[2]) if found else ("", "")


_LARGEST: Final = 1e100
"""Sums of squares of scores stay finite below it."""


def read_log(path: Path) -> Log:
    """The log in `path`. Raises SourceError if it cannot be read; FormatError, with the line, for what is no such log."""
    rows: dict[str, list[Row]] = {}
    seen: dict[tuple[str, int], int] = {}
    times: Counter[int] = Counter()
    left_out: set[str] = set()
    named = True
    for number, item in _items(path):
        where = f"{path}:{number}"
        row, skipped = _row(item, number, where)
        left_out |= skipped
        if "filter" in item:
            name = item["filter"]
            if not isinstance(name, str):
                raise FormatError(f"{where}: filter must be a name, not {_short(name)}.")
        else:
            named = False
            times[row.doc_id] += 1
            name = f"filter {times[row.doc_id]}"
        if before := seen.get((name, row.doc_id)):
            raise FormatError(
                f"{where} holds document {row.doc_id} of filter {_short(name)} again, after line {before}: two runs are in one "
                "log; split it."
            )
        seen[name, row.doc_id] = number
        rows.setdefault(name, []).append(row)
    if not rows:
        raise FormatError(f"{path} is empty: give a per-sample log of lm-eval.")
    if not named and len(set(times.values())) > 1:
        raise FormatError(f"{path} holds some documents more often than others: the log is cut, or two runs are in it.")
    if not named and len(rows) == 1:
        rows = {"": next(iter(rows.values()))}
    task, date = task_and_date(path)
    return Log(path, task, date, {name: tuple(each) for name, each in rows.items()}, frozenset(left_out))


def _items(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of every line that is not blank."""
    try:
        with open_bytes(path) as file:
            number = count = 0
            while raw := file.readline(MOST_LINE_BYTES + 1):
                number += 1
                if not raw.strip():
                    continue
                count += 1
                yield number, _item(raw, f"{path}:{number}")
                if count > MOST_ROWS:
                    raise FormatError(f"{path} has more than {MOST_ROWS:,} rows: give one task's log.")
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror or error}): check the path.") from error


def _item(raw: bytes, where: str) -> dict[str, Any]:
    if len(raw) > MOST_LINE_BYTES:
        raise FormatError(f"{where} is longer than {MOST_LINE_BYTES >> 20} MiB: no sample of lm-eval is.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{where} is not UTF-8: save the log as UTF-8.") from error
    try:
        item = json.loads(text)
    except (ValueError, RecursionError) as error:
        ends = "" if raw.endswith(b"\n") else " and the file ends there"
        raise FormatError(f"{where} is not valid JSON{ends}: the log is cut or damaged; run the task again.") from error
    if not isinstance(item, dict) or not {"doc_hash", "prompt_hash", "target_hash", "doc_id"} <= item.keys():
        raise FormatError(
            f"{where} is no sample of lm-eval (doc_id, doc_hash, prompt_hash, target_hash): give a samples_*.jsonl that "
            "version 0.4.3 or newer wrote."
        )
    return item


def _row(item: Mapping[str, Any], number: int, where: str) -> tuple[Row, set[str]]:
    """The row, and the names of its metrics that cannot be compared."""
    doc_id = item["doc_id"]
    hashes = (item["doc_hash"], item["prompt_hash"], item["target_hash"])
    if isinstance(doc_id, bool) or not isinstance(doc_id, int) or not all(isinstance(one, str) for one in hashes):
        raise FormatError(f"{where}: doc_id must be a whole number and the hashes must be text.")
    names = item.get("metrics", [key for key in item if key not in OWN])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise FormatError(f"{where}: metrics must be a list of names.")
    scores: dict[str, tuple[float, ...]] = {}
    skipped = {"bypass"} & set(names)  # what lm-eval writes when it only predicts
    for name in names:
        value = item.get(name)
        if value is None or name in skipped:
            continue
        if isinstance(value, int | float):
            scores[name] = (_float(value),)
        elif isinstance(value, list) and value and all(isinstance(one, bool) for one in value):
            scores[name] = tuple(map(float, value))
        else:
            skipped.add(name)
            continue
        if not all(abs(one) <= _LARGEST for one in scores[name]):
            raise FormatError(
                f"{where}: {_short(name)} is {_short(value)}, and no number can stand for it: run the task again."
            )
    return Row(number, doc_id, *hashes, _answer(item.get("filtered_resps")), scores), skipped


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return inf


def _answer(answers: Any) -> str:
    """What the filter made of the answer: its text, or of several continuations the likeliest."""
    if not isinstance(answers, list) or not answers:
        return ""
    first = answers[0]
    if len(answers) == 1:
        return _short(first[0] if isinstance(first, list) and len(first) == 1 else first)
    try:
        likeliest = max(range(len(answers)), key=lambda at: float(answers[at][0]))
    except (TypeError, ValueError, IndexError, KeyError):
        return _short(first)
    return f"choice {likeliest + 1}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def arguments_of(log: Log, row: Row) -> Mapping[str, Any]:
    """What lm-eval gave the model first for `row`, read from the log again: arg_0 is the prompt. Nothing where it is not there."""
    for number, item in _items(log.path):
        if number == row.line:
            arguments = item.get("arguments")
            first = arguments.get("gen_args_0") if isinstance(arguments, dict) else None
            return first if isinstance(first, dict) else {}
    return {}
