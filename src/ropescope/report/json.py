"""Strict JSON: what a machine reads of a report. No NaN, no Infinity, no type that JSON does not have."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from ropescope.errors import ReportError
from ropescope.report.report import Report

BESIDE: Final = "answer"
"""The key of what a report says, beside its data: no data have it."""
_ANSWER: Final = ("title", "verdict", "holds", "lead", "facts", "caveats", "next_steps")


def to_json(report: Report, *, whole: bool = False, indent: int | None = 2) -> str:
    """The machine-readable result as strict JSON, keys in the order given, without a line end.

    It is `report.data` with `answer` before it: what the report says of it (verdict, holds, facts with their basis, caveats).
    A report without data, or `whole=True`, gives the report itself (`Report.to_dict`), which `Report.from_dict` reads
    back. The text is ASCII, so that no escape sequence in a model's name reaches a terminal. Raises ReportError naming
    the key of a number that is NaN or infinite, or of a value that JSON cannot hold.
    """
    if whole or not report.data:
        return dumps(report.to_dict(), name="report", indent=indent)
    told = report.to_dict()
    return dumps({BESIDE: {name: told[name] for name in _ANSWER}, **strict(report.data)}, name="report", indent=indent)


def dumps(value: Any, *, name: str = "data", indent: int | None = None) -> str:
    """`value` as strict, ASCII JSON. Raises ReportError as `to_json` does, the key's path beginning with `name`."""
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(strict(value, name), indent=indent, allow_nan=False, separators=separators)


def strict(value: Any, name: str = "data") -> Any:
    """`value` as dicts, lists and scalars; a key is named from `name` on. Raises ReportError as `to_json` does."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ReportError(f"{name} is {value}, which JSON cannot hold; use null (None) for an absent number.")
        return float(value)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ReportError(f"{name} has the key {key!r}: a key in JSON is a string.")
        return {key: strict(item, f"{name}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(item, f"{name}[{i}]") for i, item in enumerate(value)]
    raise ReportError(f"{name} is a {type(value).__name__}, which JSON cannot hold; give it as plain numbers or text.")
