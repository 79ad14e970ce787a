"""The matrices of a network that a quantiser can take, by the names that checkpoints give them: those of its layers,
and the output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ropescope.models.config.fields import Fields, text_part
from ropescope.models.counts.attention import attention_matrices
from ropescope.models.counts.designs import DESIGNS, LLAMA, Design
from ropescope.models.counts.estimate import is_tied
from ropescope.models.counts.mixers import mixer_matrices, mixer_of
from ropescope.models.counts.mlps import dense_width, expert_shape, shared_width
from ropescope.models.model import ATTENTION_KINDS, Layer, Model


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix of `rows` outputs and `columns` inputs in layer `layer` (None: outside the layers), of a part of
    `Parameters.parts`. `times` modules have this shape: the experts of a layer, whose number stands in `name` as #.
    `places` are what may stand before the number of the layer."""

    name: str
    part: str
    rows: int
    columns: int
    layer: int | None = None
    times: int = 1
    places: tuple[str, ...] = ()

    def name_of(self, index: int) -> str:
        """The name inside its layer, of expert `index`."""
        return self.name.replace("#", str(index))

    def names(self, index: int) -> tuple[str, ...]:
        """The whole names that it may have, of expert `index`."""
        if self.layer is None:
            return (self.name, f"model.{self.name}", f"language_model.{self.name}")
        return tuple(f"{place}.{self.layer}.{self.name_of(index)}" for place in self.places)


@dataclass(frozen=True, slots=True)
class Style:
    """How a model type names its matrices. Fewer names than matrices: they are fused, one above the other."""

    places: tuple[str, ...] = ("model.layers",)
    attention: str = "self_attn"
    queries: tuple[str, ...] = ("q_proj", "k_proj", "v_proj")
    out: str = "o_proj"
    mlp: str = "mlp."
    gated: tuple[str, ...] = ("gate_proj", "up_proj", "down_proj")
    plain: tuple[str, ...] = ("up_proj", "down_proj")
    experts: str = "mlp.experts.#."
    of_expert: tuple[str, ...] = ()
    shared: str = "mlp.shared_experts."
    mixer: str = "linear_attn"


_NEOX: Final = ("dense_h_to_4h", "dense_4h_to_h")
_W: Final = ("w1", "w3", "w2")
_BLOCK_SPARSE: Final = Style(experts="block_sparse_moe.experts.#.", of_expert=_W)
_SHARED_EXPERT: Final = Style(shared="mlp.shared_expert.")
_GLM: Final = Style(gated=("gate_up_proj", "down_proj"))
_GPT2: Final = Style(("transformer.h",), "attn", ("c_attn",), "c_proj", plain=("c_fc", "c_proj"))
_FALCON: Final = Style(("transformer.h",), "self_attention", ("query_key_value",), "dense", plain=_NEOX)
_MAMBA: Final = Style(mixer="mamba")

STYLES: Final[Mapping[str, Style]] = {
    "phi3": Style(queries=("qkv_proj",), gated=("gate_up_proj", "down_proj")),
    **dict.fromkeys(("glm", "glm4"), _GLM),
    "starcoder2": Style(plain=("c_fc", "c_proj")),
    "phi": Style(out="dense", plain=("fc1", "fc2")),
    "gpt_neox": Style(("gpt_neox.layers",), "attention", ("query_key_value",), "dense", plain=_NEOX),
    **dict.fromkeys(("falcon", "bloom"), _FALCON),
    **dict.fromkeys(("gpt2", "gpt_bigcode"), _GPT2),
    "opt": Style(("model.decoder.layers",), out="out_proj", mlp="", plain=("fc1", "fc2")),
    "mpt": Style(("transformer.blocks",), "attn", ("Wqkv",), "out_proj", mlp="ffn."),
    **dict.fromkeys(("mixtral", "phimoe", "minimax", "minimax_m2"), _BLOCK_SPARSE),
    "gpt_oss": Style(experts="mlp.experts.", of_expert=("gate_up_proj", "down_proj")),
    "llama4_text": Style(mlp="feed_forward.", experts="feed_forward.experts.#.", shared="feed_forward.shared_expert."),
    **dict.fromkeys(("qwen2_moe", "qwen3_next", "qwen3_5_moe_text"), _SHARED_EXPERT),
    **dict.fromkeys(("bamba", "falcon_h1", "granitemoehybrid"), _MAMBA),
    "jamba": Style(mlp="feed_forward.", experts="feed_forward.experts.#.", mixer="mamba"),
    "nemotron_h": Style(
        ("backbone.layers", "model.layers"),
        "mixer",
        mlp="mixer.",
        experts="mixer.experts.#.",
        shared="mixer.shared_experts.",
        mixer="mixer",
    ),
    "lfm2": Style(out="out_proj", mlp="feed_forward.", gated=_W, mixer="conv"),
}
"""The model types whose checkpoints name their matrices otherwise than a Llama's."""

