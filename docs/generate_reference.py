"""Write what is made from the registry of questions: docs/reference.md, the README's table, docs/skill/SKILL.md, and the
types of the package's functions.

python docs/generate_reference.py
"""

from __future__ import annotations

import re
from pathlib import Path

from ropescope.app import stub
from ropescope.app.mcp import skill
from ropescope.app.words import command_line, option, spelled
from ropescope.questions.domains import Flag
from ropescope.questions.inputs import Asked, fields_of
from ropescope.questions.question import Question
from ropescope.questions.registry import SITUATIONS

TARGET = Path(__file__).with_name("reference.md")
SKILL = Path(__file__).with_name("skill") / "SKILL.md"
STUB = Path(__file__).parents[1] / "src" / "ropescope" / "__init__.pyi"
README = Path(__file__).parents[1] / "README.md"
TABLE = re.compile(r"(?<=\| situation \| commands \|\n\| --- \| --- \|\n).*?(?=\n\n)", re.S)

OPENING = """\
# Reference

This page is generated from the registry of questions (`python docs/generate_reference.py`); a test keeps it up to date.

Every command takes these options, too:

| option | meaning |
| --- | --- |
| `--json` | Print the data as JSON, and nothing else. `answer` holds the verdict, the facts with their basis, and the caveats. |
| `--html FILE` | Write a self-contained page. |
| `--md FILE` | Write the report as Markdown. |
| `--figure FILE` | Write the figures: .svg, .png or .html. With several figures, F-NAME.svg each. |
| `--out FILE` | Keep the result: the profile or plan that was made, else the report as JSON. |

`-` instead of a source or a file reads standard input: `curl … | ropescope show -`. The exit status is 0, 2 for refused input,
and 1 if `--check` or `--bare` finds the answer to be no. Shell completion:
`eval "$(_ROPESCOPE_COMPLETE=bash_source ropescope)"` (or `zsh_source`, `fish_source`).

In Python, each is a function, as `ropescope.fit("smollm2", gpu="4090")` and `ropescope.compress_plan("smollm2")`, with the same
inputs. It returns a `Report` ([notebooks](notebooks.md)).
"""


def text() -> str:
    """The whole page."""
    parts = [OPENING]
    for situation, asked in SITUATIONS.items():
        parts.append(f"## {situation}\n")
        parts += [_question(question) for question in asked]
    return "\n".join(parts)


def readme(page: str) -> str:
    """The README with its table of questions by situation."""
    rows = [f"| {name} | {' · '.join(f'`{one.name}`' for one in asked)} |" for name, asked in SITUATIONS.items()]
    return TABLE.sub(lambda _: "\n".join(rows), page)


def _question(question: Question) -> str:
    fields = fields_of(question.inputs_type)
    lines = [f"### {question.name}", "", question.asks, ""]
    lines += ["```console", f"$ {command_line(question.name, question.example)}", "```", ""]
    if fields:
        lines += [
            "| input | kind | default | meaning |",
            "| --- | --- | --- | --- |",
            *(_row(one, fields) for one in fields),
            "",
        ]
    needed = f"Needs {_NEEDS[question.needs]}" + (f" and `ropescope[{question.extra}]`" if _extra(question) else "")
    if question.weights_with:
        given = " or ".join(f"`{option(name)}`" for name in question.weights_with)
        needed += f"; with {given}, weights and `ropescope[{question.extra}]`"
    lines.append(f"{needed}.")
    return "\n".join((*lines, ""))


_NEEDS = {"files": "files alone", "data": "measured data", "weights": "weights"}


def _extra(question: Question) -> bool:
    return question.needs != "files" or question.extra != "measure"


def _row(one: Asked, fields: tuple[Asked, ...]) -> str:
    name = one.name.upper() if one.placed else option(one.name)
    names = ", ".join(f"`{each}`" for each in (name, *(option(other) for other in one.also)))
    kind = "flag" if isinstance(one.kind, Flag) else one.kind.metavar
    default = (
        "required" if one.required else "" if one.default in (None, (), False) else f"`{one.kind.write(one.default)}`"
    )
    return f"| {names} | {_cell(kind)} | {default} | {_cell(spelled(one.help, fields))} |"


def _cell(words: str) -> str:
    return words.replace("|", "\\|")


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
    SKILL.write_text(skill.text(), encoding="utf-8")
    STUB.write_text(stub.text(), encoding="utf-8")
    README.write_text(readme(README.read_text(encoding="utf-8")), encoding="utf-8")
