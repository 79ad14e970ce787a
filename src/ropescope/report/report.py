"""Report: what every face shows. A title, a verdict in one sentence, and what stands behind it.

A report holds plain data only (str, int, float, bool, None, and tuples of them), so that it prints, travels as JSON and
loads back equal. It computes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal, get_args

from ropescope.errors import FormatError, ReportError
from ropescope.report.schemas import newer
from ropescope.report.text import plain

Scalar = str | int | float | bool | None
"""What a cell or a fact may hold."""
Basis = Literal["config", "measured", "formula", "published", "assumed"]
"""Where a number comes from: read from a file, measured here, a formula, a publication, or a default."""

BASES: tuple[Basis, ...] = get_args(Basis)
"""Every basis that a number may have."""

SCHEMA = "ropescope.report/1"


@dataclass(frozen=True, slots=True)
class Fact:
    """One number or word with what it rests on.

    `interval` is (low, high) in the unit of `value`; `source` names the field, protocol, formula or publication.
    """

    name: str
    value: Scalar
    unit: str = ""
    basis: Basis = "measured"
    source: str = ""
    interval: tuple[float, float] | None = None
    note: str = ""

    def __post_init__(self) -> None:
        """Raises ReportError for a basis that is not in `BASES`."""
        if self.basis not in BASES:
            raise ReportError(f"The fact {self.name!r} has the basis {self.basis!r}; it is one of {', '.join(BASES)}.")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its heading, its unit, and how a number in it is written (a `format()` spec)."""

    name: str
    unit: str = ""
    format: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table; every row has one value a column. `limit` is how many rows a terminal shows before it folds."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Scalar, ...], ...]
    note: str = ""
    limit: int | None = None

    def __post_init__(self) -> None:
        """Raises ReportError for a row that has not one value a column."""
        for i, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ReportError(
                    f"Row {i} of the table {self.title!r} has {len(row)} values for {len(self.columns)} columns."
                )


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture as a Vega-Lite specification (a plain dict), with the sentence a reader should take from it."""

    name: str
    title: str
    spec: Mapping[str, Any]
    caption: str = ""

    def __repr__(self) -> str:
        return plain(f"<Figure {self.name!r}: {self.title}>")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = _in_notebook("figure_bundle")(self)
        return bundle


@dataclass(frozen=True, slots=True)
class Step:
    """What to ask next: a question by name, with inputs as text, and why. Each face writes it in its own way.

    The value "…" leaves an input to the request: `questions.carrying` fills in what was given.
    """

    question: str
    inputs: Mapping[str, Any] = field(default_factory=dict, hash=False)
    why: str = ""

    def __str__(self) -> str:
        given = "".join(f" {name}={value}" for name, value in self.inputs.items())
        return f"{self.why}: {self.question}{given}"


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to one question. `data` is the machine-readable result, which is printed as JSON as it is.

    `holds` answers a question of yes or no (None: undecided, or another kind of question). `lead` is text to copy, such as
    a command, which stands first (after the verdict where the answer is no) and is never folded.
    """

    title: str
    verdict: str
    facts: tuple[Fact, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    caveats: tuple[str, ...] = ()
    next_steps: tuple[Step | str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    holds: bool | None = None
    lead: str = ""
    schema: str = SCHEMA

    def __repr__(self) -> str:
        """The answer, and what else there is."""
        parts = (("fact", self.facts), ("table", self.tables), ("figure", self.figures), ("caveat", self.caveats))
        counts = [f"{len(items)} {name}{'s' * (len(items) > 1)}" for name, items in parts if items]
        return plain(f"<Report: {' · '.join((self.verdict, *counts))}>")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = _in_notebook("report_bundle")(self)
        return bundle

    def to_dict(self) -> dict[str, Any]:
        """The report as plain dicts and lists, ready for JSON."""
        return {
            "schema": self.schema,
            "title": self.title,
            "verdict": self.verdict,
            "facts": [_plain(fact) for fact in self.facts],
            "tables": [
                {
                    "title": table.title,
                    "columns": [_plain(column) for column in table.columns],
                    "rows": [list(row) for row in table.rows],
                    "note": table.note,
                    "limit": table.limit,
                }
                for table in self.tables
            ],
            "figures": [_plain(figure) for figure in self.figures],
            "caveats": list(self.caveats),
            "next_steps": [
                {"question": step.question, "inputs": dict(step.inputs), "why": step.why}
                if isinstance(step, Step)
                else step
                for step in self.next_steps
            ],
            "holds": self.holds,
            "lead": self.lead,
            "data": dict(self.data),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Report:
        """The inverse of `to_dict`. Raises FormatError for anything that is not a report of this schema."""
        if not isinstance(data, Mapping) or data.get("schema") != SCHEMA:
            found = data.get("schema") if isinstance(data, Mapping) else type(data).__name__
            raise FormatError(
                f"Not a report: its schema is {found!r}, and {SCHEMA!r} was expected.{newer(found, SCHEMA)}"
            )
        try:
            return cls(
                title=data["title"],
                verdict=data["verdict"],
                facts=tuple(Fact(**{**fact, "interval": _pair(fact.get("interval"))}) for fact in data["facts"]),
                tables=tuple(_table(table) for table in data["tables"]),
                figures=tuple(Figure(**figure) for figure in data["figures"]),
                caveats=tuple(data["caveats"]),
                next_steps=tuple(step if isinstance(step, str) else Step(**step) for step in data["next_steps"]),
                data=dict(data["data"]),
                holds=data.get("holds"),
                lead=data.get("lead", ""),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            cause = f"the field {error} is missing" if isinstance(error, KeyError) else str(error)
            raise FormatError(f"Not a complete report: {cause}") from error


def _in_notebook(name: str) -> Any:
    """What shows a report in a notebook, by name: it is made of reports, of which it knows more than they of it."""
    return getattr(import_module("ropescope.report.notebook"), name)


def _table(data: Mapping[str, Any]) -> Table:
    return Table(
        title=data["title"],
        columns=tuple(Column(**column) for column in data["columns"]),
        rows=tuple(tuple(row) for row in data["rows"]),
        note=data["note"],
        limit=data["limit"],
    )


def _plain(item: Fact | Column | Figure) -> dict[str, Any]:
    plain = {name: getattr(item, name) for name in item.__slots__}
    if isinstance(item, Fact) and item.interval is not None:
        plain["interval"] = list(item.interval)
    return plain


def _pair(values: Sequence[float] | None) -> tuple[float, float] | None:
    if values is None:
        return None
    low, high = values
    return (low, high)
