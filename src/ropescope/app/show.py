"""Show a report: in the terminal or as JSON, and as a page and figures where the user named files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ropescope.errors import RopescopeError
from ropescope.report.report import Report


@dataclass(frozen=True, slots=True)
class Files:
    """What the user wants written at the end of long work: the result, a page, figures."""

    out: Path | None
    html: Path | None
    figures: tuple[Path, ...]

    @classmethod
    def checked(cls, out: Path | None, html: Path | None, figures: Sequence[Path] | None) -> Files:
        """Raises ReportError now for a file that could not be written then, or one that two results would go to, and
        MissingExtraError for figures that could not be drawn."""
        from ropescope.report.figure import require_drawable
        from ropescope.report.files import require_writable

        found = cls(out, html, tuple(figures or ()))
        require_drawable(found.figures)
        require_writable(path for path in (out, html, *found.figures) if path is not None)
        return found


def keep_and_show(
    files: Files,
    save: Callable[[Path], Sequence[Path]],
    report: Callable[[str | None], Report],
    *,
    what: str,
    again: str,
    json: bool,
) -> bool:
    """Keep a result and show it; whether it was kept.

    save: writes the result and returns its files. report: makes the report, given the name of the kept file. what: the word
    for the result. again: what --resume will not do again. A result that cannot be written is shown all the same; then the
    error of `save` is raised, with that nothing is lost.
    """
    failure: RopescopeError | None = None
    if files.out is not None:
        try:
            for path in save(files.out):
                print(f"{what}: {path}", file=sys.stderr)
        except RopescopeError as error:
            failure = error
    kept = files.out is not None and failure is None
    show_report(report(str(files.out) if kept else None), json=json, html=files.html, figures=files.figures)
    if failure is not None:
        raise type(failure)(f"{failure} Nothing is lost: with --resume {again}.") from failure
    return kept


def show_report(
    report: Report,
    *,
    json: bool = False,
    html: Path | None = None,
    figures: Sequence[Path] = (),
    lead: str = "",
    alone: bool = False,
) -> None:
    """Write what was asked for, then print `report` on standard output and one line for each file written.

    With `json`, standard output holds the machine result only and the lines go to standard error. Each path in
    `figures` gets all figures of the report, in the form its suffix names (.svg, .png, .html, .json): F.svg if there is
    one figure, else F-<name>.svg for each. Files come first, so that a reader who leaves does not cost them. A file
    that cannot be written does not cost the answer: it is printed, and then the error is raised. A path whose suffix is
    no kind of figure is refused before either. `lead` is printed as it stands above the report, or `alone`.

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
    written: list[Path] = []
    failure: RopescopeError | None = None
    try:
        if html is not None:
            from ropescope.report.html import write_page

            written.append(write_page(report, html))
        for path in figures:
            written += write_figures(report.figures, path)
    except RopescopeError as error:
        failure = error
    if lead:
        print(lead if alone else f"{lead}\n")
    if not alone:
        _print(report, json)
    for path in written:
        _say(plain(f"Wrote {path}"), json or alone)
    if failure is not None:
        raise failure


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