_COMPOSITE: Final = ("model.language_model.layers", "language_model.model.layers", "language_model.layers")


def matrices(model: Model) -> Iterator[Matrix]:
    """The matrices of `model` (read from a config) that are known by name and shape. Raises FormatError as `estimate`."""
    part, model_type, path = text_part(model.config)
    fields = Fields(part, model_type, path)
    design, style = DESIGNS.get(model_type, LLAMA), STYLES.get(model_type, Style())
    width = fields.required("hidden_size")
    places = (*style.places, *_COMPOSITE) if path else style.places
    for layer in model.layers:
        for name, group, rows, columns, times in _of_layer(fields, design, style, layer, width):
            yield Matrix(name, group, rows, columns, layer.index, times, places)
    if not is_tied(model.config, fields):
        yield Matrix("lm_head", "output", fields.required("vocab_size"), width)


Found = tuple[str, str, int, int, int]
"""(name, part, rows, columns, times)."""


def _of_layer(fields: Fields, design: Design, style: Style, layer: Layer, width: int) -> Iterator[Found]:
    attends = layer.kind in ATTENTION_KINDS or layer.kind == "cross"
    if attends and fields.model_type not in ("zamba", "zamba2", "deepseek_v4"):
        for name, rows, columns in _attention(fields, design, style, layer, width):
            yield f"{style.attention}.{name}", "attention", rows, columns, 1
    if (not attends and layer.kind != "none") or "state-space" in layer.beside:
        for name, rows, columns in mixer_matrices(mixer_of(fields, design, layer), fields, width):
            yield f"{style.mixer}.{name}", "mixer", rows, columns, 1
    if not design.mlp or (fields.model_type == "nemotron_h" and layer.kind != "none"):
        return
    if layer.experts is None:
        middle = dense_width(fields, layer.index, width)
        if layer.kv_source is not None and fields.flag("use_double_wide_mlp") is True:
            middle *= 2
        yield from _mlp(style, style.mlp, "mlp", design.gated, middle, width)
        return
    middle, inner = expert_shape(fields, width)
    names = style.of_expert
    yield from _mlp(style, style.experts, "experts", design.gated, middle, inner, layer.experts.total, names)
    if shared := shared_width(fields, layer.experts, middle):
        yield from _mlp(style, style.shared, "mlp", design.gated, shared, width)
    if "dense_beside_experts" in design.extras:
        yield from _mlp(style, style.mlp, "mlp", design.gated, dense_width(fields, 0, width), width)


def _attention(
    fields: Fields, design: Design, style: Style, layer: Layer, width: int
) -> Iterator[tuple[str, int, int]]:
    found = attention_matrices(fields, design, layer, width)
    if layer.latent is None and len(style.queries) == 1:
        rows = sum(found[name][0] for name in ("q_proj", "k_proj", "v_proj"))
        yield style.queries[0], rows, width
        found = {name: shape for name, shape in found.items() if name not in ("q_proj", "k_proj", "v_proj")}
    for name, (rows, columns) in found.items():
        if rows:
            yield style.out if name == "o_proj" else name, rows, columns


def _mlp(
    style: Style,
    place: str,
    part: str,
    gated: bool,
    middle: int,
    width: int,
    times: int = 1,
    names: tuple[str, ...] = (),
) -> Iterator[Found]:
    names = names or (style.gated if gated else style.plain)
    *ups, down = names
    each = (2 if gated else 1) * middle // len(ups)
    for name in ups:
        yield f"{place}{name}", part, each, width, times
    yield f"{place}{down}", part, width, middle, times
