"""The linear layers that vLLM and SGLang cut across devices, with the config's fields that give their widths."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

from ropescope.errors import FormatError
from ropescope.models.config.experts import SHARED_WIDTH
from ropescope.models.config.fields import Fields, text_part
from ropescope.models.counts.mlps import EXPERT_WIDTHS, FACTORS, WIDTHS, dense_width, expert_width, shared_width
from ropescope.models.model import Layer, Model
from ropescope.models.quantized.matrices import Matrix, matrices

Cut = Literal["rows", "columns", "merged"]
"""columns: the outputs are cut; merged: those of several matrices that are stored as one; rows: the inputs are cut."""

_OWN_WIDTHS: Final = ("intermediate_size_mlp", "shared_intermediate_size")
"""Fields of a dense MLP's width in Llama 4 and Granite."""


@dataclass(frozen=True, slots=True)
class LinearLayer:
    """One kind of linear layer that is cut. `width` is what is cut, in numbers; `made_of` the fields it comes from. `layer`
    is the first that has it, `part` that of `Parameters.parts`. A device must hold whole numbers of `unit` (the width of a
    head, else 1), of which there are `copied` that devices may share (KV heads). `expert`: one of the routed experts;
    `shared`: for every token beside them."""

    name: str
    width: int
    made_of: str
    cut: Cut
    part: str
    layer: int
    unit: int = 1
    copied: int = 0
    expert: bool = False
    shared: bool = False

    def is_made_of(self, matrix: Matrix) -> bool:
        """Whether a matrix of a checkpoint is this layer, or two of that kind in one."""
        if matrix.part != self.part or cuts_inputs(matrix) != (self.cut == "rows"):
            return False
        return matrix.columns == self.width if self.cut == "rows" else matrix.rows in (self.width, 2 * self.width)


_OUT: Final = frozenset({"o_proj", "down_proj", "out_proj", "dense", "dense_4h_to_h", "c_proj", "fc2", "w2"})


def cuts_inputs(matrix: Matrix) -> bool:
    """Whether engines cut the inputs of a matrix: those that lead back to the hidden states, by their name."""
    return matrix.name.rsplit(".", 1)[-1] in _OUT


@lru_cache(maxsize=8)
def linear_layers(model: Model) -> tuple[LinearLayer, ...]:
    """The linear layers of `model` that are cut, each kind once. What its config does not tell is left out."""
    fields = Fields(*text_part(model.config))
    found: dict[tuple[Any, ...], LinearLayer] = {}
    for layer in model.layers:
        for one in (*_attention(fields, layer), *_mlp(fields, model, layer)):
            found.setdefault((one.name, one.width, one.expert), one)
    for one in _mixers(model):
        found.setdefault((one.name, one.width, one.expert), one)
    return tuple(found.values())


def _mixers(model: Model) -> Iterator[LinearLayer]:
    """The outputs of linear attention and state spaces."""
    if all(layer.has_attention and not layer.beside for layer in model.layers):
        return
    try:
        for matrix in matrices(model):
            if matrix.part == "mixer" and cuts_inputs(matrix):
                of = f"{matrix.name} inputs {matrix.columns}"
                yield LinearLayer(matrix.name, matrix.columns, of, "rows", "mixer", matrix.layer or 0)
    except FormatError:
        return


def _attention(fields: Fields, layer: Layer) -> Iterator[LinearLayer]:
    if not layer.has_attention or not layer.n_heads or fields.stated("num_attention_heads") is None:
        return  # what no file states is no ground to refuse
    heads, value = _label(fields, "num_attention_heads"), layer.value_dim or layer.head_dim
    of = f"{heads} {layer.n_heads} × {value}"
    if layer.latent is not None:
        plain = layer.head_dim - layer.latent.rotary_dim + value
        queries = "q_proj" if layer.latent.query_rank is None else "q_b_proj"
        yield LinearLayer(
            queries,
            layer.n_heads * layer.head_dim,
            f"{heads} {layer.n_heads} × {layer.head_dim}",
            "columns",
            "attention",
            layer.index,
            layer.head_dim,
        )
        yield LinearLayer(
            "kv_b_proj",
            layer.n_heads * plain,
            f"{heads} {layer.n_heads} × {plain}",
            "columns",
            "attention",
            layer.index,
            plain,
        )
    else:
        yield LinearLayer(
            "q_proj",
            layer.n_heads * layer.head_dim,
            f"{heads} {layer.n_heads} × {layer.head_dim}",
            "merged",
            "attention",
            layer.index,
            layer.head_dim,
        )
        kv = f"{_label(fields, 'num_key_value_heads')} {layer.n_kv_heads} × {layer.head_dim}"
        yield LinearLayer(
            "k_proj",
            layer.n_kv_heads * layer.head_dim,
            kv,
            "merged",
            "attention",
            layer.index,
            layer.head_dim,
            layer.n_kv_heads,
        )
    yield LinearLayer("o_proj", layer.n_heads * value, of, "rows", "attention", layer.index, value)


