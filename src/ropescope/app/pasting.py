"""Standard input in the place of one file: `-` stands for what is pasted, and no answer names the file that held it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ropescope.errors import ReportError, RopescopeError
from ropescope.questions.inputs import Asked
from ropescope.questions.kind import Kind
from ropescope.questions.kinds import File, Source

if TYPE_CHECKING:
    from ropescope.report.report import Report

PASTED: Final = "-"
_NOWHERE: Final = "<pasted>"
"""In the place of a file that is gone once the answer is shown; a shell runs no command with it."""

Named = Callable[["Report"], "Report"]


@contextmanager
def pasted(fields: Sequence[Asked], given: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Named]]:
    """(`given` with a file in the place of `-`, a function that takes the file's path out of a report again).

    Raises ReportError where `-` stands for two inputs, or nothing is pasted.
    """
    asked = [one for one in fields if isinstance(one.kind, File | Source) and given.get(one.name) == PASTED]
    if not asked:
        yield given, lambda report: report
        return
    if len(asked) > 1:
        raise ReportError(f"Standard input can stand for one input: `{asked[0].name}` or `{asked[1].name}`.")
    text = sys.stdin.read()
    if not text.strip():
        raise ReportError(
            f"Standard input is empty, and `{asked[0].name}` is read from it: paste text, or name a file."
        )
    with held({"pasted": (asked[0].kind, text)}) as (paths, named):
        yield {**given, asked[0].name: paths["pasted"]}, lambda report: _asking_again(named(report))


@contextmanager
def held(texts: Mapping[str, tuple[Kind, str]]) -> Iterator[tuple[Mapping[str, str], Named]]:
    """(by name, the path of a file that holds each text; a function that takes these paths out of a report again).

    A report and an error call the file <name>. kind: of the input that reads the file.
    """
    import tempfile

    with tempfile.TemporaryDirectory() as above:
        paths = {name: write_text(kind, text, Path(above) / name) for name, (kind, text) in texts.items()}
        called = {str(path): f"<{name}>" for name, path in paths.items()}
        called |= {str(path.parent): f"<{name}>" for name, path in paths.items()}

        def named(value: Any) -> Any:
            if isinstance(value, str):
                for path, name in called.items():
                    value = value.replace(path, name)
                return value
            if isinstance(value, Mapping):
                return {key: named(item) for key, item in value.items()}
            return [named(item) for item in value] if isinstance(value, list | tuple) else value

        try:
            yield {name: str(path) for name, path in paths.items()}, lambda report: _report(named(report.to_dict()))
        except RopescopeError as error:
            error.args = (named(str(error)), *error.args[1:])
            raise


def write_text(kind: Kind, text: str, folder: Path) -> Path:
    """The text in a file of `folder`; a model is called as its folder is."""
    folder.mkdir(parents=True)
    suffix = ".json" if text.lstrip()[:1] in ("{", "[") else ".txt"
    path = folder / ("config.json" if isinstance(kind, Source) else f"{folder.name}{suffix}")
    path.write_text(text, encoding="utf-8")
    return path


def _asking_again(report: Report) -> Report:
    told = report.to_dict()
    for step in told["next_steps"]:
        if isinstance(step, dict):
            step["inputs"] = {name: PASTED if value == _NOWHERE else value for name, value in step["inputs"].items()}
    return _report(told)


def _report(told: dict[str, Any]) -> Report:
    from ropescope.report.report import Report

    return Report.from_dict(told)
