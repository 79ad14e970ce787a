"""Parameters from the config alone: the sum over the layers of what their shapes and the model type's design give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from ropescope.errors import FormatError
from ropescope.models.config.encoder_decoders import is_encoder_decoder
from ropescope.models.config.fields import Fields, text_part
from ropescope.models.counts.attention import attention_counts
from ropescope.models.counts.designs import DESIGNS, LLAMA, UNFIT, Design, is_on, whole
from ropescope.models.counts.mixers import Counts, mixer_counts, mixer_of
from ropescope.models.counts.mlps import dense_counts, dense_width, expert_counts, states_width
from ropescope.models.counts.towers import tower_counts
from ropescope.models.counts.uncounted import uncounted
from ropescope.models.model import ATTENTION_KINDS, Layer, Model
from ropescope.models.parameters import Parameters

_NORM_SIZE: Final[Mapping[str, int]] = {"rms": 1, "unbiased": 1, "layer": 2, "none": 0}
_SHARED_BLOCK: Final = frozenset({"zamba", "zamba2"})
"""Types whose hybrid layers run a Mamba of their own beside a block of attention and MLP that they share."""

_PREDICTION_LAYERS: Final = ("num_nextn_predict_layers", "num_mtp_layers", "mtp_num_layers", "num_mtp_modules")


def estimate(model: Model) -> Parameters:
    """The parameters of a model read from a config, by its layers; `count` is "estimate", `source` what it leaves out.

    For the types in `designs.DESIGNS`, and for those built like a Llama, it is the number of the network in
    transformers; elsewhere it misses what no rule knows. Raises FormatError, naming the field, where a width is missing
    or cannot be, and for types whose layers no rule here fits.
    """
    fields = Fields(*text_part(model.config))
    if fields.model_type in UNFIT or is_encoder_decoder(model.config):
        raise FormatError(
            f"{fields.model_type} is built in a way that no rule here counts: install ropescope[measure] to count its "
            "parameters by building the network."
        )
    design = DESIGNS.get(fields.model_type, LLAMA)
    width = fields.required("hidden_size")
    parts: Counter[str] = Counter(_ends(fields, design, model, width))
    foreign = fields.model_type not in DESIGNS and not fields.known
    # Four times the hidden width, the usual guess, is too much for some: what is unknown has to be a lower bound.
    no_width = foreign and not states_width(fields)
    idle = 0
    for layer in model.layers:
        parts.update(_mixing(fields, design, layer, width))
        if not design.mlp or (fields.model_type == "nemotron_h" and layer.kind != "none"):
            continue
        if layer.experts is None and no_width:
            continue
        if layer.experts is None:
            parts.update(dense_counts(fields, design, layer, width))
        else:
            counts, unchosen = expert_counts(fields, design, layer.experts, width)
            parts.update(counts)
            idle += unchosen
    tower, said, left_out = tower_counts(model.config, width)
    parts["vision"] += tower
    if foreign:
        said += f"; model type {fields.model_type or '(none)'} is unknown here and counted as a Llama"
    counted = {name: n for name, n in parts.most_common() if n}
    total = sum(counted.values())
    source = f"config{said}{without_prediction(model.config)}"
    lacks = (*uncounted(model.config, frozenset(fields.config.asked)), *left_out)
    if foreign:
        lacks = (f"model type {fields.model_type or '(none)'}, which is counted as a Llama", *lacks)
    if no_width and any(layer.experts is None for layer in model.layers):
        lacks = (*lacks, "the MLP of each layer, whose width no field states")
    return Parameters(total, total - idle, counted, "estimate", source, lacks)


def without_prediction(config: Mapping[str, Any]) -> str:
    """What to say of layers for multi-token prediction, which a config announces and the counts leave out; else ""."""
    part, _, _ = text_part(config)
    stated = next((part[name] for name in _PREDICTION_LAYERS if part.get(name)), None)
    return "" if stated is None else "; the layers for multi-token prediction are not counted"


def _mixing(fields: Fields, design: Design, layer: Layer, width: int) -> Counts:
    """Attention or another mixer, and the norms of one layer."""
    counts: Counter[str] = Counter()
    attends = layer.kind in ATTENTION_KINDS or layer.kind == "cross"
    if attends and fields.model_type not in _SHARED_BLOCK:
        counts.update(attention_counts(fields, design, layer, width))
    if (not attends and layer.kind != "none") or "state-space" in layer.beside:
        counts.update(mixer_counts(mixer_of(fields, design, layer), fields, width))
    counts["norm"] += _block_norms(fields, design, layer) * width * _NORM_SIZE[design.norm]
    for name in design.extras:
        counts.update(_extra_of_layer(name, fields, layer, width))
    return counts


def _block_norms(fields: Fields, design: Design, layer: Layer) -> int:
    """How many norms of the hidden state's width stand in a layer."""
    if fields.model_type == "falcon":
        if fields.flag("new_decoder_architecture"):
            return whole(fields, "num_ln_in_parallel_attn", 2)
        return 1 if fields.flag("parallel_attn") else 2
    if fields.model_type == "stablelm" and fields.flag("use_parallel_residual"):
        return 1
    if fields.model_type == "modernbert-decoder" and layer.index == 0:
        return 1
    return design.block_norms


