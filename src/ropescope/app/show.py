"""Show a report: in the terminal or as JSON, and as a page, as Markdown and as figures where the user named files."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ropescope.errors import ReportError, RopescopeError
from ropescope.report.report import Report


@dataclass(frozen=True, slots=True)
class Ways:
    """How an answer is shown. check: the status says whether it is yes. bare: print what is to be copied, and nothing else."""

    json: bool = False
    html: Path | None = None
    md: Path | None = None
    figures: tuple[Path, ...] = ()
    check: bool = False
    bare: bool = False

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Ways:
        """From the options of a command. Raises ReportError for one file that two results would go to."""
        if given.get("bare") and given.get("as_json"):
            raise ReportError(
                "--bare is given and not read: it prints text to copy, and --json prints data. Leave one out."
            )
        figures = tuple(given.get("figure") or ())
        named = [path for path in (given.get("out"), given.get("html"), given.get("md"), *figures) if path is not None]
        if len(named) > 1:
            from ropescope.report.files import require_writable

            require_writable(named)
        return cls(
            bool(given.get("as_json")),
            given.get("html"),
            given.get("md"),
            figures,
            bool(given.get("check")),
            bool(given.get("bare")),
        )


def show_report(report: Report, ways: Ways) -> None:
    """Write what was asked for, then print `report` on standard output and one line for each file written.

    With JSON, standard output holds the machine result only and the lines go to standard error. Each path of figures gets
    all figures of the report, in the form its suffix names (.svg, .png, .html, .json): F.svg if there is one figure, else
    F-<name>.svg for each. Files come first, so that a reader who leaves does not cost them. A file that cannot be written
    does not cost the answer: it is printed, and then the error is raised. A path whose suffix is no kind of figure is
    refused before either.

    Raises ReportError for a number that is NaN or infinite, or a file that cannot be written; MissingExtraError if a
    figure is asked for without vl-convert.
    """
    from ropescope.report.text import plain

    # An old code page must not turn a γ into a traceback.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    if ways.figures:
        from ropescope.report.figure import check_suffix

        for path in ways.figures:
            check_suffix(path)
    written: list[Path] = []
    failure: RopescopeError | None = None
    try:
        write_files(report, ways, written)
    except RopescopeError as error:
        failure = error
    alone = ways.bare and not ways.json
    if alone:
        print(report.lead)
        if not report.holds:  # a script would run it unseen
            print(plain(report.verdict), file=sys.stderr)
    else:
        _print(report, ways.json)
    for path in written:
        print(plain(f"Wrote {path}"), file=sys.stderr if ways.json or alone else sys.stdout)
    if failure is not None:
        raise failure


def write_files(report: Report, ways: Ways, written: list[Path] | None = None) -> list[Path]:
    """Write the files that were asked for: each is added to `written`, also where a later one fails. Raises as `show_report`."""
    written = [] if written is None else written
    if ways.html is not None:
        from ropescope.report.html import write_page

        written.append(write_page(report, ways.html))
    if ways.md is not None:
        from ropescope.report.files import write_whole
        from ropescope.report.markdown import to_markdown

        written.append(write_whole(ways.md, to_markdown(report)))
    for path in ways.figures:
        from ropescope.report.figure import write_figures

        written += write_figures(report.figures, path)
    return written


def _print(report: Report, json: bool) -> None:
    if json:
        from ropescope.report.json import to_json

        print(to_json(report))
        return
    from rich.console import Console

    from ropescope.report.terminal import print_report

    print_report(report, Console())
