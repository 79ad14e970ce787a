"""The fields of a config.json that carry a plan, in the form of transformers 5 and in the one before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from ropescope.errors import ExtendError
from ropescope.extend.plan.methods import LONGROPE_ONLY
from ropescope.extend.plan.rope_plan import LayerTypePlan, RopePlan
from ropescope.models.config.ropes import SCALES_FULL_ONLY

Form = Literal["rope_parameters", "rope_scaling"]
"""rope_parameters: the one field of transformers 5; rope_scaling: it and `rope_theta` beside it, which older ones read."""

_ORIGINAL: Final = "original_max_position_embeddings"
_BESIDE: Final = frozenset({"rope_theta", "partial_rotary_factor"})
"""Fields that the older form keeps beside `rope_scaling`, not inside."""


def config_changes(plan: RopePlan, form: Form = "rope_parameters") -> dict[str, Any]:
    """The fields to set in a config.json, nested where its text part is. Raises ExtendError where the form has no words
    for the plan."""
    changed = {**rope_fields(plan, form), "max_position_embeddings": plan.max_position_embeddings}
    return nested(plan, changed)


def rope_fields(plan: RopePlan, form: Form) -> dict[str, Any]:
    """The fields that say the positions alone, of the text part."""
    original = plan.rope_parameters.get(_ORIGINAL)
    # The config class of Phi-3 takes this one from beside its RoPE, and has 4,096 where it is not stated.
    beside = {} if original is None or plan.model_type not in LONGROPE_ONLY else {_ORIGINAL: original}
    if form == "rope_parameters":
        return {"rope_parameters": plan.rope_parameters, **beside}
    entry = legacy_entry(plan)
    inside = {name: value for name, value in entry.parameters.items() if name not in _BESIDE}
    # Where a model comes scaled, null would bring back what its config class takes for granted.
    scaling = None if inside == {"rope_type": "default"} and plan.native_method == "none" else inside
    return {"rope_theta": entry.theta, "rope_scaling": scaling, **beside}


def longer_only(plan: RopePlan, form: Form) -> dict[str, Any]:
    """The fields with which vLLM and SGLang take the target of a plan that changes no position.

    They work LongRoPE's attention factor out from the stated length, so the one in use is stated beside it.
    """
    if plan.target_length <= plan.native_length:
        return {}
    length = {"max_position_embeddings": plan.target_length}
    if plan.native_method != "longrope" or len(plan.layer_types) > 1:
        return length
    fields, factor = rope_fields(plan, form), plan.layer_types[0].attention_factor
    return {**fields, form: {**fields[form], "short_mscale": factor, "long_mscale": factor}, **length}


def legacy_entry(plan: RopePlan) -> LayerTypePlan:
    """The one entry that the older form has room for. Raises ExtendError for a plan that needs several."""
    if len(plan.layer_types) == 1:
        return plan.layer_types[0]
    full = [entry for entry in plan.layer_types if entry.layer_type == "full_attention"]
    others = [entry for entry in plan.layer_types if entry.layer_type != "full_attention"]
    if plan.model_type not in SCALES_FULL_ONLY or len(full) != 1 or any(entry.changed for entry in others):
        raise ExtendError(
            f"{plan.model_type} has a RoPE per layer type, which rope_scaling cannot express: use transformers 5 or newer."
        )
    return full[0]


def nested(plan: RopePlan, fields: Mapping[str, Any]) -> dict[str, Any]:
    """`fields` under the path to the text part of the config."""
    found: dict[str, Any] = dict(fields)
    for name in reversed([part for part in plan.config_path.split(".") if part]):
        found = {name: found}
    return found
