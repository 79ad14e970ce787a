"""Next steps that carry on with what was asked: each face gives them the same device, context and batch, so that a command runs
as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ropescope.questions.inputs import Asked, fields_of
from ropescope.questions.registry import find

if TYPE_CHECKING:
    from ropescope.report.report import Report, Step

OPEN: Final = "…"
"""The value of an input that a step leaves to the request. Such a step carries whatever else its question takes too."""


def carried(report: Report, inputs: Any) -> Report:
    """`report`, which answers `inputs`, with their values in the next steps that leave one open. What nobody gave is told by
    the word of its kind, as NAME."""
    given = {
        one.name: one
        for one in fields_of(type(inputs))
        if getattr(inputs, one.name) != one.default and getattr(inputs, one.name) is not None
    }
    steps = tuple(step if isinstance(step, str) else _filled(step, inputs, given) for step in report.next_steps)
    return report if steps == report.next_steps else replace(report, next_steps=steps)


def _filled(step: Step, inputs: Any, given: Mapping[str, Asked]) -> Step:
    if OPEN not in step.inputs.values():
        return step
    filled = dict(step.inputs)
    same_model = filled.get("source") == getattr(inputs, "source", None)
    for one in fields_of(find(step.question).inputs_type):
        mine = given.get(one.name)
        if mine is not None and mine.kind == one.kind and _goes_on(one, filled, same_model):
            value = getattr(inputs, one.name)
            filled[one.name] = True if value is True else one.kind.write(value)
        elif filled.get(one.name) == OPEN:
            filled[one.name] = one.kind.metavar.partition("|")[0]
    return replace(step, inputs=filled)


def _goes_on(one: Asked, filled: Mapping[str, Any], same_model: bool) -> bool:
    if one.name in filled:
        return bool(filled[one.name] == OPEN)
    return not one.placed and (same_model or one.group != "model")