def _extra_of_layer(name: str, fields: Fields, layer: Layer, width: int) -> Counts:
    if name == "cross_layers":  # gates of their own, and norms of queries and keys
        return {"attention": 1, "mlp": 1, "norm": 2 * layer.head_dim} if layer.kind == "cross" else {}
    if name == "post_norms":
        return {"norm": 2 * width * (fields.flag("use_post_norm") is not False)}
    if name == "sub_norms":
        return {"norm": layer.n_heads * layer.head_dim + dense_width(fields, layer.index, width)}
    if name == "lambdas":
        return {"attention": 4 * layer.head_dim}
    if name == "xielu":
        return {"mlp": 2}
    if name == "per_layer_inputs":
        each = whole(fields, "hidden_size_per_layer_input")
        return {"other": 2 * width * each, "norm": width} if each else {}
    if name == "altup":
        n = whole(fields, "altup_num_inputs", 4)
        return {"other": width + n * n + n**3 + n * width, "norm": width}
    if name == "laurel":
        return {"other": 2 * width * whole(fields, "laurel_rank"), "norm": width}
    return {"other": 1} if name == "layer_scalar" else {}


def _ends(fields: Fields, design: Design, model: Model, width: int) -> Counts:
    """What stands outside the layers: embeddings, the last norm, the output, and a block that layers share."""
    vocabulary = fields.required("vocab_size")
    embedded = whole(fields, "word_embed_proj_dim", width) if "projected_embedding" in design.extras else width
    counts: Counter[str] = Counter(
        embedding=vocabulary * embedded, norm=design.final_norm * width * _NORM_SIZE[design.norm]
    )
    if embedded != width:
        counts["other"] += 2 * embedded * width
    if design.learned_positions is not None:
        counts["embedding"] += (fields.required("max_position_embeddings") + design.learned_positions) * width
    if not is_tied(model.config, fields):
        counts["output"] += vocabulary * embedded
    counts["output"] += is_on(fields, design.head_bias) * vocabulary
    for name in design.extras:
        counts.update(_extra_of_ends(name, fields, len(model.layers), width, vocabulary, _NORM_SIZE[design.norm]))
    if fields.model_type in _SHARED_BLOCK:
        counts.update(_shared_block(fields, sum(1 for layer in model.layers if layer.beside), width))
    return counts


def is_tied(config: Mapping[str, Any], fields: Fields) -> bool:
    """Whether the output is the embedding: as a composite config says at its top, else its language model's part."""
    outer = config.get("tie_word_embeddings")
    return outer if isinstance(outer, bool) else fields.flag("tie_word_embeddings") is True


def _extra_of_ends(name: str, fields: Fields, n_layers: int, width: int, vocabulary: int, norm: int) -> Counts:
    if name == "cross_layers":
        return {"embedding": 8 * width}  # words for images that the output does not know
    if name == "embedding_norm":
        return {"norm": width * norm}
    if name == "token_types":
        return {"embedding": whole(fields, "type_vocab_size") * width}
    if name == "prediction_head":
        return {"output": width * width + vocabulary, "norm": width}
    if name == "masked_head":
        return {"output": width * width + width + vocabulary, "norm": 2 * width}
    if name == "altup":
        return {"other": 2 * (whole(fields, "altup_num_inputs", 4) - 1) * width * width}
    if name == "last_bias":
        return {"attention": width}
    if name == "first_norm":
        return {"norm": width * norm}
    if name == "per_layer_inputs" and (each := whole(fields, "hidden_size_per_layer_input")):
        rows = whole(fields, "vocab_size_per_layer_input", vocabulary)
        return {"embedding": rows * n_layers * each, "other": width * n_layers * each, "norm": each}
    return {}


def _shared_block(fields: Fields, n_hybrid: int, width: int) -> Counts:
    """The block of Zamba that its hybrid layers share: it reads the hidden state beside the embedding."""
    heads, kv_heads = fields.required("num_attention_heads"), fields.required("num_key_value_heads")
    dim = whole(fields, "attention_head_dim", 2 * width // heads)
    middle, rank, blocks = (
        fields.required("intermediate_size"),
        whole(fields, "adapter_rank"),
        whole(fields, "num_mem_blocks", 1),
    )
    inner = heads * dim
    counts = {
        "attention": blocks * (2 * width * (inner + 2 * kv_heads * dim) + inner * width),
        "mlp": blocks * 3 * width * middle,
        "norm": blocks * 3 * width,
        # Each hybrid layer has the projection that takes the block's output in, and adapters of its own.
        "other": n_hybrid * width * width,
    }
    if fields.model_type == "zamba2":
        counts["mlp"] += n_hybrid * rank * (width + 2 * middle)
        if fields.flag("use_shared_attention_adapter"):
            counts["attention"] += n_hybrid * 3 * rank * (2 * width + inner)
    return counts
