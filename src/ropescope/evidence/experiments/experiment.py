"""An experiment: what the theory says will be seen, what its null says, and what decides between them, before the run.

The predictions are part of the code. Those that depend on the model are computed from its files (θ, its kind of attention)
and from the settings, before any weight is loaded, so no prediction can follow a result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ropescope.errors import MeasurementError
from ropescope.models.model import Model

if TYPE_CHECKING:
    from ropescope.measure.estimates import Estimate

Decision = Literal["theory", "null", "neither", "undecided"]
"""Which prediction a measurement leaves standing."""

LEAST_PROMPTS = 4
"""Fewer prompts give no interval over prompts worth the name."""


@dataclass(frozen=True, slots=True)
class Range:
    """The values that a prediction allows, both ends included; None is an open end."""

    low: float | None = None
    high: float | None = None

    @classmethod
    def around(cls, value: float, margin: float) -> Range:
        """value − margin … value + margin."""
        return cls(value - margin, value + margin)

    def meets(self, low: float, high: float) -> bool:
        """Whether the interval [low, high] holds a value of this range."""
        return (self.low is None or high >= self.low) and (self.high is None or low <= self.high)

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"at most {self.high:.3g}" if self.low is None else f"at least {self.low:.3g}"
        return f"{self.low:.3g} to {self.high:.3g}"


def nearest(theory: float, null: float) -> tuple[Range, Range]:
    """The ranges of two predicted values: nearer to one than to the other, and no farther off than half their distance."""
    half = abs(theory - null) / 2
    return Range.around(theory, half), Range.around(null, half)


@dataclass(frozen=True, slots=True)
class Expectation:
    """A number that will be measured, and where each prediction expects it; None: that side says nothing of it."""

    statistic: str
    theory: Range | None
    null: Range | None

    def agrees(self, measured: Estimate) -> tuple[bool | None, bool | None]:
        """Whether the 95 % interval meets the range of (theory, null); None where there is no range."""
        low, high = measured.ci if measured.ci is not None else (None, None)
        if low is None or high is None:
            return (None, None)
        return (
            None if self.theory is None else self.theory.meets(low, high),
            None if self.null is None else self.null.meets(low, high),
        )


Expectations = tuple[Expectation, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """How an experiment is run. `prompts` and `length` (tokens) of 0 stand for the experiment's own."""

    prompts: int = 0
    length: int = 0
    seed: int = 0
    corpus: str = "text"
    texts: tuple[Path, ...] = ()
    column: str = "text"
    dtype: str = "auto"
    device: str | None = None
    revision: str | None = None
    beyond_trained: bool = False
    trust_remote_code: bool = False
    resume: bool = False
    d_min: int = 10
    resamples: int = 2000

    def __post_init__(self) -> None:
        """Raises MeasurementError for settings that give no interval."""
        if self.prompts and self.prompts < LEAST_PROMPTS:
            raise MeasurementError(
                f"`prompts` {self.prompts} gives no interval to hold against the predictions: use at least {LEAST_PROMPTS}."
            )
        if self.resamples < 1000:
            raise MeasurementError(f"resamples must be at least 1000 for a 95 % interval, not {self.resamples}.")
        if self.corpus not in ("text", "random", "shuffled"):
            raise MeasurementError(f"`corpus` must be text, random or shuffled, not {self.corpus!r}.")
        if self.texts and self.corpus == "random":
            raise MeasurementError("`corpus` random uses no text: leave out `text` or `corpus`.")

    def for_experiment(self, experiment: Experiment, model: Model | None) -> Setting:
        """With the experiment's own prompts and length where none were given, the length within the trained context."""
        length = self.length or experiment.length
        trained = None if model is None else model.context_length
        if not self.length and trained is not None:
            length = min(length, trained)
        return replace(self, prompts=self.prompts or experiment.prompts, length=length)


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment by name, with its predictions and its defaults. Its module's `observe` does the work in a context.

    theory, null, decides: what is said beforehand, in words. expect: the expectations for a model and a setting, from its
    files alone.
    parts: how many times it runs all prompts through a network (0: once for each model given). sources: how many sources
    it needs at least. needs_rope: whether its predictions need a RoPE base θ. shared: whether several workers can share it.
    """

    name: str
    question: str
    theory: str
    null: str
    decides: str
    prompts: int
    length: int
    parts: int
    expect: Callable[[Model | None, Setting], Expectations]
    needs_rope: bool = False
    shared: bool = True
    sources: int = 1

    @property
    def prediction(self) -> dict[str, str]:
        """What is said beforehand, by side."""
        return {"theory": self.theory, "null": self.null, "decides": self.decides}


def fixed(*expectations: Expectation) -> Callable[[Model | None, Setting], Expectations]:
    """The `expect` of an experiment whose expectations depend on nothing."""
    return lambda model, setting: expectations


def decide(expectations: Sequence[Expectation], measured: Mapping[str, Estimate]) -> Decision:
    """Which prediction stands: the one all of whose ranges meet the 95 % intervals measured.

    Both: undecided, as when an interval is missing. None of the two: neither.
    """
    pairs = [item.agrees(measured[item.statistic]) for item in expectations]
    if any(measured[item.statistic].ci is None for item in expectations):
        return "undecided"
    theory = all(pair[0] is not False for pair in pairs)
    null = all(pair[1] is not False for pair in pairs)
    if theory == null:
        return "undecided" if theory else "neither"
    return "theory" if theory else "null"
