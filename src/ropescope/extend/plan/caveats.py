"""What to know of a plan before it is used."""

from __future__ import annotations

from ropescope.errors import ExtendError
from ropescope.extend.plan.choosing import Choice
from ropescope.extend.plan.frequencies import attention_factor, stated_factor
from ropescope.extend.plan.groups import RopeGroup, text_config
from ropescope.extend.plan.methods import DEFAULT_ONLY, LONGROPE_ONLY, ScalingRequest, entry
from ropescope.extend.plan.rope_plan import LayerTypePlan
from ropescope.models.config.fields import Fields, families
from ropescope.models.config.rope_otherwise import read_otherwise
from ropescope.models.model import Model


def _alpha_falls_short(far: tuple[RopeGroup, ...], request: ScalingRequest) -> list[str]:
    """What to say of a base that does not stretch the slowest pair as far as the target asks."""
    group = far[0]
    alpha = float(entry("alpha", group, request)["rope_theta"]) / group.rope.theta
    stretch = alpha ** ((group.rotary_dim - 2) / group.rotary_dim)
    if stretch >= request.factor * 0.95:
        return []
    return [
        f"α = {alpha:.4g} stretches the slowest pair {stretch:.3g} times; {request.target:,} tokens need "
        f"{request.factor:.3g} times, so the far end is out of reach."
    ]


def beyond_training(entry: LayerTypePlan, request: ScalingRequest) -> tuple[str, ...]:
    """Where far keys are slowed by less than it takes, the farthest are read at distances that training had not."""
    farthest = entry.effective_distance(request.target)
    if entry.near_tokens is None or farthest <= request.trained * (1 + 1e-9):
        return ()
    return (
        (
            f"The farthest key has an effective distance of {farthest:,.0f} tokens, more than the {request.trained:,} of "
            "training."
        ),
    )


def caveats_of(
    model: Model, choice: Choice, request: ScalingRequest, groups: tuple[RopeGroup, ...], far: tuple[RopeGroup, ...]
) -> tuple[str, ...]:
    """What to know before a plan is used: where transformers or an engine may read it otherwise, and where it falls short.

    Raises ExtendError for a method that the config class of the model refuses.
    """
    part, path = text_config(model)
    found = [said[0].upper() + said[1:] for said in read_otherwise(Fields(part, model.model_type, path))]
    method = choice.method
    if model.model_type in DEFAULT_ONLY and method not in ("none", "ntk", "alpha", "rerope"):
        raise ExtendError(
            f"The config class of {model.model_type} accepts no scaling, only another base: use the method ntk."
        )
    if method == "dynamic" and model.model_type in LONGROPE_ONLY:
        raise ExtendError(
            f"The config class of {model.model_type} accepts static scaling only: use the method ntk or yarn."
        )
    if (
        method != "none"
        and model.source.kind != "gguf"
        and families()["families"].get(model.model_type, {}).get("rope_parameters") is None
    ):
        found.append(
            f"transformers has the RoPE of {model.model_type or 'this model'} in its code, or does not know the type: it "
            "may ignore the settings of the config."
        )
    own = next((group.rope.scaling or {} for group in groups if group.rope.scaling), {})
    if choice.native and own.get("mscale_all_dim"):
        found.append(
            f"The factor s also scales this model's logits, by (0.1 × {own['mscale_all_dim']:g} × ln s + 1)². "
            "transformers, vLLM and SGLang read that from the same entry."
        )
    stated = stated_factor(own) if choice.native else None
    if stated is not None and method == "yarn":
        rule = attention_factor({"rope_type": "yarn", "factor": request.factor}, request.trained)
        found.append(
            f"attention_factor stays at {stated:g}, as the model's config states; YaRN's rule would give {rule:.4g}."
        )
    if (adapter := model.source.adapter) is not None:
        found.append(
            f"{adapter.name} is an adapter, and the settings name its base model. Merge the two (peft: merge_and_unload), "
            "and put the folder of the merged model into the settings."
        )
    if choice.method == "alpha":
        found += _alpha_falls_short(far, request)
    windows = {group.window_tokens for group in groups if group not in far and group.window_tokens is not None}
    if far and windows and method != "none":
        seen = " or ".join(f"{tokens:,}" for tokens in sorted(windows))
        found.append(f"Layers with a window of {seen} tokens keep their RoPE: they never see a longer distance.")
    return tuple(found)
