"""Which questions are asked on planted facts, and whether a text has room for them."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from ropescope.models.loadable import encoder_of
from ropescope.models.model import Model
from ropescope.quality.planting import Task
from ropescope.quality.trials import Trial, require_room, trials

TASKS: tuple[Task, ...] = ("passkey", "key-value")
KEYS_PER_CONTEXT = 10
"""Facts that share a text."""


def questions(tokenizer: Any, length: int, per_depth: int) -> list[list[Trial]]:
    """`per_depth` questions at each of five depths, of each task, in contexts for sequences of `length` tokens; those of one
    context together. Raises MeasurementError for a length that cannot hold them."""
    found = (trials(tokenizer, task, length, per_depth=per_depth, keys_per_context=KEYS_PER_CONTEXT) for task in TASKS)
    return [list(group) for of_task in found for _, group in groupby(of_task, key=lambda trial: trial.context)]


def require_room_for_questions(model: Model, length: int, per_depth: int) -> None:
    """Raise MeasurementError now for a length that cannot hold them, where the tokenizer of the model can be read."""
    encode = encoder_of(model.source)
    if encode is not None:
        for task in TASKS:
            require_room(encode, task, length, per_depth, keys_per_context=KEYS_PER_CONTEXT)
