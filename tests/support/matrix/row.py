"""A row of the matrix: one question as a person writes it, a fact that its answer holds, and a bad input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """A question as a person writes it.

    Inputs may name `{config}`, a folder with Llama 3.1 8B's config; `{tiny}`, a tiny model with a tokenizer; `{profile}`, a kept
    profile of it; `{store}`, an atlas with that; `{new}`, a folder of the test's own, in which `files` are written before.
    `told` stands in the sentence about the `bad` inputs. `missing` is a package that the answer needs and the tests do not have.
    """

    question: str
    inputs: Mapping[str, Any]
    holds: Callable[[Mapping[str, Any]], bool]
    bad: Mapping[str, Any]
    told: str
    missing: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


TINY = {"dtype": "float32", "device": "cpu"}
