"""Standard input in the place of one file: `-` stands for what is pasted, and no answer names the file that held it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ropescope.errors import ReportError, RopescopeError
from ropescope.questions.inputs import Asked
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
    import tempfile

    text = sys.stdin.read()
    if not text.strip():
        raise ReportError(
            f"Standard input is empty, and `{asked[0].name}` is read from it: paste text, or name a file."
        )
    suffix = ".json" if text.lstrip()[:1] in ("{", "[") else ".txt"
    with tempfile.TemporaryDirectory() as above:
        folder = Path(above) / "pasted"  # a model is called as its folder is
        folder.mkdir()
        path = folder / ("config.json" if isinstance(asked[0].kind, Source) else f"pasted{suffix}")
        path.write_text(text, encoding="utf-8")

        def named(value: Any) -> Any:
            if isinstance(value, str):
                return value.replace(str(path), _NOWHERE).replace(str(folder), _NOWHERE)
            if isinstance(value, Mapping):
                return {key: named(item) for key, item in value.items()}
            return [named(item) for item in value] if isinstance(value, list | tuple) else value

        try:
            yield {**given, asked[0].name: str(path)}, lambda report: _asking_again(named(report.to_dict()))
        except RopescopeError as error:
            error.args = (named(str(error)), *error.args[1:])
            raise


def _asking_again(report: dict[str, Any]) -> Report:
    from ropescope.report.report import Report

    for step in report["next_steps"]:
        if isinstance(step, dict):
            step["inputs"] = {name: PASTED if value == _NOWHERE else value for name, value in step["inputs"].items()}
    return Report.from_dict(report)