def _mlp(fields: Fields, model: Model, layer: Layer) -> Iterator[LinearLayer]:
    hidden = model.hidden_size or 0
    if layer.experts is None:
        mixes = layer.has_attention or layer.kind == "linear"
        if mixes and _is_told(fields) and (width := _told(lambda: dense_width(fields, layer.index, hidden))):
            yield from _gated(width, _width_of(fields, width), layer.index)
        return
    if width := _told(lambda: expert_width(fields)):
        yield from _gated(width, _width_of(fields, width), layer.index, expert=True)
        experts = layer.experts
        if shared := _told(lambda: shared_width(fields, experts, width)):
            of = _width_of(fields, shared, f"shared experts {experts.shared} × {width}")
            yield from _gated(shared, of, layer.index, shared=True)


def _gated(width: int, of: str, layer: int, *, expert: bool = False, shared: bool = False) -> Iterator[LinearLayer]:
    what = "expert " if expert else "shared expert " if shared else ""
    part = "experts" if expert else "mlp"
    yield LinearLayer(f"{what}gate_proj and up_proj", width, of, "merged", part, layer, expert=expert, shared=shared)
    yield LinearLayer(f"{what}down_proj", width, of, "rows", part, layer, expert=expert, shared=shared)


def _told(width: Callable[[], int]) -> int:
    """The width, or 0 where the config does not tell it: then nothing is said of its split."""
    try:
        return width()
    except FormatError:
        return 0


def _label(fields: Fields, name: str) -> str:
    fields.stated(name)
    return fields.where(name)


def _is_told(fields: Fields) -> bool:
    names = (*WIDTHS, *FACTORS, *_OWN_WIDTHS)
    return any(fields.value(name) is not None for name in names)


def _width_of(fields: Fields, width: int, otherwise: str = "MLP width") -> str:
    """`moe_intermediate_size 1536`: the field that states this width, with the width."""
    names = (*EXPERT_WIDTHS, *WIDTHS, *SHARED_WIDTH, *_OWN_WIDTHS)
    found = next((name for name in names if fields.value(name) == width), None)
    if found is None:
        return otherwise if str(width) in otherwise else f"{otherwise} {width}"
    return f"{fields.where(found)} {width}"


@dataclass(frozen=True, slots=True)
class MixerHeads:
    """Heads, groups or channels of a mixer other than attention that each device takes a share of: their field and number,
    and whether one that all devices hold (a number of 1) will do."""

    field: str
    number: int
    one_for_all: bool = False


_MIXER_HEADS: Final[tuple[tuple[tuple[str, ...], bool], ...]] = (
    (("linear_num_key_heads",), False),
    (("linear_num_value_heads",), False),
    (("mamba_num_heads", "mamba_n_heads", "n_mamba_heads"), False),
    (("n_groups", "mamba_n_groups", "mamba_ngroups"), True),
)
"""Fields of heads of linear attention and Mamba-2, and whether one group may stand for all devices (`MambaMixer2` of
vLLM and SGLang copies a single group, and refuses other numbers that do not divide)."""


@lru_cache(maxsize=8)
def mixer_heads(model: Model) -> tuple[MixerHeads, ...]:
    """The heads of the mixers that vLLM and SGLang cut: of linear attention and of Mamba-2."""
    if not any(layer.kind in ("linear", "state-space") or layer.beside for layer in model.layers):
        return ()
    fields = Fields(*text_part(model.config))
    found = []
    for names, one_for_all in _MIXER_HEADS:
        name, number = next(((n, v) for n in names if isinstance(v := fields.value(n), int) and v > 0), ("", 0))
        if number:
            found.append(MixerHeads(fields.where(name), number, one_for_all))
    nested = fields.config.get("linear_attn_config")
    if isinstance(nested, Mapping) and isinstance(heads := nested.get("num_heads"), int) and heads > 0:
        found.append(MixerHeads("linear_attn_config.num_heads", heads))
    return tuple(found)


def vision_heads(model: Model) -> tuple[str, int]:
    """(the field, its number) of the heads of a vision tower; ("", 0) where there is none."""
    part = model.config.get("vision_config")
    if isinstance(part, Mapping):
        for name in ("num_attention_heads", "num_heads", "heads"):
            if isinstance(number := part.get(name), int) and not isinstance(number, bool) and number > 0:
                return f"vision_config.{name}", number
    return "", 0
