"""Show a report: in the terminal or as JSON, and as a page and figures where the user named files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ropescope.report.report import Report


def show_report(report: Report, *, json: bool = False, html: Path | None = None, figures: Sequence[Path] = ()) -> None:
    """Print `report` on standard output, then write what was asked for, and say one line for each file written.

    With `json`, standard output holds the machine result only and the lines go to standard error. Each path in
    `figures` gets all figures of the report, in the form its suffix names (.svg, .png, .html, .json): F.svg if there is
    one figure, else F-<name>.svg for each. The answer is printed before anything is written, so that a full disk does
    not cost it; a path whose suffix is no kind of figure is refused before either.

    Raises ReportError for a number that is NaN or infinite, or a file that cannot be written; MissingExtraError if a
    figure is asked for without vl-convert.
    """
    from ropescope.report.figure import check_suffix, write_figures
    from ropescope.report.text import plain

    for path in figures:
        check_suffix(path)
    # An old code page must not turn a γ into a traceback.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    _print(report, json)
    if html is not None:
        from ropescope.report.html import write_page

        _say(plain(f"Wrote {write_page(report, html)}"), json)
    for path in figures:
        for one in write_figures(report.figures, path):
            _say(plain(f"Wrote {one}"), json)


def _print(report: Report, json: bool) -> None:
    if json:
        from ropescope.report.json import to_json

        print(to_json(report))
        return
    from rich.console import Console

    from ropescope.report.terminal import print_report

    print_report(report, Console())


def _say(line: str, json: bool) -> None:
    print(line, file=sys.stderr if json else sys.stdout)
