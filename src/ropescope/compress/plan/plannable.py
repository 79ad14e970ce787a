"""Which layers of a model a plan can change, and why it leaves the others as they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ropescope.errors import PlanError
from ropescope.models.model import Layer, Model

if TYPE_CHECKING:
    from ropescope.compress.plan.kv_plan import LayerPlan
    from ropescope.measure.profile import DecayProfile


def untouched(model: Model, *, latents: bool = False) -> dict[int, str]:
    """Layer index → why a plan leaves it as it is; layers that it can change have an empty reason. `latents`: those that keep
    latents are among them, whose tokens all heads keep or none; what measures the cost of a cut does not read them."""
    shared = {layer.kv_source for layer in model.layers if layer.kv_source is not None}
    return {layer.index: _reason(layer, layer.index in shared, latents) for layer in model.layers}


def planned_heads(layer: Layer) -> int:
    """How many heads of a layer may keep tokens of their own: its KV heads, and one where latents are those of all."""
    return 1 if layer.latent is not None else layer.n_kv_heads


def _reason(layer: Layer, is_shared: bool, latents: bool) -> str:
    if layer.kv_source is not None:
        return "reads the keys and values of another layer"
    if is_shared:
        return "its keys and values are read by other layers as well"
    if layer.kind in ("sliding", "chunked"):
        return f"has a window of its own ({layer.kind})"
    if layer.kind != "full":
        return "has no keys and values" if layer.kind == "none" else f"keeps a state of constant size ({layer.kind})"
    if layer.tokens_per_entry is not None or layer.cache.index_elements:
        return "chooses its keys by content"
    if layer.latent is not None and not latents:
        return "keeps latents that all its heads share (the cost of a cut is not measured: plan from a profile or a closed form)"
    if layer.beside:
        return f"has {' and '.join(layer.beside)} beside its attention"
    return ""


def check_states_are_cached(model: str, layers: Iterable[Layer | LayerPlan]) -> None:
    """Raises PlanError if some layer keeps a state that the installed transformers does not carry in its caches."""
    from ropescope.network import states

    with_state = [layer for layer in layers if layer.kind in states.KINDS]
    if with_state and not states.KEPT_IN_CACHES:
        raise PlanError(
            f"Layer {with_state[0].index} of {model} keeps a state ({with_state[0].kind}), which goes lost between the calls "
            f"of a planned cache: {states.INSTALL}"
        )


def check_same_model(profile: DecayProfile, model: Model) -> None:
    """Raises PlanError naming the first difference if `profile` was measured on another architecture than `model`."""
    of = profile.provenance.get("model", "another model")
    measured = {layer.index: layer for layer in profile.layers}
    attending = {layer.index: layer for layer in model.attention_layers}
    if measured.keys() != attending.keys():
        raise PlanError(
            f"The profile is one of {of}, with {len(measured)} attention layers, and {model.name} has {len(attending)}: "
            "give the profile of this model."
        )
    for index, layer in attending.items():
        other = measured[index]
        for what, theirs, ours in (
            ("query heads", other.n_heads, layer.n_heads),
            ("KV heads", other.n_kv_heads, layer.n_kv_heads),
            ("tokens of window", other.window_tokens or "no", layer.window_tokens or "no"),
        ):
            if theirs != ours:
                raise PlanError(
                    f"The profile is one of {of}, whose layer {index} has {theirs} {what}, and {model.name} has {ours} "
                    "there: give the profile of this model."
                )
