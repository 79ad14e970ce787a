"""Votes as files have them: two models, a winner, and perhaps who voted, on what, and how long both answers were."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, log
from pathlib import Path
from typing import Any, Final

from ropescope.errors import FormatError, InputError
from ropescope.models.table_rows import read_rows
from ropescope.questions.names import shown

MOST_VOTES: Final = 2_000_000
MOST_MODELS: Final = 500
MOST_NAME: Final = 200

FIRST: Final = ("model_a", "left", "a")
SECOND: Final = ("model_b", "right", "b")
WINNER: Final = ("winner", "outcome", "result")
VOTER: Final = ("voter", "judge", "user", "user_id", "annotator", "rater")
ITEM: Final = ("question_id", "prompt_id", "item", "question")

BOTH_BAD: Final = ("tie (bothbad)", "bothbad", "both_bad")
LABELS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("model_a", "a", "left"), 1),
    **dict.fromkeys(("model_b", "b", "right"), -1),
    **dict.fromkeys(("tie", "draw", *BOTH_BAD), 0),
}
_OUTCOMES: Final[Mapping[str, int]] = {"a": 1, "b": -1, "tie": 0}


@dataclass
class Ballots:
    """Votes: indices of both models in `names`, 1 (first wins), −1 or 0 (a tie), and the values of each covariate.

    voters and items: what stands in those columns, "" where nothing does; empty without such a column.
    """

    names: list[str] = field(default_factory=list)
    first: list[int] = field(default_factory=list)
    second: list[int] = field(default_factory=list)
    outcome: list[int] = field(default_factory=list)
    covariates: list[tuple[float, ...]] = field(default_factory=list)
    voters: list[str] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    both_bad: int = 0
    with_itself: int = 0
    voter_column: str = ""
    item_column: str = ""


Measured = tuple[str, str, Callable[[float, float], float]]
"""The columns of both models, and the covariate of their two values."""


def log_ratio(a: float, b: float) -> float:
    """The difference of the logarithms of two lengths; nothing counts as 1."""
    return log(max(a, 1.0) / max(b, 1.0))


def relative(a: float, b: float) -> float:
    """(a − b) / (a + b), from −1 to 1; 0 where both are 0."""
    return (a - b) / (a + b) if a + b else 0.0


def columns_of(pattern: str) -> tuple[str, str]:
    """The two columns that a name stands for: `length` for length_a and length_b, `sum_{}_tokens` with a and b in it."""
    pattern = pattern if "{}" in pattern else f"{pattern}_{{}}"
    return pattern.replace("{}", "a"), pattern.replace("{}", "b")


def declared_labels(given: Sequence[str]) -> dict[str, int]:
    """The outcomes of labels written as a=LABEL, b=LABEL or tie=LABEL. Raises InputError for anything else."""
    found: dict[str, int] = {}
    for text in given:
        key, equals, label = text.partition("=")
        label = label.strip().lower()
        if not equals or key.strip() not in _OUTCOMES or not label:
            raise InputError("labels", f"`labels` holds {shown(text)}: write a=LABEL, b=LABEL or tie=LABEL.")
        if found.get(label, _OUTCOMES[key.strip()]) != _OUTCOMES[key.strip()]:
            raise InputError("labels", f"`labels` gives {label!r} two meanings: give it one.")
        found[label] = _OUTCOMES[key.strip()]
    return found


def read_ballots(
    path: Path, measured: Sequence[Measured], labels: Mapping[str, int], voter: str | None, item: str | None
) -> Ballots:
    """The votes of a file. Raises FormatError, with file and line, for a missing column, an unknown label or no number."""
    found, index = Ballots(), dict[str, int]()
    columns: tuple[str, str, str] | None = None
    for where, row in read_rows(path):
        if columns is None:
            columns = (
                _column(row, FIRST, where),
                _column(row, SECOND, where),
                _column(row, WINNER, where),
            )
            found.voter_column = _optional("voter", voter, VOTER, row, where)
            found.item_column = _optional("item", item, ITEM, row, where)
        a, b = (_name(row, column, where) for column in columns[:2])
        outcome, bad = _outcome(row, columns[2], a, b, labels, where)
        if a == b:
            found.with_itself += 1
            continue
        found.first.append(index.setdefault(a, len(index)))
        found.second.append(index.setdefault(b, len(index)))
        found.outcome.append(outcome)
        found.both_bad += bad
        if measured:
            found.covariates.append(
                tuple(of(_number(row, left, where), _number(row, right, where)) for left, right, of in measured)
            )
        if found.voter_column:
            found.voters.append(_text(row.get(found.voter_column)))
        if found.item_column:
            key = _text(row.get(found.item_column))
            found.items.append(f"{key} {_text(row.get('turn'))}" if key else "")
        if len(found.first) > MOST_VOTES or len(index) > MOST_MODELS:
            raise FormatError(f"{where}: more than {MOST_VOTES:,} votes or {MOST_MODELS} models; give a part of them.")
    if not found.first:
        raise FormatError(f"{path} holds no vote between two models: give rows of model_a, model_b and winner.")
    found.names = list(index)
    return found


def _column(row: Mapping[str, Any], names: Sequence[str], where: str) -> str:
    for name in names:
        if name in row:
            return name
    listed = ", ".join(list(row)[:12]) or "none"
    raise FormatError(
        f"{where}: no column {names[0]} (there are {listed}): name the columns model_a, model_b and winner."
    )


def _optional(asked: str, name: str | None, usual: Sequence[str], row: Mapping[str, Any], where: str) -> str:
    if name is None:
        return next((each for each in usual if each in row), "")
    if name not in row:
        raise InputError(asked, f"`{asked}` is {shown(name)}, and {where} has no such column.")
    return name


def _name(row: Mapping[str, Any], column: str, where: str) -> str:
    name = _text(row.get(column))
    if not 0 < len(name) <= MOST_NAME:
        raise FormatError(f"{where}: {column} must be a model's name of 1 to {MOST_NAME} characters.")
    return name


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _outcome(
    row: Mapping[str, Any], column: str, a: str, b: str, labels: Mapping[str, int], where: str
) -> tuple[int, bool]:
    """(1, −1 or 0; whether it says that both are bad)."""
    text = _text(row.get(column))
    label = text.lower()
    if label in labels:
        return labels[label], False
    meanings = {LABELS[label]} if label in LABELS else set()
    meanings |= {1} if text == a else set()
    meanings |= {-1} if text == b else set()
    if a == b and text == a:
        return 0, False
    if len(meanings) == 1:
        return meanings.pop(), label in BOTH_BAD
    if meanings:
        raise FormatError(
            f"{where}: the {column} {shown(text)} is a label and another model's name: write model_a or model_b."
        )
    raise FormatError(
        f"{where}: the {column} {shown(text)} is none of model_a, model_b, tie, tie (bothbad) and the two models' names; "
        "declare your labels with `labels`."
    )


def _number(row: Mapping[str, Any], column: str, where: str) -> float:
    value: Any = row.get(column)
    if column not in row:
        value = row
        for part in column.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    try:
        number = float("nan" if isinstance(value, bool) else value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not isfinite(number) or number < 0:
        raise FormatError(f"{where}: {column} is {shown(value)}: a number of at least 0 is needed in every vote.")
    return number
