"""Stages: what one device of each pipeline stage holds where vLLM or SGLang cut the layers of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from math import ceil
from typing import Final

from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.splits.linear_layers import vision_heads
from ropescope.checks.serving.weights.precisions import WeightSize
from ropescope.models.config.fields import text_part
from ropescope.models.model import Layer, Model


def stages(serving: Serving) -> tuple[range, ...]:
    """The layers of each stage, in order: `get_pp_indices` of vLLM and SGLang (distributed/utils.py of both)."""
    n_layers, n = len(serving.model.layers), serving.split.pipeline
    sizes, rest = [n_layers // n] * n, n_layers % n
    for extra in range(rest):
        # SGLang fills from the last stage on; vLLM leaves that out, which has the output as well.
        sizes[-1 - extra if serving.engine.name == "sglang" else -2 - extra] += 1
    bounds = [sum(sizes[:stage]) for stage in range(n + 1)]
    return tuple(range(bounds[stage], bounds[stage + 1]) for stage in range(n))


def one_copy(serving: Serving, stage: range | None = None) -> Serving:
    """The way of serving of one copy of the attention, in one stage: its share of the sequences, over `tensor` devices."""
    split = serving.split
    if serving.engine.split == "layers" or split.plain:
        return serving
    model = serving.model
    if stage is not None and len(stage) < len(model.layers):
        model = replace(model, layers=model.layers[stage.start : stage.stop])
    return replace(
        serving, model=model, batch=ceil(serving.batch / split.data), count=split.tensor, parallel=None, unequal=()
    )


def stage_weight_bytes(serving: Serving, size: WeightSize, stage: range) -> int:
    """The bytes of weights on one device of `stage`.

    Matrices are cut, norms and routers are not. Experts are shared among all devices of the stage; everything else is
    held by each copy of the attention, but for dense MLPs and the output in SGLang, which all devices share.
    """
    model, split = serving.model, serving.split
    parts: Mapping[str, int] = {} if model.parameters is None else model.parameters.parts
    known = {name: round(size.of(name, n)) for name, n in parts.items()}
    known["rest"] = size.n_bytes - sum(known.values())
    shares = part_shares(serving)
    default = Fraction(1, split.tensor)
    held = sum(
        (n * shares.get(name, default) * _of_stage(model, name, stage) for name, n in known.items()), Fraction(0)
    )
    return ceil(held)


def part_shares(serving: Serving) -> dict[str, Fraction]:
    """The share of each part's bytes (names of `Parameters.parts`) that a device holds of its stage; what is not named is
    cut over the devices of one copy of the attention."""
    split, model = serving.split, serving.model
    total = next((layer.experts.total for layer in model.layers if layer.experts is not None), 1)
    everywhere = Fraction(1, split.stage)
    found = {"norm": Fraction(1), "router": Fraction(1), "attention": _attention_share(model, split.tensor)}
    found["experts"] = Fraction(ceil(total / split.stage), total) if split.experts else everywhere
    if serving.engine.name == "sglang":
        found |= {"mlp": everywhere, "output": everywhere}
    if vision_whole(serving):
        found["vision"] = Fraction(1)
    return found


def vision_whole(serving: Serving) -> bool:
    """Whether every device holds the whole vision tower, since its heads do not divide: vLLM then falls back to it by
    itself (`is_vit_use_data_parallel`), SGLang does it with --mm-enable-dp-encoder."""
    _, heads = vision_heads(serving.model)
    return heads > 0 and heads % serving.split.tensor > 0


def _attention_share(model: Model, tensor: int) -> Fraction:
    """Of the attention's weights: projections to latents are held whole, and keys and values of one head at least."""
    total = 0 if model.parameters is None else model.parameters.parts.get("attention", 0)
    hidden = model.hidden_size or 0
    layers = [layer for layer in model.attention_layers if layer.kv_source is None]
    whole = sum(hidden * _to_latents(layer) for layer in layers) + _indexers(model, layers)
    keys = dict.fromkeys({layer.n_kv_heads for layer in layers if layer.latent is None and layer.n_kv_heads}, 0)
    for layer in layers:
        if layer.n_kv_heads in keys and layer.latent is None:
            keys[layer.n_kv_heads] += hidden * layer.n_kv_heads * (layer.head_dim + (layer.value_dim or layer.head_dim))
    if whole + sum(keys.values()) >= total:
        return Fraction(1, tensor)
    rest = total - whole - sum(keys.values())
    held = whole + Fraction(rest, tensor) + sum(Fraction(n, min(tensor, heads)) for heads, n in keys.items())
    return held / total


def _to_latents(layer: Layer) -> int:
    latent = layer.latent
    return 0 if latent is None else latent.kv_rank + latent.rotary_dim + (latent.query_rank or 0)


def _indexers(model: Model, layers: list[Layer]) -> int:
    """The weights of the indexers of sparse attention, which every device holds whole."""
    part, _, _ = text_part(model.config)
    heads, dim = part.get("index_n_heads"), part.get("index_head_dim")
    if not isinstance(heads, int) or not isinstance(dim, int):
        return 0
    ranks = [
        layer.latent.query_rank or 0 for layer in layers if layer.latent is not None and layer.cache.index_elements
    ]
    return sum(rank * heads * dim + (model.hidden_size or 0) * (dim + heads) for rank in ranks)


def _of_stage(model: Model, part: str, stage: range) -> Fraction:
    """The share of a part that lies in the layers of `stage`."""
    first, last, n_layers = stage.start == 0, stage.stop == len(model.layers), len(model.layers)
    if part in ("embedding", "vision"):
        tied = model.parameters is not None and "output" not in model.parameters.parts
        return Fraction(first or (part == "embedding" and last and tied))
    if part in ("output", "prediction"):
        return Fraction(last)
    has = HOLDERS.get(part, _every)
    among = sum(map(has, model.layers))
    here = sum(map(has, model.layers[stage.start : stage.stop]))
    return Fraction(here, among) if among else Fraction(len(stage), max(n_layers, 1))


def _every(layer: Layer) -> bool:
    return True


def _mixes_otherwise(layer: Layer) -> bool:
    return bool(layer.beside) or not (layer.has_attention or layer.kind == "none")


def _mixes_experts(layer: Layer) -> bool:
    return layer.experts is not None


HOLDERS: Final[Mapping[str, Callable[[Layer], bool]]] = {
    "attention": lambda layer: layer.has_attention,
    "mixer": _mixes_otherwise,
    "experts": _mixes_experts,
    "router": _mixes_experts,
}
"""Which layers hold a part of the weights; every one holds the others."""
