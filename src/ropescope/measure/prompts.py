"""Token prompts to measure on: the same seed gives the same prompts, each drawn for itself.

A corpus is random tokens, English text that every CPython carries, the user's own text, or text with its tokens in random
order. Text prompts are windows that do not overlap, so prompts are clusters that may be resampled.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ropescope.errors import MeasurementError, SourceError

Tokens = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Where prompts come from. `stream` holds a text's tokens; None stands for random ids from `vocabulary`.

    name: as the user gave it. about: what it is, in words. sha256: of the text or of the vocabulary.
    prefix: tokens that start every prompt (the tokenizer's BOS, where it sets one).
    window_tokens: the length that every prompt is drawn at, so that a shorter prompt is the beginning of the longer one of
    the same index; None: each length has its own prompts.
    """

    name: str
    about: str
    sha256: str
    seed: int
    prefix: tuple[int, ...]
    stream: Tokens | None = field(default=None, repr=False)
    vocabulary: Tokens | None = field(default=None, repr=False)
    shuffled: bool = False
    window_tokens: int | None = None

    def available(self, n_tokens: int) -> int | None:
        """How many prompts of `n_tokens` there are; None: as many as are asked for."""
        drawn_at = max(n_tokens, self.window_tokens or 0)
        return None if self.stream is None else len(self.stream) // (drawn_at - len(self.prefix))

    def prompt(self, index: int, n_tokens: int) -> Tokens:
        """[n_tokens] ids of prompt `index`. Raises MeasurementError when the text holds no such prompt."""
        rng = np.random.default_rng([self.seed, index])
        drawn_at = max(n_tokens, self.window_tokens or 0)
        n_body = drawn_at - len(self.prefix)
        if self.stream is None:
            assert self.vocabulary is not None
            body = rng.choice(self.vocabulary, size=n_body)
        else:
            windows = self.available(n_tokens) or 0
            if index >= windows:
                raise MeasurementError(
                    f"{self.about} gives {len(self.stream):,} tokens: enough for {windows} prompts of {drawn_at:,}. "
                    "Give more text (--text), a shorter --length, fewer --prompts, or --corpus random."
                )
            window = int(np.random.default_rng(self.seed).permutation(windows)[index])
            body = self.stream[window * n_body : (window + 1) * n_body]
            if self.shuffled:
                body = rng.permutation(body)
        return np.concatenate([np.asarray(self.prefix, dtype=np.int64), body])[:n_tokens]


def random_corpus(vocab_size: int, tokenizer: Any | None, special_ids: Sequence[int], seed: int) -> Corpus:
    """Uniform over the ids that are no special tokens. Needs no tokenizer; with one, its special tokens are known better."""
    excluded = set(special_ids)
    if tokenizer is not None:
        vocab_size = min(vocab_size, len(tokenizer))
        excluded |= set(tokenizer.all_special_ids)
        excluded |= {index for index, token in tokenizer.added_tokens_decoder.items() if token.special}
    vocabulary = np.array([index for index in range(vocab_size) if index not in excluded], dtype=np.int64)
    if not len(vocabulary):
        raise MeasurementError("The vocabulary holds special tokens only, so no random prompt can be made.")
    return Corpus(
        name="random",
        about=f"random tokens, uniform over {len(vocabulary):,} ids",
        sha256=hashlib.sha256(vocabulary.tobytes()).hexdigest(),
        seed=seed,
        prefix=bos_prefix(tokenizer),
        vocabulary=vocabulary,
    )


def text_corpus(
    name: str, about: str, text: str, tokenizer: Any | None, seed: int, *, shuffled: bool = False
) -> Corpus:
    """Windows of a text. Raises SourceError without a tokenizer or without text."""
    if tokenizer is None:
        raise SourceError(
            "This model comes without a tokenizer, so no text can be read with it: measure on random tokens (--corpus random)."
        )
    stream = np.asarray(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"], dtype=np.int64)
    if not len(stream):
        raise SourceError(f"{about} holds no text.")
    return Corpus(
        name=name,
        about=f"{about}, tokens in random order" if shuffled else about,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        seed=seed,
        prefix=bos_prefix(tokenizer),
        stream=stream,
        shuffled=shuffled,
    )


def bos_prefix(tokenizer: Any | None) -> tuple[int, ...]:
    """The BOS token, if the tokenizer itself begins a text with it; such models are trained to have it as their sink."""
    if tokenizer is None or tokenizer.bos_token_id is None:
        return ()
    ids = tokenizer("a")["input_ids"]
    return (tokenizer.bos_token_id,) if ids and ids[0] == tokenizer.bos_token_id else ()


def embedded_text() -> tuple[str, str]:
    """English that every CPython carries, the topics of its language reference, and what to call it."""
    from pydoc_data.topics import topics

    about = f"the language reference of Python {platform.python_version()} (pydoc_data.topics)"
    return "\n\n".join(topics[name] for name in sorted(topics)), about


def file_text(paths: Sequence[Path], column: str) -> tuple[str, str]:
    """The text of .txt, .md, .jsonl and .parquet files, and what to call it."""
    from ropescope.models.datasets import read_texts

    names = ", ".join(path.name for path in paths)
    return "\n\n".join(read_texts(paths, column=column)), names
