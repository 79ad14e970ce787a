"""The skill file: what an agent that has a shell needs to know of the command line, made from the registry."""

from __future__ import annotations

from typing import Final

from ropescope.app.words import command_line
from ropescope.questions.question import Question
from ropescope.questions.registry import SITUATIONS, known

_EXAMPLES: Final = 3
"""Whole commands that are shown: those of the first questions that need files alone and have the most inputs in their example."""

_OPENING: Final = """\
---
name: ropescope
description: Use when somebody asks whether a language model fits a GPU, how fast or how to serve it, what a longer context or a \
smaller KV cache costs, whether a prompt, schema, adapter, training script or score can be trusted, or how far a model attends.
---

# ropescope

`ropescope QUESTION …` answers one question from a model's files, published data or weights. A model is a folder, a `.gguf` or \
`.safetensors` file, a Hub id (`org/name`) or `smollm2`.

- `ropescope ask "WORDS"` finds the question. `ropescope QUESTION --help` tells its inputs.
- `--json` prints the machine-readable result alone. `--out FILE` keeps the whole report, or the profile or plan that was made.
- Status 0: answered. 2: refused; standard error has one sentence that names the option and the mend. With `--check`, 1: \
the answer is no.
- Every number has a basis: config, measured, formula, published or assumed. Report it with the number, and the caveats with the \
verdict.
- Questions marked * run weights and can take minutes to hours: run them in the background. An interrupted one continues with \
`--resume`.
- Do not pass `--trust-remote-code` unless the user asks for it.
"""


def text() -> str:
    """The whole file."""
    parts = [_OPENING]
    for situation, asked in SITUATIONS.items():
        lines = "\n".join(_line(question) for question in asked)
        parts.append(f"## {situation}\n\n{lines}\n")
    shown = "\n".join(command_line(question.name, question.example) for question in _telling())
    parts.append(f"## Examples\n\n```\n{shown}\n```\n")
    return "\n".join(parts)


def _line(question: Question) -> str:
    mark = "*" if question.needs == "weights" else ""
    return f"- `{question.name}`{mark}: {question.asks}"


def _telling() -> list[Question]:
    quick = [question for question in known().values() if question.needs == "files"]
    return sorted(quick, key=lambda question: -len(question.example))[:_EXAMPLES]
