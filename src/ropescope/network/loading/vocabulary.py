"""Ids that a network has no embedding for: a tokenizer may give more than the network knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ropescope.errors import SourceError


def embedded_rows(network: Any) -> int:
    """How many ids the input embedding of `network` has."""
    return int(network.get_input_embeddings().weight.shape[0])


def within_embedding(tokenizer: Any, network: Any, name: str) -> Any:
    """`tokenizer`, which from now on refuses a text whose ids go beyond the embedding of `network`, with a SourceError.

    Some tokenizers know more tokens than the network has rows for: added ones that were never trained, or those of another
    model. As long as no text has them, they do no harm.
    """
    try:
        rows = embedded_rows(network)
    except (NotImplementedError, AttributeError):
        return tokenizer  # a network that does not tell
    if max([*tokenizer.get_vocab().values(), *tokenizer.added_tokens_decoder], default=0) < rows:
        return tokenizer
    kind = type(tokenizer)

    def call(self: Any, *texts: Any, **how: Any) -> Any:
        found = kind.__call__(self, *texts, **how)
        for index in _flat(found["input_ids"]):
            if index >= rows:
                token = self.convert_ids_to_tokens(index)
                raise SourceError(
                    f"The tokenizer of {name} gives the id {index:,} ({token!r}), and the network has embeddings for {rows:,} "
                    "ids: put the tokenizer of these weights beside them, or measure on random tokens (`corpus` random)."
                )
        return found

    # What asks for a tokenizer by its class (lm-eval does) still gets one.
    tokenizer.__class__ = type(kind.__name__, (kind,), {"__call__": call, "__module__": kind.__module__})
    return tokenizer


def _flat(ids: Any) -> Iterator[int]:
    for entry in ids.tolist() if hasattr(ids, "tolist") else ids:
        if isinstance(entry, int):
            yield entry
        else:
            yield from _flat(entry)
