"""From a list of tensors to Parameters and Weights: totals, parts, and what one token passes through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ropescope.models.config.encoder_decoders import is_encoder_decoder
from ropescope.models.config.fields import Fields, text_part
from ropescope.models.counts.parts import layer_of, part_of
from ropescope.models.model import ATTENTION_KINDS, Experts, Layer, Model
from ropescope.models.parameters import Parameters, Weights
from ropescope.models.safetensors.elements import Uncountable, alike, elements
from ropescope.models.safetensors.files import StoredWeights
from ropescope.models.safetensors.header import StoredTensor


def count_weights(
    model: Model, stored: StoredWeights, quantised: Mapping[str, Any]
) -> tuple[Parameters | None, Weights, tuple[str, ...]]:
    """(the parameters of `model` whose files hold `stored`, their bytes, notes).

    `quantised` is the config's `quantization_config`, {} without one. The parameters are None, and a note says why,
    where a tensor is packed in a way that is not known.
    """
    kinds = alike(stored.tensors)
    # The two stacks of an encoder-decoder number their layers alike.
    layers = () if is_encoder_decoder(model.config) else model.layers
    by_type: Counter[str] = Counter()
    by_part: Counter[str] = Counter()
    for tensor, times in kinds:
        by_type[tensor.dtype] += times * tensor.n_bytes
        by_part[part_in(tensor.name, layers)] += times * tensor.n_bytes
    weights = Weights(
        by_type.total(), dict(by_type.most_common()), stored.n_files, stored.source, dict(by_part.most_common())
    )
    part, model_type, _ = text_part(model.config)
    try:
        counts = elements(kinds, stored.tensors, quantised)
    except Uncountable as error:
        return None, weights, (f"{error} is packed in a way not known here, so no parameters were counted.",)
    for name in _tied_heads([tensor for tensor, _ in kinds], model.config, part, model_type):
        counts.pop(name, None)
    return count_parts(counts, layers, [layer.experts for layer in layers], stored.source), weights, ()


def count_parts(
    counts: Mapping[str, int], layers: Sequence[Layer], experts: Sequence[Experts | None], source: str
) -> Parameters:
    """Parameters from the number of each tensor's elements, the layers, and the experts of each layer.

    Of the experts of a layer a token passes through `active` of `total`; it passes through none of the layers for
    multi-token prediction, which come after the others or have a name of their own. Without `layers` a tensor's name
    alone decides its part, and a token passes through all of them.
    """
    parts: Counter[str] = Counter()
    idle: Counter[int] = Counter()
    for name, count in counts.items():
        part, index = part_in(name, layers), layer_of(name)
        if part == "experts" and index is not None and layers:
            idle[index] += count
        parts[part] += count
    total = parts.total()
    active = total - parts["prediction"]
    for index, count in idle.items():
        if (here := experts[index]) is not None:
            active -= count * (here.total - here.active) // here.total
    return Parameters(total, active, {part: n for part, n in parts.most_common() if n}, "exact", source)


def part_in(name: str, layers: Sequence[Layer]) -> str:
    """The part of a tensor in a model of these layers: its name's, corrected by the kind of the layer it is in."""
    part, index = part_of(name), layer_of(name)
    if index is None or part == "vision" or not layers:
        return part
    if index >= len(layers):
        return "prediction"
    mixes = part == "attention" and layers[index].kind not in ATTENTION_KINDS | {"cross"}
    return "mixer" if mixes else part


def _tied_heads(
    tensors: Sequence[StoredTensor], config: Mapping[str, Any], part: Mapping[str, Any], model_type: str
) -> list[str]:
    """Output matrices that the files hold and the network does not have, since it uses its embedding instead."""
    heads = [tensor for tensor in tensors if tensor.name.endswith(("lm_head.weight", "embed_out.weight"))]
    if not heads:
        return []
    stated = [place["tie_word_embeddings"] for place in (config, part) if place.get("tie_word_embeddings") is not None]
    if not (stated[0] if stated else Fields(part, model_type).value("tie_word_embeddings")):
        return []
    embeddings = {tensor.shape for tensor in tensors if part_of(tensor.name) == "embedding"}
    return [tensor.name for tensor in heads if tensor.shape in embeddings]
