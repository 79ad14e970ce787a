"""From two sources to a finished comparison on held-out text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import torch

from ropescope.errors import RopescopeError, SourceError
from ropescope.models.opening import open as open_model
from ropescope.network.loading.asked import LoadingInputs
from ropescope.network.loading.number_type import AUTO, MEMORY_SHARE
from ropescope.network.loading.weights import Weights, load
from ropescope.network.memory import available_bytes
from ropescope.network.rounding import rounded
from ropescope.quality.agreement import Agreement, Comparison, require_same_vocabulary
from ropescope.quality.texts import held_out_texts
from ropescope.questions.question import Run
from ropescope.runs.job import Outcome, run_job


class ComparingInputs(LoadingInputs, Protocol):
    """How two models are loaded, and what they read."""

    @property
    def text(self) -> Sequence[Path]: ...

    @property
    def column(self) -> str: ...

    @property
    def texts(self) -> int: ...

    @property
    def length(self) -> int: ...

    @property
    def resume(self) -> bool: ...


def compare(
    inputs: ComparingInputs, reference: str, other: str, run: Run, *, rounding: str = "", padding: bool = False
) -> Outcome[Agreement]:
    """`other` beside `reference`, or with a `rounding` the reference rounded so; both computed in one number type.

    `padding` allows rows of the output that no token belongs to. Raises RopescopeError subclasses; KeyboardInterrupt only
    when no text was finished.
    """
    dtype, why = _number_type(inputs, {reference, other})
    first = _loaded(inputs, reference, dtype, run)
    first = replace(first, dtype_reason=why or first.dtype_reason)
    if rounding:
        run.say(f"Rounding {reference} to {rounding}")
        second = rounded(first, rounding, dtype=first.dtype)
    elif other == reference:
        second = first
    else:
        second = _loaded(inputs, other, first.dtype, run)
    require_same_vocabulary(first, second, padding=padding)
    texts = held_out_texts(first.tokenizer, inputs.length, inputs.texts, files=inputs.text, column=inputs.column)
    run.say(f"Comparing on {first.on_what}")
    return run_job(Comparison(first, second, texts), resume=inputs.resume, progress=run.progress)


def _loaded(inputs: ComparingInputs, source: str, dtype: str, run: Run) -> Weights:
    run.say(f"Loading {source}")
    weights = load(
        source,
        revision=inputs.revision if source == inputs.source else None,
        dtype=dtype,
        device=inputs.device,
        trust_remote_code=inputs.trust_remote_code,
    )
    if weights.tokenizer is None:
        raise SourceError(f"{weights.source.name} comes without a tokenizer, so no text can be read with it.")
    return weights


def _number_type(inputs: ComparingInputs, sources: set[str]) -> tuple[str, str]:
    """(as asked, by default float32 where both models fit so; why, "" where loading tells it)."""
    if inputs.dtype != AUTO:
        return inputs.dtype, ""
    device = torch.device(inputs.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    total = 0
    for source in sources:
        try:
            found = open_model(source, inputs.revision if source == inputs.source else None).parameters
        except RopescopeError:
            return AUTO, ""
        if found is None:
            return AUTO, ""
        total += found.total
    if 4 * total > MEMORY_SHARE * available_bytes(device):
        return AUTO, ""
    return "float32", "the rounding of 16 bits would be measured as a difference"
