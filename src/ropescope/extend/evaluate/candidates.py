"""The ways of scaling that are compared: names with options, or plans that were saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ropescope.errors import ExtendError
from ropescope.extend.plan.planning import fitting_plan, plan_extension
from ropescope.extend.plan.rope_plan import RopePlan
from ropescope.models.model import Model

TRUNCATED: Final = "truncated"
"""No scaling at all: of a longer text the last tokens alone are shown, as many as training met. What a longer context has to
beat."""
_OPTIONS = {"alpha": float, "factor": float, "gamma": float, "near": int, "slower": float}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plan under the name that tables and pictures give it. shown: the tokens at the end of a text that alone are read;
    None: all."""

    name: str
    plan: RopePlan
    shown: int | None = None

    def chunk(self, n_tokens: int) -> int | None:
        """How many tokens go through at once: all of them where the positions depend on how many there are (a chunk
        would turn its keys for a shorter text), else as many as is usual (None)."""
        return n_tokens if self.plan.by_length else None

    def cuts(self, n_tokens: int) -> bool:
        """Whether of so many tokens some are not shown."""
        return self.shown is not None and n_tokens > self.shown

    def seen(self, tokens: Sequence[int], to_come: int, kept: int = 0) -> Sequence[int]:
        """Those of `tokens` that are shown where `to_come` more follow: all, or the first `kept` and the last of them."""
        if self.shown is None or len(tokens) + to_come <= self.shown:
            return tokens
        return [*tokens[:kept], *tokens[-max(1, self.shown - to_come - kept) :]]


def candidates(model: Model, target: int, named: Sequence[str], *, trained: int | None = None) -> list[Candidate]:
    """A candidate for each name: a method ("yarn"), one with options ("alpha@alpha=4", "yarn@factor=4"), "auto", or the
    file of a saved plan, or "truncated". Raises ExtendError for what is no method or given twice, and for a plan for another
    model or length."""
    found = [
        _saved(model, target, name) if name.endswith(".json") else _made(model, target, name, trained)
        for name in (part.strip() for part in named)
    ]
    names = [candidate.name for candidate in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if not found or twice is not None:
        raise ExtendError(
            "Name at least one method." if not found else f"{twice} is named twice: name each method once."
        )
    return found


def _made(model: Model, target: int, name: str, trained: int | None) -> Candidate:
    method, _, given = name.partition("@")
    options: dict[str, Any] = {} if trained is None else {"trained": trained}
    if method == TRUNCATED and given:
        raise ExtendError(
            f"{name!r}: {TRUNCATED} shows the last tokens, as many as the trained length, and has no options."
        )
    if method == TRUNCATED:
        plain = plan_extension(model, target, "none", **options)
        return Candidate(name, plain, plain.seen_length)
    for part in given.split("+") if given else ():
        key, _, value = part.partition("=")
        try:
            options[key] = _OPTIONS[key](value)
        except (ValueError, KeyError):
            raise ExtendError(
                f"{name!r} is not a method with options: write METHOD@OPTION=NUMBER. Options: {', '.join(_OPTIONS)}."
            ) from None
    plan = plan_extension(model, target, method, **options)
    return Candidate(f"auto ({plan.method})" if method == "auto" else name, plan)


def _saved(model: Model, target: int, name: str) -> Candidate:
    return Candidate(Path(name).stem, fitting_plan(Path(name), model, target))
