"""Ask a question from the command line: read what was written, answer, and show the answer in every way that was asked for."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import click

from ropescope.app.show import Ways, show_report
from ropescope.app.words import as_shown, spelled
from ropescope.app.working import progress_bar, terminate_as_interrupt
from ropescope.errors import ReportError, RopescopeError
from ropescope.questions.inputs import fields_of, from_text
from ropescope.questions.kinds import File, Source
from ropescope.questions.question import Question, Run
from ropescope.report.report import Report

PASTED: Final = "-"


class Terminal(Run):
    """A run that says on standard error how far it is, and keeps the result in the file that was named."""

    def __init__(self, out: Path | None, ways: Ways) -> None:
        self.out, self._ways = out, ways
        self._say: Callable[[str], None] | None = None
        self._progress: Callable[[int, int, str], None] | None = None
        self._stack = ExitStack()
        self.kept: list[Path] = []
        self.failure: RopescopeError | None = None
        self.asked_to_keep = False
        self._after: list[Callable[[], None]] = []

    @contextmanager
    def working(self) -> Iterator[None]:
        """Progress is shown, and a polite kill ends like Ctrl-C."""
        with terminate_as_interrupt(), progress_bar() as (progress, say):
            self._progress, self._say = progress, say
            try:
                yield
            finally:
                self._progress = self._say = None

    def say(self, line: str) -> None:
        """Begin a stretch of work."""
        if self._say is not None:
            self._say(line)

    def progress(self, done: int, planned: int, what: str) -> None:
        """How far it is."""
        if self._progress is not None:
            self._progress(done, planned, what)

    def keep(self, what: str, save: Callable[[Path], Sequence[Path]], again: str = "") -> str | None:
        """Keep the result; an error waits until the answer was shown."""
        self.asked_to_keep = True
        if self.out is None:
            return None
        try:
            self.kept += save(self.out)
            for path in self.kept:
                print(f"{what}: {path}", file=sys.stderr)
        except RopescopeError as error:
            self.failure = type(error)(f"{error} Nothing is lost: with --resume {again}.") if again else error
            return None
        return str(self.out)

    def when_shown(self, act: Callable[[], None]) -> None:
        """Do `act` after everything else went well."""
        self._after.append(act)

    def end(self, report: Report) -> None:
        """The rest, once the answer was shown: keep the report itself where the answer kept nothing, then what waited."""
        if self.out is not None and not self.asked_to_keep:
            from ropescope.report.files import write_whole
            from ropescope.report.json import to_json

            print(f"report: {write_whole(self.out, to_json(report, whole=True))}", file=sys.stderr)
        if self.failure is not None:
            raise self.failure
        for act in self._after:
            act()


def ask(question: Question, given: Mapping[str, Any]) -> None:
    """Answer `question` for what was written on the command line, and show the answer. Raises what the answer raises, with
    inputs named as options; SystemExit(1) with --check where the answer is no."""
    fields = fields_of(question.inputs_type)
    mine = {one.name: given[one.name] for one in fields if given.get(one.name) not in (None, ())}
    ways = Ways.of(given)
    try:
        with _pasted(question, mine) as written:
            inputs: Any = from_text(question.inputs_type, written)
            run = Terminal(given.get("out"), ways)
            report = question.ask(inputs, run)
            show_report(as_shown(report, fields), ways)
            run.end(report)
    except RopescopeError as error:
        error.args = (spelled(str(error), fields), *error.args[1:])
        raise
    if (ways.check and not report.holds) or (ways.bare and report.holds is False):
        raise SystemExit(1)


@contextmanager
def _pasted(question: Question, given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """`given`, with a file in the place of `-`, which holds what was pasted into standard input."""
    pasted = [
        one for one in fields_of(question.inputs_type)
        if isinstance(one.kind, File | Source) and given.get(one.name) == PASTED
    ]  # fmt: skip
    if not pasted:
        yield given
        return
    if len(pasted) > 1:
        raise ReportError(f"Standard input can stand for one input: `{pasted[0].name}` or `{pasted[1].name}`.")
    with tempfile.TemporaryDirectory(prefix="pasted-") as folder:
        text = sys.stdin.read()
        suffix = ".json" if text.lstrip()[:1] in ("{", "[") else ".txt"
        path = Path(folder) / ("config.json" if isinstance(pasted[0].kind, Source) else f"pasted{suffix}")
        path.write_text(text, encoding="utf-8")
        yield {**given, pasted[0].name: str(path)}


def face(question: Question) -> list[click.Parameter]:
    """The options that every question has: how its answer is shown and kept."""
    made: list[click.Parameter] = [
        click.Option(["--json", "as_json"], is_flag=True, help="Print the result as JSON, and nothing else."),
        click.Option(["--html"], metavar="FILE", callback=_writable, help="Write a self-contained page."),
        click.Option(["--md"], metavar="FILE", callback=_writable, help="Write the report as Markdown."),
        click.Option(
            ["--figure"], metavar="FILE", multiple=True, callback=_drawable,
            help="Write the figures: .svg, .png or .html (several: F-NAME.svg).",
        ),
        click.Option(["--out"], metavar="FILE", callback=_writable, help=f"Keep {question.keeps}."),
    ]  # fmt: skip
    if question.decides:
        made.append(click.Option(["--check"], is_flag=True, help="Exit with status 1 unless the answer is yes."))
    if question.copied:
        told = f"Print {question.copied} and nothing else; exit with status 1 if the answer is no."
        made.append(click.Option(["--bare"], is_flag=True, help=told))
    return made


def _writable(ctx: click.Context, parameter: click.Parameter, given: str | None) -> Path | None:
    """The path, if a file can be written there: said before any work."""
    if given is None:
        return None
    from ropescope.report.files import require_writable

    require_writable([Path(given)])
    return Path(given)


def _drawable(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> tuple[Path, ...]:
    """The paths, if figures can be drawn and written there: said before any work."""
    paths = tuple(Path(one) for one in given)
    if paths:
        from ropescope.report.figure import require_drawable
        from ropescope.report.files import require_writable

        require_drawable(paths)
        require_writable(paths)
    return paths
