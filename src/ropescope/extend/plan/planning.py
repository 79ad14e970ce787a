"""From a Model and a target length to a RopePlan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ropescope.errors import ExtendError
from ropescope.extend.plan.choosing import Choice, choose, require_method
from ropescope.extend.plan.conflicts import check_agreement, check_read
from ropescope.extend.plan.frequencies import attention_factor, frequencies, stated_factor
from ropescope.extend.plan.groups import RopeGroup, from_gguf, rope_groups, text_config
from ropescope.extend.plan.methods import (
    DEFAULT_ONLY,
    LONGROPE_ONLY,
    Wish,
    as_longrope,
    checked_factors,
    entry,
    rerope_ranges,
)
from ropescope.extend.plan.native import Native, beyond, check_tensors, native_of
from ropescope.extend.plan.rope_plan import LayerTypePlan, Method, RopePlan
from ropescope.models.config.fields import Fields, families
from ropescope.models.config.rope_otherwise import read_otherwise
from ropescope.models.model import Model

Factors = Sequence[float] | Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may say beside the method: another `factor`; the target `gamma` or the multiplier `alpha` of the base
    for `alpha`; `factors` (one list, or one by layer type) and `attention_factor` for `searched`; for `rerope` how many
    tokens back are `near`, and by how much distance grows `slower` beyond; the `trained` length, which goes before what the
    files say; and whether `auto` has to take what a config can say (`in_config`), or may take what is put on a network in
    transformers alone."""

    factor: float | None = None
    gamma: float | None = None
    alpha: float | None = None
    factors: Factors = ()
    attention_factor: float = 1.0
    near: int | None = None
    slower: float | None = None
    trained: int | None = None
    in_config: bool = True


def plan_extension(model: Model, target: int, method: str = "auto", **options: Any) -> RopePlan:
    """The plan with which `model` reads `target` tokens; `options` are the fields of `Options`.

    `auto` takes what the model came with where that reaches, and else what `choosing` recommends. Nothing is stacked: a
    method starts from the base without scaling, at the length before it. Takes milliseconds and reads no weights. Raises
    ExtendError for a model without RoPE, a config that contradicts itself, a length that needs no method, a factor that
    does not reach, and options of another method.
    """
    wanted = Options(**options)
    if isinstance(target, bool) or not isinstance(target, int) or target < 2:
        raise ExtendError(f"{target!r} is no length to read: give a whole number of tokens of at least 2.")
    require_method(method)
    part, path = text_config(model)
    check_agreement(part, path)
    check_read(model, part, path)
    groups = rope_groups(model)
    _check_rope(model, groups)
    check_tensors(model)
    native = native_of(model, groups, wanted.trained)
    far = tuple(group for group in groups if _looks_beyond(group, native))
    why = _why_no_rerope(model, native, groups)
    choice = choose(model, native, target, method, bool(far), reads_otherwise=not (why or wanted.in_config))
    _check_options(choice.method, wanted)
    if choice.method in ("ntk", "alpha") and part.get("layer_rope_theta"):
        raise ExtendError(
            f"{model.name} states a base for every layer, which {choice.method} would not reach: use the method yarn."
        )
    if choice.method == "rerope" and why:
        raise ExtendError(f"{model.name} {why}, and rerope is for one plain RoPE in all layers: use another method.")
    wish = _wish(native, target, choice, wanted)
    layer_types = tuple(
        _layer_type(model, group, native, choice.method if group in far else "none", wish, wanted) for group in groups
    )
    return RopePlan(
        model=model.name,
        model_type=model.model_type,
        method=choice.method,
        trained_length=native.trained or native.reach,
        native_length=native.reach,
        target_length=target,
        factor=1.0 if choice.method == "none" else wish.factor,
        layer_types=layer_types,
        max_position_embeddings=_max_positions(model, native, choice.method, target),
        config_path=path,
        native=native.words,
        native_method=native.method,
        reasons=choice.reasons,
        caveats=(*choice.caveats, *_caveats(model, choice, wish, groups, far), *_reads_beyond(layer_types[0], wish)),
        extras={**_extras(model, native, groups, wanted), "rerope": not why},
    )


def _check_rope(model: Model, groups: tuple[RopeGroup, ...]) -> None:
    instead = {
        "alibi": "they go on beyond the trained length by themselves; what is lost there is not RoPE's to give",
        "learned": "its position table has one row a position: a longer one has to be trained",
        "sinusoidal": "its sinusoids go on beyond the trained length, and only training on longer text helps",
        "relative": "its relative positions are bucketed or clipped: longer text needs training",
        "none": "nothing in it ends at a length, so score it on longer text as it is",
        "unknown": "its files do not say how positions enter",
    }
    if not groups:
        why = instead.get(model.positions, instead["unknown"])
        raise ExtendError(f"{model.name} has no RoPE to scale ({model.position_words}): {why}.")
    names = [group.layer_type for group in groups]
    if len(set(names)) != len(names):
        raise ExtendError(
            f"{model.name} has several RoPEs within one type of layer, which no engine's settings can say: its context "
            "cannot be extended by settings."
        )


