"""What is done with each input, and what must hold of the answer: an error of ours, or a Model that is sound.

A target raises `Broken` or any foreign exception where something is wrong, and returns whether the input was accepted.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ropescope.errors import RopescopeError
from ropescope.models.config.reading import from_config
from ropescope.models.counts.weights import count_weights
from ropescope.models.gguf.header import parse_header as parse_gguf
from ropescope.models.gguf.model import from_gguf
from ropescope.models.json_file import json_object
from ropescope.models.model import Model
from ropescope.models.quantization import quantization_config, quantization_of, stated_dtype
from ropescope.models.safetensors.files import StoredWeights
from ropescope.models.safetensors.header import header_length, parse_header
from ropescope.models.source import Source

GIVEN = from_config(
    {"model_type": "llama", "num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 64, "vocab_size": 10}
)


class Broken(AssertionError):
    """A wrong number, or an error that says nothing."""


def guarded(read: Callable[[bytes], Any]) -> Callable[[bytes], bool]:
    """`read` as a target: refusals are fine if they are one short sentence."""

    def target(data: bytes) -> bool:
        try:
            read(data)
        except RopescopeError as error:
            text = str(error)
            if not text or "\n" in text or len(text) > 700:
                raise Broken(f"no sentence: {text[:200]!r}") from error
            return False
        return True

    return target


@guarded
def config(data: bytes) -> None:
    """A config.json."""
    found = json_object(data, "config.json")
    model = from_config(found, source=Source("dict", "x"))
    quantization_of(quantization_config(found))
    stated_dtype(found)
    check(model)


@guarded
def gguf(data: bytes) -> None:
    """A GGUF file."""
    header = parse_gguf(lambda start, count: data[start : start + count], len(data), name="x.gguf")
    if sum(tensor.n_bytes or 0 for tensor in header.tensors) > len(data):
        raise Broken("the tensors have more bytes than the file")
    check(from_gguf(header, source=Source("gguf", "x")))


@guarded
def safetensors(data: bytes) -> None:
    """A safetensors file, against the library."""
    import safetensors as library

    try:
        theirs = {name: (entry["dtype"], tuple(entry["shape"]), len(entry["data"]))
                  for name, entry in library.deserialize(data)}  # fmt: skip
    except library.SafetensorError:
        theirs = None
    try:
        length = header_length(data[:8], len(data), "x")
        header = parse_header(data[8 : 8 + length], len(data), "x")
    except RopescopeError as error:
        if theirs is not None and "twice" not in str(error):
            raise Broken(f"the library reads what is refused here: {error}") from error
        raise
    if {tensor.name: tuple(tensor[1:]) for tensor in header.tensors} != theirs:
        raise Broken("read in another way than by the library")
    stored = StoredWeights(header.tensors, 1, "x")
    for method in ({}, {"quant_method": "gptq", "bits": 4, "group_size": 8}):
        parameters, weights, notes = count_weights(GIVEN, stored, method)
        if weights.n_bytes != header.data_bytes or (parameters is None) != bool(notes):
            raise Broken("bytes or notes do not fit")
        if parameters is not None:
            counts(parameters.total, parameters.active, parameters.parts)


def gguf_against_the_package(data: bytes) -> None:
    """Where both read a GGUF file, both find the same tensors. Raises Broken."""
    import gguf as package

    header = parse_gguf(lambda start, count: data[start : start + count], len(data), name="x.gguf")
    with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
        Path(file.name).write_bytes(data)
        try:
            theirs = package.GGUFReader(file.name).tensors
        except Exception:  # the package checks less and fails in its own ways
            return
        found = [(tensor.name, tensor.shape, header.data_offset + tensor.offset) for tensor in header.tensors]
        if found != [(entry.name, tuple(map(int, entry.shape)), int(entry.data_offset)) for entry in theirs]:
            raise Broken("read in another way than by the gguf package")


def counts(total: int, active: int, parts: Any) -> None:
    """Raises Broken for counts that cannot be."""
    if not 0 <= active <= total or sum(parts.values()) != total or any(count <= 0 for count in parts.values()):
        raise Broken(f"{active} of {total} parameters in {dict(parts)}")


def check(model: Model) -> None:
    """Raises Broken for a Model that cannot be, or that does not survive JSON."""
    for layer in model.layers:
        numbers = (
            layer.n_heads,
            layer.n_kv_heads,
            layer.head_dim,
            layer.cache.key_elements,
            layer.cache.value_elements,
        )
        if any(not isinstance(number, int) or number < 0 for number in numbers):
            raise Broken(f"layer {layer.index} has {numbers}")
        if layer.has_attention and (not layer.n_kv_heads or layer.n_heads % layer.n_kv_heads):
            raise Broken(f"layer {layer.index} has {layer.n_heads} heads and {layer.n_kv_heads} KV heads")
        if layer.rope is not None and not (math.isfinite(layer.rope.theta) and 0 < layer.rope.rotary_fraction <= 1):
            raise Broken(f"layer {layer.index} has {layer.rope}")
    if not 0 <= model.cache_bytes(100) <= model.cache_bytes(1000):
        raise Broken("the cache shrinks")
    if model.parameters is not None:
        counts(model.parameters.total, model.parameters.active, model.parameters.parts)
    again = Model.from_dict(json.loads(json.dumps(model.to_dict())))
    if json.dumps(again.to_dict()) != json.dumps(model.to_dict()):
        raise Broken("it does not survive JSON")
