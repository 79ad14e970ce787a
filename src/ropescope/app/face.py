"""The options that every command has: how its answer is shown and where it is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ropescope.app.words import spelled
from ropescope.errors import InputError, ReportError
from ropescope.questions.kinds import Output
from ropescope.questions.question import Question


def face(question: Question) -> list[click.Parameter]:
    """The options that every question has: how its answer is shown and kept."""
    made: list[click.Parameter] = [
        click.Option(
            ["--json", "as_json"],
            is_flag=True,
            help="Print the data as JSON, with the verdict and its facts under `answer`.",
        ),
        click.Option(["--html"], metavar="FILE", callback=_writable, help="Write a self-contained page."),
        click.Option(["--md"], metavar="FILE", callback=_writable, help="Write the report as Markdown."),
        click.Option(
            ["--figure"],
            metavar="FILE",
            multiple=True,
            callback=_drawable,
            help="Write the figures: .svg, .png or .html (several: F-NAME.svg).",
        ),
        _out(question),
    ]
    if question.decides:
        made.append(click.Option(["--check"], is_flag=True, help="Exit with status 1 unless the answer is yes."))
    if question.copied:
        told = f"Print {question.copied} and nothing else; exit with status 1 if the answer is no."
        made.append(click.Option(["--bare"], is_flag=True, help=told))
    return made


def _out(question: Question) -> click.Option:
    """The option that keeps the result: in a file, or by a name of its own in a folder."""
    if not question.kept_as:
        return click.Option(["--out"], metavar="FILE", callback=_writable, help=f"Keep {question.keeps}.")

    def within(ctx: click.Context, parameter: click.Parameter, given: str | None) -> Path | None:
        with _as_options():
            kept_at(question, given)  # what the inputs do not decide is said before they are read
            return None if given is None else Output().accept("out", given)

    told = f"Keep {question.keeps}; in a folder, as {question.kept_as}."
    return click.Option(["--out"], metavar="FILE", callback=within, help=told)


def _writable(ctx: click.Context, parameter: click.Parameter, given: str | None) -> Path | None:
    with _as_options():
        return writable(str(parameter.name), given)


def _drawable(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> tuple[Path, ...]:
    with _as_options():
        return drawable(given)


@contextmanager
def _as_options() -> Iterator[None]:
    """What is refused is named as this command line has it: --out for `out`."""
    try:
        yield
    except InputError as error:
        raise InputError(error.field, spelled(str(error), ())) from None


def kept_at(question: Question, given: str | Path | None, inputs: Any = None) -> Path | None:
    """The path where a result is kept: in a folder, by the question's own name for it, or by that of `inputs` where they have
    one. Raises as `writable` does."""
    if given is not None and question.kept_as and (folder := Output().accept("out", given)).is_dir():
        given = folder / getattr(inputs, "kept_as", question.kept_as)
    return writable("out", given)


def writable(name: str, given: str | Path | None) -> Path | None:
    """The path, if a file can be written there: said before any work. Raises InputError, which names `name`, and ReportError."""
    if given is None:
        return None
    from ropescope.report.files import require_writable

    path = Output().accept(name, given)
    with _about(name):
        require_writable([path])
    return path


def drawable(given: Iterable[str | Path]) -> tuple[Path, ...]:
    """The paths, if figures can be drawn and written there: said before any work. Raises as `writable`, and MissingExtraError."""
    paths = tuple(Output().accept("figure", one) for one in given)
    if paths:
        from ropescope.report.figure import require_drawable
        from ropescope.report.files import require_writable

        with _about("figure"):
            require_drawable(paths)
            require_writable(paths)
    return paths


@contextmanager
def _about(name: str) -> Iterator[None]:
    """What is refused is about the field `name`."""
    try:
        yield
    except ReportError as error:
        error.field = name
        raise