def _why_no_rerope(model: Model, native: Native, groups: tuple[RopeGroup, ...]) -> str:
    """Why rerope is not for a model, as what the model does; "" if it is. It takes layers that see everything, with one plain
    RoPE: what reads far must be told from what reads near."""
    attending = [layer for layer in model.layers if layer.has_attention]
    if native.scaled:
        return f"came with {native.words}"
    if len(groups) > 1 or any(layer.window_tokens is not None or layer.rope is None for layer in attending):
        return "has layers that see less than everything, or several kinds of positions"
    if any(layer.latent is not None or layer.tokens_per_entry is not None for layer in attending):
        return "keeps latents in the place of keys"
    if (kind := groups[0].parameters.get("rope_type")) != "default":
        return f"has a RoPE of the type {kind}"
    return ""


def _looks_beyond(group: RopeGroup, native: Native) -> bool:
    """Whether these layers would meet distances that training had not: a window as long as the training saw them all."""
    return group.window_tokens is None or group.window_tokens > (native.trained or native.reach)


def _check_options(method: Method, wanted: Options) -> None:
    given = {"gamma": wanted.gamma is not None, "alpha": wanted.alpha is not None}
    if (wrong := next((name for name, there in given.items() if there), None)) and method != "alpha":
        raise ExtendError(f"{wrong} goes with the method alpha, not with {method}.")
    if all(given.values()):
        raise ExtendError("Give gamma, from which α follows, or alpha itself, not both.")
    if wanted.gamma is not None and not -1 < wanted.gamma < 1:
        raise ExtendError(f"gamma = {wanted.gamma:g} has no base: θ_design is defined between -1 and 1.")
    if method == "searched" and not wanted.factors:
        raise ExtendError("Searched factors are found on the weights: ask `extend search`.")
    if method != "rerope" and not (wanted.near is None and wanted.slower is None):
        raise ExtendError(f"near and slower go with the method rerope, not with {method}.")
    if method != "searched" and (wanted.factors or wanted.attention_factor != 1.0):
        raise ExtendError(f"Factors for each pair go with the method searched, not with {method}.")
    if not 0 < wanted.attention_factor < 100:
        raise ExtendError(f"An attention factor of {wanted.attention_factor:g} is none: give a number near 1.")
    if wanted.factor is not None and method in ("none", "alpha", "searched", "rerope"):
        raise ExtendError(f"A factor goes with a method that has one, and {method} has none.")


def _wish(native: Native, target: int, choice: Choice, wanted: Options) -> Wish:
    trained = native.trained or native.reach
    if choice.native:
        needed = beyond(native, target)
    elif native.scaled and native.trained is None and choice.method != "none":
        raise ExtendError(
            f"The files do not say what length came before {native.words}: give `trained` N, or leave the method out to go "
            "on with the scaling the model came with."
        )
    else:
        needed = max(1.0, target / trained)
    factor = needed if wanted.factor is None else wanted.factor
    if factor > 1e6:
        raise ExtendError(f"A factor of {factor:.3g} is beyond any scaling: give a shorter `to`.")
    if not factor >= 1.0:  # NaN, too
        raise ExtendError(f"A factor of {factor:g} extends nothing: give one of at least {needed:g}.")
    if factor < needed * (1 - 1e-9):
        raise ExtendError(
            f"A factor of {factor:g} reaches {int(target * factor / needed):,} tokens, not {target:,}: give at least "
            f"{needed:g}, or leave it out."
        )
    return Wish(
        trained,
        target,
        float(factor),
        choice.native,
        wanted.gamma,
        wanted.alpha,
        (),
        wanted.attention_factor,
        wanted.near,
        wanted.slower,
    )


