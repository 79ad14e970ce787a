"""A question as Python calls it: a function of the package, its placed inputs by position and the others by name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from ropescope.questions.question import Question

_HELD: Final = re.compile(r"<[a-z][a-z0-9_-]*>")
"""What stands for data that were given in the place of a file: who asks again has them in a variable."""


def function_name(question: Question) -> str:
    """The name of its function: compress_plan for "compress plan"."""
    return question.name.replace(" ", "_").replace("-", "_")


def call(question: Question, given: Mapping[str, Any]) -> str:
    """The call that asks it with `given`: ropescope.fit("smollm2", gpu="4090"). Values of a placed list stand one by one."""
    placed = (given[name] for name in question.placed if name in given)
    words = [_spelled(item) for value in placed for item in (value if isinstance(value, list | tuple) else (value,))]
    words += [f"{name}={_spelled(value)}" for name, value in given.items() if name not in question.placed]
    return f"ropescope.{function_name(question)}({', '.join(words)})"


def _spelled(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_spelled, value))}]"
    if isinstance(value, str) and _HELD.fullmatch(value):
        return value[1:-1].replace("-", "_")
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
