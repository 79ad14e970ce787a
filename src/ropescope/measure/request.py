"""What to measure, and how: checked as far as arguments and files tell, before torch is imported and weights are loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from ropescope.errors import FormatError, MeasurementError
from ropescope.measure.protocol import LEGACY_LENGTH, FixedLength
from ropescope.models.loadable import loadable
from ropescope.models.model import Model
from ropescope.models.text_files import check_texts

DEFAULT_D_MIN: Final = 10
DEFAULT_RESAMPLES: Final = 2000

CorpusName = Literal["text", "random", "shuffled"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to measure. `precision` is the standard error of γ to reach by adding prompts, up to `max_prompts`."""

    protocol: FixedLength = field(default_factory=FixedLength)
    prompts: int = 12
    precision: float | None = None
    max_prompts: int = 512
    d_min: int = 10
    chunk_tokens: int | None = None
    beyond_trained: bool = False
    legacy_length: bool = False
    """Lengthen short prompts so that all published distances fit."""

    def __post_init__(self) -> None:
        if self.prompts < 1:
            raise MeasurementError(f"`prompts` must be at least 1, not {self.prompts}.")
        if self.precision is not None and not 0 < self.precision < 1:
            raise MeasurementError(f"`precision` is a standard error between 0 and 1, not {self.precision}.")
        if self.chunk_tokens is not None and self.chunk_tokens < 1:
            raise MeasurementError(f"`chunk` must be at least 1 token, not {self.chunk_tokens}.")


@dataclass(frozen=True, slots=True)
class Request:
    """What to measure. `texts` or `dataset` replace the embedded text; `control` is "random-init" or None."""

    source: str | Path | Mapping[str, Any]
    revision: str | None = None
    plan: Plan = field(default_factory=Plan)
    corpus: CorpusName = "text"
    texts: tuple[Path, ...] = ()
    dataset: str | None = None
    column: str = "text"
    seed: int = 0
    dtype: str = "auto"
    device: str | None = None
    control: str | None = None
    trust_remote_code: bool = False
    resume: bool = False
    resamples: int = DEFAULT_RESAMPLES
    legacy_first: bool = False

    def __post_init__(self) -> None:
        if self.corpus not in ("text", "random", "shuffled"):
            raise MeasurementError(f"`corpus` must be text, random or shuffled, not {self.corpus!r}.")
        if self.control not in (None, "random-init"):
            raise MeasurementError(f"`control` must be random-init, not {self.control!r}.")
        if self.texts and self.dataset:
            raise MeasurementError("Give `text` or `dataset`, not both.")
        if (self.texts or self.dataset) and self.corpus == "random":
            raise MeasurementError("`corpus` random uses no text: leave out `text` and `dataset`, or `corpus`.")
        if self.resamples < 1000:
            raise MeasurementError(f"`resamples` must be at least 1000 for a 95 % interval, not {self.resamples}.")


def check_first(request: Request) -> None:
    """Raise now what arguments and files tell of a measurement that cannot be made: no weights are read, and no network is
    asked but for a model on the Hub."""
    request.plan.protocol.require_distances(request.plan.d_min)
    if request.dataset is not None:
        from ropescope.models.datasets import fetch_dataset

        fetch_dataset(request.dataset, column=request.column)  # it stays in the cache
    # No tokenizer makes more tokens than bytes of a text.
    wanted = request.plan.prompts if request.plan.precision is None else 1
    check_texts(request.texts, request.column, least_bytes=wanted * (request.plan.protocol.length - 2))
    try:
        model: Model | None = loadable(
            request.source, request.revision, reads_text=request.corpus != "random" and not request.trust_remote_code
        )
    except FormatError:
        model = None  # a config that is not understood here; its network may still be measured
    if model is not None:
        prompt_tokens(model, request.plan)


def prompt_tokens(model: Model, plan: Plan) -> int:
    """Tokens in a prompt: the protocol's length, and two more if that lets the largest published distance in.

    Raises MeasurementError for a length beyond the trained context, unless the plan allows it.
    """
    length, trained = plan.protocol.length, model.context_length
    n_tokens = length
    if plan.legacy_length or length >= LEGACY_LENGTH - 2:
        n_tokens = max(length, LEGACY_LENGTH)
    if trained is None or n_tokens <= trained:
        return n_tokens
    if length <= trained and not plan.legacy_length:
        return length
    if model.positions == "learned":
        raise MeasurementError(
            f"{model.name} has {trained:,} learned positions and cannot run at {n_tokens:,} tokens: `length` {trained}."
        )
    if not plan.beyond_trained:
        raise MeasurementError(
            f"{n_tokens:,} tokens is beyond the trained context of {model.name} ({trained:,}, from {model.context_field}): "
            f"use `length` {trained} or less, or `beyond_trained` if that is what you study."
        )
    return n_tokens