def _layer_type(
    model: Model, group: RopeGroup, native: Native, method: Method, wish: Wish, wanted: Options
) -> LayerTypePlan:
    stated = model.context.configured or native.reach
    if method == "searched":
        factors = wanted.factors
        of_group = factors.get(group.layer_type, ()) if isinstance(factors, Mapping) else factors
        wish = Wish(
            wish.trained,
            wish.target,
            wish.factor,
            factors=checked_factors(of_group, group.rotary_dim // 2),
            attention_factor=wish.attention_factor,
        )
    parameters = entry(method, group, wish)
    planned, by_type = _max_positions(model, native, method, wish.target), group.layer_type != ""
    before = frequencies(group.parameters, group.rotary_dim, length=wish.target, max_positions=stated, by_type=by_type)
    after = frequencies(parameters, group.rotary_dim, length=wish.target, max_positions=planned, by_type=by_type)
    scale, near = attention_factor(parameters, planned, length=wish.target), None
    if method == "rerope":
        near, slower = rerope_ranges(wish)
        after = tuple(frequency / slower for frequency in before)
    if model.model_type in LONGROPE_ONLY and method in ("linear", "yarn", "llama3"):
        plain = frequencies({"rope_theta": group.rope.theta}, group.rotary_dim, length=1, max_positions=stated)
        divisors = [was / now for was, now in zip(plain, after, strict=True)]
        written = as_longrope(divisors, wish.factor, scale, wish.trained)
        parameters = {**group.kept, "rope_theta": group.rope.theta, **written}
    untouched = ""
    if method == "none" and group.window_tokens is not None:
        untouched = f"these layers see {group.window_tokens:,} tokens at most, and no longer distance"
    return LayerTypePlan(
        layer_type=group.layer_type,
        layers=group.layers,
        method=method,
        factor=wish.factor if method != "none" else 1.0,
        rotary_dim=group.rotary_dim,
        theta_before=group.rope.theta,
        theta=float(parameters["rope_theta"]),
        before=before,
        after=after,
        attention_factor_before=attention_factor(group.parameters, stated, length=wish.target),
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


def _extras(model: Model, native: Native, groups: tuple[RopeGroup, ...], wanted: Options) -> dict[str, Any]:
    """What later reports and settings need beside the positions."""
    return {
        "trained_from": native.source,
        "elsewhere": native.elsewhere,
        **({} if wanted.gamma is None else {"gamma": wanted.gamma}),
        "latents": any(layer.latent is not None for layer in model.layers),
        "mixed": any(group.window_tokens is None and _slides(model, group) for group in groups),
        **({"architecture": str(model.config.get("general.architecture"))} if from_gguf(model) else {}),
    }


def _short_of(groups: tuple[RopeGroup, ...], far: tuple[RopeGroup, ...], wish: Wish) -> list[str]:
    """What to say of a base that does not stretch the slowest pair as far as the target asks."""
    group = far[0]
    alpha = float(entry("alpha", group, wish)["rope_theta"]) / group.rope.theta
    stretch = alpha ** ((group.rotary_dim - 2) / group.rotary_dim)
    if stretch >= wish.factor * 0.95:
        return []
    return [
        f"α = {alpha:.4g} stretches the slowest pair {stretch:.3g} times, where {wish.target:,} tokens ask for "
        f"{wish.factor:.3g}: at the far end it falls short."
    ]


def _reads_beyond(entry: LayerTypePlan, wish: Wish) -> tuple[str, ...]:
    """Where far keys are slowed by less than it takes, the farthest are read at distances that training had not."""
    farthest = entry.read_as(wish.target)
    if entry.near_tokens is None or farthest <= wish.trained * (1 + 1e-9):
        return ()
    return (f"The farthest key reads at {farthest:,.0f} tokens back, where training had {wish.trained:,} at most.",)


def _caveats(
    model: Model, choice: Choice, wish: Wish, groups: tuple[RopeGroup, ...], far: tuple[RopeGroup, ...]
) -> tuple[str, ...]:
    part, path = text_config(model)
    found = [said[0].upper() + said[1:] for said in read_otherwise(Fields(part, model.model_type, path))]
    method = choice.method
    if model.model_type in DEFAULT_ONLY and method not in ("none", "ntk", "alpha", "rerope"):
        raise ExtendError(
            f"The config class of {model.model_type} takes no scaling, but another base: use the method ntk."
        )
    if method == "dynamic" and model.model_type in LONGROPE_ONLY:
        raise ExtendError(
            f"The config class of {model.model_type} takes static scaling only: use the method ntk or yarn."
        )
    if (
        method != "none"
        and model.source.kind != "gguf"
        and families()["families"].get(model.model_type, {}).get("rope_parameters") is None
    ):
        found.append(
            f"transformers keeps the RoPE of {model.model_type or 'this model'} in its code or does not know the type: "
            "that its config's settings are obeyed is not certain."
        )
    own = next((group.rope.scaling or {} for group in groups if group.rope.scaling), {})
    if choice.native and own.get("mscale_all_dim"):
        found.append(
            f"Its attention takes a scale of its own from the factor, (0.1 × {own['mscale_all_dim']:g} × ln s + 1)² on the "
            "logits: transformers, vLLM and SGLang take it from the same entry."
        )
    stated = stated_factor(own) if choice.native else None
    if stated is not None and method == "yarn":
        rule = attention_factor({"rope_type": "yarn", "factor": wish.factor}, wish.trained)
        found.append(
            f"attention_factor is kept at the {stated:g} that the model's config states; YaRN's own rule would make it {rule:.4g}."
        )
    if (adapter := model.source.adapter) is not None:
        found.append(
            f"The settings name its base. {adapter.name} is an adapter: merge it into the base (peft: merge_and_unload), and name "
            "the folder of the merged model in their place."
        )
    if choice.method == "alpha":
        found += _short_of(groups, far, wish)
    windows = {group.window_tokens for group in groups if group not in far and group.window_tokens is not None}
    if far and windows and method != "none":
        seen = " or ".join(f"{tokens:,}" for tokens in sorted(windows))
        found.append(f"Layers that see {seen} tokens at most keep their positions: they meet no longer distance.")
    return tuple(found)
