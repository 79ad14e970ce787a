"""What plans are measured on before they are scored: texts that share no passage with those that are scored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ropescope.compress.plan.output_error import OutputErrors
from ropescope.compress.plan.output_error_measurement import measure_output_errors
from ropescope.compress.plan.picks import Sharing
from ropescope.compress.plan.target import DEFAULT_SINKS
from ropescope.errors import SourceError
from ropescope.network.loading.weights import Weights
from ropescope.quality.texts import calibration_texts
from ropescope.runs.job import Progress

PROMPTS = 6


def measured_for(
    weights: Weights,
    length: int,
    *,
    prompts: int = PROMPTS,
    files: Sequence[Path] = (),
    column: str = "text",
    sinks: int = DEFAULT_SINKS,
    together: Sharing = "head",
    picks: bool = True,
    progress: Progress | None = None,
) -> OutputErrors:
    """What cutting each head costs its layer's output, on `prompts` calibration texts of `length` tokens.

    `together`: which KV heads pick the same tokens. `picks`: whether plans may pick any.

    Raises SourceError for a model without a tokenizer, or for text that is too short.
    """
    if weights.tokenizer is None:
        raise SourceError(
            f"{weights.source.name} comes without a tokenizer: plan from a profile of random tokens instead."
        )
    texts = calibration_texts(weights.tokenizer, length, prompts, files=files, column=column)
    kinds = ", ".join(dict.fromkeys(text.kind for text in texts))
    about = f"calibration text: {kinds}; weights in {weights.dtype}"
    if weights.dtype_reason:
        about += f", {weights.dtype_reason}"
    prompts_of = [text.tokens for text in texts]
    return measure_output_errors(
        weights, prompts_of, sinks=sinks, about=about, together=together, picks=picks, progress=progress
    )
