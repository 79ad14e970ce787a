"""From a Model and a target length to a RopePlan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ropescope.errors import ExtendError
from ropescope.extend.plan.caveats import beyond_training, caveats_of
from ropescope.extend.plan.choosing import Choice, choose, require_method
from ropescope.extend.plan.conflicts import check_agreement, check_read
from ropescope.extend.plan.frequencies import attention_factor, frequencies
from ropescope.extend.plan.groups import RopeGroup, from_gguf, rope_groups, text_config
from ropescope.extend.plan.methods import (
    LONGROPE_ONLY,
    ScalingRequest,
    as_longrope,
    checked_factors,
    entry,
    rerope_ranges,
)
from ropescope.extend.plan.native import Native, beyond, check_tensors, native_of
from ropescope.extend.plan.options import PlanOptions, check_options
from ropescope.extend.plan.rope_plan import LayerTypePlan, Method, RopePlan
from ropescope.models.model import Model


def plan_extension(model: Model, target: int, method: str = "auto", **options: Any) -> RopePlan:
    """The plan with which `model` reads `target` tokens; `options` are the fields of `PlanOptions`.

    `auto` takes what the model came with where that reaches, and else what `choosing` recommends. Nothing is stacked: a
    method starts from the base without scaling, at the length before it. Takes milliseconds and reads no weights. Raises
    ExtendError for a model without RoPE, a config that contradicts itself, a length that needs no method, a factor that
    does not reach, and options of another method.
    """
    wanted = PlanOptions(**options)
    if isinstance(target, bool) or not isinstance(target, int) or target < 2:
        raise ExtendError(f"{target!r} is not a target length: give a whole number of tokens of at least 2.")
    require_method(method)
    part, path = text_config(model)
    check_agreement(part, path)
    check_read(model, part, path)
    groups = rope_groups(model)
    _check_rope(model, groups)
    check_tensors(model)
    native = native_of(model, groups, wanted.trained)
    far = tuple(group for group in groups if _sees_beyond_training(group, native))
    why = _why_no_rerope(model, native, groups)
    choice = choose(model, native, target, method, bool(far), allow_rerope=not (why or wanted.in_config))
    check_options(choice.method, wanted)
    if choice.method in ("ntk", "alpha") and part.get("layer_rope_theta"):
        raise ExtendError(
            f"{model.name} states a base for every layer, which {choice.method} does not change: use the method yarn."
        )
    if choice.method == "rerope" and why:
        raise ExtendError(f"{model.name} {why}, and rerope needs one plain RoPE in all layers: use another method.")
    request = _request(native, target, choice, wanted)
    layer_types = tuple(
        _layer_type(model, group, native, choice.method if group in far else "none", request, wanted)
        for group in groups
    )
    return RopePlan(
        model=model.name,
        model_type=model.model_type,
        method=choice.method,
        trained_length=native.trained or native.reach,
        native_length=native.reach,
        target_length=target,
        factor=1.0 if choice.method == "none" else request.factor,
        layer_types=layer_types,
        max_position_embeddings=_max_positions(model, native, choice.method, target),
        config_path=path,
        native=native.words,
        native_method=native.method,
        reasons=choice.reasons,
        caveats=(
            *choice.caveats,
            *caveats_of(model, choice, request, groups, far),
            *beyond_training(layer_types[0], request),
        ),
        extras={**_extras(model, native, groups, wanted), "rerope": not why},
    )


def fitting_plan(path: Path, model: Model, target: int) -> RopePlan:
    """A saved plan, for this model and at least `target` tokens. Raises ExtendError for one of another model or a shorter one,
    FormatError for what is no plan."""
    plan = RopePlan.load(path)
    if plan.model_type != model.model_type or plan.target_length < target:
        raise ExtendError(
            f"{path} is a plan of {plan.model} ({plan.model_type}) for {plan.target_length:,} tokens, and does not fit "
            f"{model.name} at {target:,}: make a plan for it."
        )
    return plan


def _check_rope(model: Model, groups: tuple[RopeGroup, ...]) -> None:
    instead = {
        "alibi": "they extend beyond the trained length by themselves, and RoPE scaling does not apply",
        "learned": "its position table has one row per position, and a longer table needs training",
        "sinusoidal": "its sinusoids extend beyond the trained length, and only training on longer text helps",
        "relative": "its relative positions are bucketed or clipped, and longer text needs training",
        "none": "it has no length limit, so score it on longer text as it is",
        "unknown": "its files do not state how positions enter",
    }
    if not groups:
        why = instead.get(model.positions, instead["unknown"])
        raise ExtendError(f"{model.name} has no RoPE to scale ({model.position_words}): {why}.")
    names = [group.layer_type for group in groups]
    if len(set(names)) != len(names):
        raise ExtendError(
            f"{model.name} has several RoPEs within one layer type, which no engine's settings support: its context cannot "
            "be extended by settings."
        )


def _why_no_rerope(model: Model, native: Native, groups: tuple[RopeGroup, ...]) -> str:
    """Why rerope is not for a model, as what the model does; "" if it is. It takes layers that see everything, with one plain
    RoPE: what reads far must be told from what reads near."""
    attending = [layer for layer in model.layers if layer.has_attention]
    if native.scaled:
        return f"came with {native.words}"
    if len(groups) > 1 or any(layer.window_tokens is not None or layer.rope is None for layer in attending):
        return "has layers with a window, or several RoPEs"
    if any(layer.latent is not None or layer.tokens_per_entry is not None for layer in attending):
        return "caches latents in place of keys"
    if (kind := groups[0].parameters.get("rope_type")) != "default":
        return f"has a RoPE of the type {kind}"
    return ""


def _sees_beyond_training(group: RopeGroup, native: Native) -> bool:
    """Whether these layers would meet distances that training had not: a window as long as the training saw them all."""
    return group.window_tokens is None or group.window_tokens > (native.trained or native.reach)


def _request(native: Native, target: int, choice: Choice, wanted: PlanOptions) -> ScalingRequest:
    trained = native.trained or native.reach
    if choice.native:
        needed = beyond(native, target)
    elif native.scaled and native.trained is None and choice.method != "none":
        raise ExtendError(
            f"The files do not state the length before {native.words}: give `trained`, or remove the method to keep the "
            "model's own scaling."
        )
    else:
        needed = max(1.0, target / trained)
    factor = needed if wanted.factor is None else wanted.factor
    if factor > 1e6:
        raise ExtendError(f"A factor of {factor:.3g} is too large for any scaling: give a shorter `to`.")
    if not factor >= 1.0:  # NaN, too
        raise ExtendError(f"A factor of {factor:g} extends nothing: give one of at least {needed:g}.")
    if factor < needed * (1 - 1e-9):
        raise ExtendError(
            f"A factor of {factor:g} reaches {int(target * factor / needed):,} tokens, not {target:,}: give at least "
            f"{needed:g}, or remove `factor`."
        )
    return ScalingRequest(
        trained,
        target,
        float(factor),
        choice.native,
        wanted.gamma,
        wanted.alpha,
        attention_factor=wanted.attention_factor,
        near_tokens=wanted.near,
        far_divisor=wanted.slower,
    )


def _layer_type(
    model: Model, group: RopeGroup, native: Native, method: Method, request: ScalingRequest, wanted: PlanOptions
) -> LayerTypePlan:
    stated = model.context.configured or native.reach
    if method == "searched":
        factors = wanted.factors
        of_group = factors.get(group.layer_type, ()) if isinstance(factors, Mapping) else factors
        request = ScalingRequest(
            request.trained,
            request.target,
            request.factor,
            factors=checked_factors(of_group, group.rotary_dim // 2),
            attention_factor=request.attention_factor,
        )
    parameters = entry(method, group, request)
    planned, by_type = _max_positions(model, native, method, request.target), group.layer_type != ""
    before = frequencies(
        group.parameters, group.rotary_dim, length=request.target, max_positions=stated, by_type=by_type
    )
    after = frequencies(parameters, group.rotary_dim, length=request.target, max_positions=planned, by_type=by_type)
    scale, near = attention_factor(parameters, planned, length=request.target), None
    if method == "rerope":
        near, far_divisor = rerope_ranges(request)
        after = tuple(frequency / far_divisor for frequency in before)
    if model.model_type in LONGROPE_ONLY and method in ("linear", "yarn", "llama3"):
        plain = frequencies({"rope_theta": group.rope.theta}, group.rotary_dim, length=1, max_positions=stated)
        divisors = [was / now for was, now in zip(plain, after, strict=True)]
        written = as_longrope(divisors, request.factor, scale, request.trained)
        parameters = {**group.kept, "rope_theta": group.rope.theta, **written}
    untouched = ""
    if method == "none" and group.window_tokens is not None:
        untouched = f"these layers have a window of {group.window_tokens:,} tokens, and see no longer distance"
    return LayerTypePlan(
        layer_type=group.layer_type,
        layers=group.layers,
        method=method,
        factor=request.factor if method != "none" else 1.0,
        rotary_dim=group.rotary_dim,
        theta_before=group.rope.theta,
        theta=float(parameters["rope_theta"]),
        before=before,
        after=after,
        attention_factor_before=attention_factor(group.parameters, stated, length=request.target),
        attention_factor=scale,
        parameters=parameters,
        window_tokens=group.window_tokens,
        untouched=untouched,
        near_tokens=near,
    )


def _max_positions(model: Model, native: Native, method: Method, target: int) -> int:
    """What `max_position_embeddings` has to be. transformers takes it for the trained length where scaling is dynamic, and
    for a part of the scaling where a config states no factor, so a scaling that stays keeps it."""
    if method == "dynamic":
        return native.trained or native.reach
    if method == "none" and native.scaled:
        return model.context.configured or native.reach
    return max(target, model.context.configured or 0)


def _slides(model: Model, group: RopeGroup) -> bool:
    """Whether some layers of a group slide while others see everything."""
    return any(model.layers[index].kind == "sliding" for index in group.layers)


def _extras(model: Model, native: Native, groups: tuple[RopeGroup, ...], wanted: PlanOptions) -> dict[str, Any]:
    """What later reports and settings need beside the positions."""
    return {
        "trained_from": native.source,
        "elsewhere": native.elsewhere,
        **({} if wanted.gamma is None else {"gamma": wanted.gamma}),
        "latents": any(layer.latent is not None for layer in model.layers),
        "mixed": any(group.window_tokens is None and _slides(model, group) for group in groups),
        **({"architecture": str(model.config.get("general.architecture"))} if from_gguf(model) else {}),
    }
