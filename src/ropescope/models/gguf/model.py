"""From a GGUF header to a Model. The keys are `{architecture}.…`, as llama.cpp writes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from ropescope.errors import FormatError
from ropescope.models.context import context_of
from ropescope.models.counts.weights import count_parts, part_in
from ropescope.models.gguf.header import GGUFArray, GGUFHeader, GGUFTensor
from ropescope.models.gguf.keys import Keys
from ropescope.models.gguf.layers import ENCODERS, layers_of
from ropescope.models.gguf.tied import stored_twice
from ropescope.models.gguf.types import FILE_TYPES, TENSOR_TYPES
from ropescope.models.model import Layer, Model
from ropescope.models.parameters import Parameters, Quantization, Weights
from ropescope.models.source import Source
from ropescope.models.tokenizer import Tokenizer

# Tables of rotary factors and the routers' balance, which no optimiser touched.
NO_PARAMETERS: Final = ("rope_freqs", "rope_factors_", "attn_rot_embd", "exp_probs_b", "layer_output_scale")
FLOAT_TYPES: Final = frozenset({"F64", "F32", "F16", "BF16"})
FACTORS: Final = "rope_freqs.weight"
FACTOR_TENSORS: Final = frozenset({FACTORS, "rope_factors_long.weight", "rope_factors_short.weight"})
"""Where a file keeps factors for each rotary pair, of which its metadata say nothing."""

IMAGES: Final = frozenset(
    """
    aura cosmos flux hidream hyvid ltxv lumina2 pig qwen_image sd1 sd2 sd3 sdxl wan
    """.split()
)
"""Architectures of diffusion models, which other programs write as GGUF."""

COMPRESSED: Final = frozenset({"deepseek4", "deepseek41"})
"""Architectures that compress what they keep of a sequence; files that do not tell how are counted as if they did not."""


def from_gguf(
    header: GGUFHeader,
    *,
    source: Source,
    name: str | None = None,
    parts: Sequence[GGUFHeader] = (),
    same: bool | None = None,
) -> Model:
    """The Model that a GGUF header describes; `name` defaults to the file's `general.name`, else the source's.

    `parts` are the headers of the other files of a split model, whose tensors are counted too; `same` is whether embedding
    and output hold the same bytes, where that was looked at. Raises FormatError
    naming the key for what is missing or cannot be.
    """
    keys = Keys(header)
    _refuse_what_is_no_model(header)
    predicted = keys.whole("nextn_predict_layers", 4096)
    n_layers = (
        keys.required("block_count", 4096) - predicted
    )  # the count includes the layers for multi-token prediction
    if n_layers < 1:
        raise FormatError(f"{keys.name('nextn_predict_layers')} is {predicted}, all of the layers: convert it again.")
    hidden_size = keys.integer("embedding_length")
    tensors = [tensor for part in (header, *parts) for tensor in part.tensors]
    layers, positions = layers_of(keys, n_layers, hidden_size, frozenset(tensor.name for tensor in tensors))
    context = keys.integer("context_length")
    notes = source.notes
    if keys.architecture in COMPRESSED and all(layer.tokens_per_entry is None for layer in layers):
        notes = (*notes, f"{keys.architecture} compresses its cache, which is counted here as if it did not.")
    if held := sorted(tensor.name for tensor in tensors if tensor.name in FACTOR_TENSORS):
        notes = (
            *notes,
            f"its rotary pairs are slowed by factors that stand in a tensor ({held[0]}), of which its metadata do not say what "
            "scaling it is.",
        )
    twice = stored_twice(tensors, (keys.architecture, hidden_size, n_layers), same)
    if twice is not None:
        n_bytes = twice.n_bytes or 0
        notes = (
            *notes,
            f"its embedding is stored twice, once more as the output ({twice.n_elements:,} numbers, {n_bytes:,} bytes), and counts "
            "as parameters once.",
        )
    weights = weights_of((header, *parts), _file_name(source), layers) if tensors else None
    return Model(
        name=name or _text(header, "general.name") or source.name,
        source=source,
        model_type=keys.architecture,
        layers=layers,
        context=context_of(
            context,
            keys.name("context_length") if context is not None else "",
            next((layer.rope.scaling for layer in layers if layer.rope is not None and layer.rope.scaling), None),
            keys.integer("rope.scaling.original_context_length"),
            keys.name("rope.scaling.original_context_length"),
        ),
        vocab_size=_vocab_size(keys),
        hidden_size=hidden_size,
        config={key: _plain(value) for key, value in header.metadata.items()},
        positions=positions,
        causal=keys.flag("attention.causal", keys.architecture not in ENCODERS),
        parameters=_parameters(
            keys.architecture, [tensor for tensor in tensors if tensor is not twice], layers, weights.source
        )
        if weights
        else None,
        weights=weights,
        tokenizer=_tokenizer(header, source),
        licence=_licence(header),
        quantization=_quantization(header, weights) if weights else None,
        assumed=keys.assumed,
        notes=notes,
    )


def _refuse_what_is_no_model(header: GGUFHeader) -> None:
    kind = _text(header, "general.type")
    if header.architecture == "clip" or kind == "mmproj":
        raise FormatError("this GGUF file is the vision part of a model (mmproj): give the file of its language model.")
    if header.architecture in IMAGES:
        raise FormatError(
            f"this GGUF file is an image or video model ({header.architecture}), which has no context: give a language model."
        )
    if kind in ("adapter", "imatrix"):
        raise FormatError(f"this GGUF file is an {kind}, not a model: give the file of the model it belongs to.")


def _file_name(source: Source) -> str:
    return source.file or (source.path.name if source.path is not None else source.name)


def _text(header: GGUFHeader, key: str) -> str | None:
    value = header.metadata.get(key)
    return value if isinstance(value, str) and value else None


def _plain(value: Any) -> Any:
    """A metadata value as JSON can hold it; an array that was stepped over becomes its type and length."""
    if not isinstance(value, GGUFArray):
        return value
    if value.values is not None:
        return list(value.values)
    return {"array_of": value.element_type, "length": value.length}


def _vocab_size(keys: Keys) -> int | None:
    stated = keys.integer("vocab_size")
    if stated is not None:
        return stated
    tokens = keys.metadata.get("tokenizer.ggml.tokens")
    return tokens.length if isinstance(tokens, GGUFArray) and tokens.length else None


def weights_of(parts: Sequence[GGUFHeader], source: str, layers: tuple[Layer, ...] = ()) -> Weights:
    """The bytes of all tensors of the `parts` of a file, by their types."""
    by_type: Counter[str] = Counter()
    by_part: Counter[str] = Counter()
    for part in parts:
        starts = sorted(tensor.offset for tensor in part.tensors)
        ends = dict(pairwise([*starts, part.file_bytes - part.data_offset]))
        for tensor in part.tensors:
            # A type that is not known here takes the room up to the next tensor.
            size = ends[tensor.offset] - tensor.offset if tensor.n_bytes is None else tensor.n_bytes
            by_type[tensor.type_name] += size
            by_part[part_in(tensor.name, layers)] += size
    return Weights(by_type.total(), dict(by_type.most_common()), len(parts), source, dict(by_part.most_common()))


def _parameters(architecture: str, tensors: Sequence[GGUFTensor], layers: tuple[Layer, ...], source: str) -> Parameters:
    scaled = {tensor.name.removesuffix(".weight") for tensor in tensors if tensor.type_name == "NVFP4"}
    counts = {
        tensor.name: tensor.n_elements
        for tensor in tensors
        if not any(part in tensor.name for part in NO_PARAMETERS) and not _is_scale(architecture, tensor.name, scaled)
    }
    return count_parts(counts, layers, [layer.experts for layer in layers], source)


def _is_scale(architecture: str, name: str, scaled: set[str]) -> bool:
    """Whether a tensor belongs to the quantisation of another one; Gemma 4 has scales that are parameters."""
    base, _, ending = name.rpartition(".")
    return ending in ("scale", "input_scale") and (base in scaled or architecture == "bitnet")


def _quantization(header: GGUFHeader, weights: Weights) -> Quantization | None:
    """The type that most bytes are stored in, with the bits of a weight in it; None where that is a plain float."""
    main, n_bytes = next(iter(weights.by_type.items()))
    if main in FLOAT_TYPES or not weights.n_bytes:
        return None
    detail: dict[str, object] = {"type": main, "share_of_bytes": round(n_bytes / weights.n_bytes, 4)}
    number = header.metadata.get("general.file_type")
    if isinstance(number, int) and (stated := FILE_TYPES.get(number)) is not None:
        detail["file_type"] = stated
    sizes = {name: 8 * size / count for name, count, size in TENSOR_TYPES.values()}
    return Quantization("gguf", sizes.get(main), detail)


def _licence(header: GGUFHeader) -> str | None:
    stated = _text(header, "general.license")
    return _text(header, "general.license.name") or stated if stated in (None, "other") else stated


def _tokenizer(header: GGUFHeader, source: Source) -> Tokenizer | None:
    metadata = header.metadata
    if not any(key.startswith("tokenizer.") for key in metadata):
        return None
    tokens = metadata.get("tokenizer.ggml.tokens")
    size = tokens.length if isinstance(tokens, GGUFArray) else None
    ids: dict[str, tuple[int, ...]] = {}
    # A chat ends with the end of a turn as often as with the end of the text.
    for name, keys in (("bos", ("bos",)), ("eos", ("eos", "eot")), ("pad", ("padding",)), ("unk", ("unknown",))):
        stated = [metadata.get(f"tokenizer.ggml.{key}_token_id") for key in keys]
        found = dict.fromkeys(
            value
            for value in stated
            if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < (size or 1 << 32)
        )
        if found:
            ids[name] = tuple(found)
    kind = _text(header, "tokenizer.ggml.model") or ""
    return Tokenizer(size or None, ids, _text(header, "tokenizer.chat_template"), kind, _file_name(source))
