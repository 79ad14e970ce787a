"""A report that was kept as JSON, shown again as it was: nothing in it is computed or run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ropescope.errors import FormatError, ReportError
from ropescope.models.json_file import read_json
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import File
from ropescope.questions.question import Run
from ropescope.report.figure import vega_lite
from ropescope.report.json import strict
from ropescope.report.markdown import to_markdown
from ropescope.report.report import SCHEMA, Report
from ropescope.report.schemas import newer

_FETCHED: Final = frozenset({"url", "href", "sequence", "graticule"})
"""Keys of a specification that fetch, lead elsewhere, or make data without end: no report of ropescope has them."""


@dataclass(frozen=True, kw_only=True)
class ShowReportInputs:
    """A file that holds a report."""

    report: Path = asked(File(), "A report that was kept as JSON, by `out` or on the page.", placed=True)


def answer(inputs: ShowReportInputs, run: Run) -> Report:
    """The report. Raises SourceError for a file that cannot be read, FormatError for one that holds no whole report."""
    path = inputs.report
    data = read_json(path)
    found = data.get("schema")
    if found != SCHEMA:
        raise FormatError(
            f"{path} holds no report of ropescope: its `schema` must be {SCHEMA}, not {found!r}.{newer(found, SCHEMA)}"
        )
    try:
        report = Report.from_dict(data)
        _require_plain(report)
        to_markdown(report)
        strict(report.data)
        drawn = tuple(figure for figure in report.figures if not _fetches(vega_lite(figure)))
    except FormatError:
        raise
    except (AttributeError, LookupError, TypeError, ValueError, ReportError, RecursionError) as error:
        raise FormatError(f"{path} holds no whole report ({error}): keep it again.") from error
    left = len(report.figures) - len(drawn)
    told = (f"Figures that fetch data are not shown: {left}.",) if left else ()
    return replace(
        report, figures=drawn, caveats=(*report.caveats, *told, f"Shown again from {path.name}; nothing was computed.")
    )


def _require_plain(report: Report) -> None:
    texts = (report.lead, *report.caveats, *(table.note for table in report.tables))
    if not all(isinstance(text, str) for text in texts) or report.holds not in (True, False, None):
        raise TypeError("a text is no text, or `holds` is no truth")
    if not all(isinstance(table.limit, int | None) for table in report.tables):
        raise TypeError("the `limit` of a table is no number")


def _fetches(value: Any) -> bool:
    if isinstance(value, dict):
        return any(key in _FETCHED or _fetches(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_fetches, value))
