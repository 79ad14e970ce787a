"""Token prompts to measure on: the same seed gives the same prompts, each drawn for itself.

A corpus is random tokens, English text that every CPython carries, the user's own text, or text with its tokens in random
order. Text prompts are windows that do not overlap, so prompts are clusters that may be resampled.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ropescope.errors import MeasurementError, SourceError

Tokens = NDArray[np.int64]

BLOCK = 64
"""Windows of a text of the user's that prompts are drawn from before more of it is read."""
_CHARACTERS = 1 << 18
"""Characters of a text that are turned into tokens at once."""


class Stream:
    """The tokens of a text, which is read and turned into tokens only as far as they are asked for.

    It is cut at fixed places, so the tokens do not depend on how much is read, nor on how much more text there is.
    """

    def __init__(self, pieces: Iterable[str], tokenizer: Any) -> None:
        self._parts, self._tokenizer = _parts(iter(pieces)), tokenizer
        self._tokens: list[Tokens] = []
        self._n = 0

    def first(self, n_tokens: int) -> Tokens:
        """The first `n_tokens` tokens and perhaps more, or all there are."""
        while self._n < n_tokens and (part := next(self._parts, None)) is not None:
            ids = self._tokenizer(part, add_special_tokens=False, verbose=False)["input_ids"]
            self._tokens.append(np.asarray(ids, dtype=np.int64))
            self._n += len(ids)
        if len(self._tokens) != 1:
            self._tokens = [np.concatenate([*self._tokens, np.empty(0, dtype=np.int64)])]
        return self._tokens[0]


def _parts(pieces: Iterator[str]) -> Iterator[str]:
    """The text in parts of about _CHARACTERS, each ending where a word does if it can."""
    held = ""
    for piece in pieces:
        held += piece
        while len(held) > _CHARACTERS:
            end = held.rfind(" ", _CHARACTERS // 2, _CHARACTERS)
            end = _CHARACTERS if end < 0 else end
            yield held[:end]
            held = held[end:]
    if held:
        yield held


@dataclass(frozen=True, slots=True)
class Corpus:
    """Where prompts come from. `stream` holds a text's tokens; None stands for random ids from `vocabulary`.

    name: as the user gave it. about: what it is, in words. sha256: of the text, its files or the vocabulary.
    prefix: tokens that start every prompt (the tokenizer's BOS, where it sets one).
    window_tokens: the length that every prompt is drawn at, so that a shorter prompt is the beginning of the longer one of
    the same index; None: each length has its own prompts.
    block: prompts are drawn from so many windows of the text, then from the next so many, so that they are the same
    however long the text is; None: from all of it.
    """

    name: str
    about: str
    sha256: str
    seed: int
    prefix: tuple[int, ...]
    stream: Tokens | Stream | None = field(default=None, repr=False)
    vocabulary: Tokens | None = field(default=None, repr=False)
    shuffled: bool = False
    window_tokens: int | None = None
    block: int | None = None

    def available(self, n_tokens: int, most: int | None = None) -> int | None:
        """How many prompts of `n_tokens` there are, counted up to `most`; None: as many as are asked for."""
        if self.stream is None:
            return None
        n_body = max(n_tokens, self.window_tokens or 0) - len(self.prefix)
        found = len(self._first(None if most is None else most * n_body)) // n_body
        return found if most is None else min(found, most)

    def _first(self, n_tokens: int | None) -> Tokens:
        """The first tokens of the text, at least so many or all there are."""
        assert self.stream is not None
        return self.stream if isinstance(self.stream, np.ndarray) else self.stream.first(n_tokens or sys.maxsize)

    def prompt(self, index: int, n_tokens: int) -> Tokens:
        """[n_tokens] ids of prompt `index`. Raises MeasurementError when the text holds no such prompt."""
        rng = np.random.default_rng([self.seed, index])
        drawn_at = max(n_tokens, self.window_tokens or 0)
        n_body = drawn_at - len(self.prefix)
        if self.stream is None:
            assert self.vocabulary is not None
            body = rng.choice(self.vocabulary, size=n_body)
        else:
            block = 0 if self.block is None else index // self.block
            end = None if self.block is None else (block + 1) * self.block
            windows = self.available(n_tokens, end) or 0
            tokens = self._first(None if end is None else end * n_body)
            if index >= windows:
                raise MeasurementError(
                    f"{self.about} gives {len(tokens):,} tokens: enough for {windows} prompts of {drawn_at:,}. "
                    "Give more text (`text`), a shorter `length`, fewer `prompts`, or `corpus` random."
                )
            # The first block is drawn as a whole text of that length is.
            start = block * (self.block or 0)
            order = np.random.default_rng([self.seed, block] if block else self.seed).permutation(windows - start)
            window = start + int(order[index - start])
            body = tokens[window * n_body : (window + 1) * n_body]
            if self.shuffled:
                body = rng.permutation(body)
        return np.concatenate([np.asarray(self.prefix, dtype=np.int64), body])[:n_tokens]


def random_corpus(vocab_size: int, tokenizer: Any | None, special_ids: Sequence[int], seed: int) -> Corpus:
    """Uniform over the ids that are no special tokens. Needs no tokenizer; with one, its special tokens are known better."""
    excluded = set(special_ids)
    prefix: tuple[int, ...] = ()
    if tokenizer is not None:
        with suppress(SourceError):  # a beginning that the network has no embedding for is left out
            prefix = bos_prefix(tokenizer)
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
        prefix=prefix,
        vocabulary=vocabulary,
    )


def text_corpus(
    name: str, about: str, text: str, tokenizer: Any | None, seed: int, *, shuffled: bool = False
) -> Corpus:
    """Windows of a text. Raises SourceError without a tokenizer or without text."""
    if tokenizer is None:
        raise _no_tokenizer()
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


def file_corpus(
    name: str,
    about: str,
    paths: Sequence[Path],
    column: str,
    tokenizer: Any | None,
    seed: int,
    *,
    shuffled: bool = False,
) -> Corpus:
    """Windows of the text in files, read no further than its prompts need. Raises SourceError without a tokenizer, and as
    `read_texts` for the files."""
    from ropescope.models.text_files import read_pieces

    if tokenizer is None:
        raise _no_tokenizer()
    stream = Stream(read_pieces(paths, column=column), tokenizer)
    if not len(stream.first(1)):
        raise SourceError(f"{about} holds no text.")
    return Corpus(
        name=name,
        about=f"{about}, tokens in random order" if shuffled else about,
        sha256=_sha256(paths, column),
        seed=seed,
        prefix=bos_prefix(tokenizer),
        stream=stream,
        shuffled=shuffled,
        block=BLOCK,
    )


def _sha256(paths: Sequence[Path], column: str) -> str:
    """The hash of a file, or of the hashes of several; with the column where it is not the usual one."""
    each = []
    for path in paths:
        with path.open("rb") as file:
            each.append(hashlib.file_digest(file, "sha256").hexdigest())
    if len(each) == 1 and column == "text":
        return each[0]
    return hashlib.sha256("\n".join([*each, column]).encode()).hexdigest()


def _no_tokenizer() -> SourceError:
    return SourceError(
        "This model comes without a tokenizer, so no text can be read with it: measure on random tokens (`corpus` random)."
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
