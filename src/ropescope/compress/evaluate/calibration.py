"""What plans are measured on before they are scored: texts that share no passage with those that are scored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ropescope.compress.output_error import PROMPTS, PROTOCOL, OutputErrors, measure_output_errors
from ropescope.errors import SourceError
from ropescope.measure.prompts import Corpus
from ropescope.measure.weights import Weights
from ropescope.quality.texts import Text, beginning, calibration_texts


def measured_for(
    weights: Weights, length: int, *, prompts: int = PROMPTS, files: Sequence[Path] = (),
    progress: Callable[[int, int, str], None] | None = None,
) -> OutputErrors:  # fmt: skip
    """What cutting each head costs its layer's output, on `prompts` calibration texts of `length` tokens.

    Raises SourceError for a model without a tokenizer, MeasurementError if the texts are too short.
    """
    if weights.tokenizer is None:
        raise SourceError(f"{weights.source.name} comes without a tokenizer, so no text can be scored with it.")
    texts = calibration_texts(weights.tokenizer, length, prompts, files=files)
    protocol = replace(PROTOCOL, length=length)
    return measure_output_errors(
        weights, as_corpus(weights.tokenizer, texts), protocol=protocol, prompts=len(texts), progress=progress
    )


def as_corpus(tokenizer: object, texts: Sequence[Text]) -> Corpus:
    """Texts of one length as the prompts of a measurement, in an order of its own."""
    prefix = beginning(tokenizer)
    stream = np.concatenate([np.asarray(text.tokens[len(prefix) :], dtype=np.int64) for text in texts])
    return Corpus(
        name="calibration",
        about=f"{len(texts)} calibration texts ({', '.join(dict.fromkeys(text.kind for text in texts))})",
        sha256=hashlib.sha256(stream.tobytes()).hexdigest(),
        seed=0,
        prefix=prefix,
        stream=stream,
    )
