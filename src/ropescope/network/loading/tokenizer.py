"""The tokenizer of what is loaded, which refuses ids that the network has no embedding for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ropescope.errors import SourceError
from ropescope.models.source import Source
from ropescope.network.loading import old_gguf
from ropescope.network.loading.merging import adapter_folder


def tokenizer_of(
    source: Source, network: Any, where: str, arguments: Mapping[str, Any], trust_remote_code: bool
) -> Any | None:
    """The tokenizer that was saved beside an adapter, else that of the base, held to the ids that `network` has an embedding for;
    None without any. where, arguments: what transformers loads the weights from."""
    found = None
    if source.adapter is not None and any(adapter_folder(source.adapter).glob("tokenizer*")):
        found = _tokenizer(str(adapter_folder(source.adapter)), {}, trust_remote_code=False)
    found = _tokenizer(where, arguments, trust_remote_code) if found is None else found
    return None if found is None else within_embedding(found, network, source.name)


def _tokenizer(where: str, arguments: Mapping[str, Any], trust_remote_code: bool) -> Any | None:
    from transformers import AutoTokenizer

    passed = {name: value for name, value in arguments.items() if name != "quantization_config"}
    file = passed.pop("gguf_file", None) if old_gguf.NEEDED else None
    try:
        if file is not None:
            tokenizer = old_gguf.tokenizer_from_gguf(where, file, **passed)
        else:
            tokenizer = AutoTokenizer.from_pretrained(where, **passed, trust_remote_code=trust_remote_code)
    except Exception:  # absent, broken or of an unknown kind: random tokens still work without it
        return None
    # Without tokenizer files transformers may build an empty one, which knows its special tokens only.
    return tokenizer if len(tokenizer) > len(set(tokenizer.all_special_ids)) else None


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
