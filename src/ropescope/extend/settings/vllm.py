"""vLLM: the config is overridden on the command line."""

from __future__ import annotations

from typing import Any

from ropescope.extend.plan.frequencies import above_the_rule
from ropescope.extend.plan.rope_plan import RopePlan
from ropescope.extend.settings.config import Form, longer_only, nested, rope_fields
from ropescope.extend.settings.long_rope import vllm_of_plan
from ropescope.extend.settings.setting import EngineSettings, command, is_gguf, not_from_gguf, one_line

NEW_FROM = (
    "vllm/config/model.py and rotary_embedding of vllm 0.33.0, whose tables were built from them; rope_parameters since vllm "
    "0.12.0"
)
MIDDLE_FROM = "vllm/engine/arg_utils.py of vllm 0.11.2"
OLD_FROM = "vllm/engine/arg_utils.py of vllm 0.11.0"


def with_rope_parameters(plan: RopePlan, source: str) -> EngineSettings:
    """For vLLM 0.12 and newer: --hf-overrides with rope_parameters."""
    if is_gguf(source):
        return not_from_gguf("vllm", "0.12 and newer", NEW_FROM)
    if _table_ends(plan):
        return _past_the_table("0.12 and newer", NEW_FROM)
    fields, remarks = _adapted(plan, "rope_parameters")
    return _overridden(plan, source, fields, (*remarks, *vllm_of_plan(plan)), "0.12 and newer", NEW_FROM)


def with_rope_scaling(plan: RopePlan, source: str) -> EngineSettings:
    """For vLLM 0.11.1 and 0.11.2: --hf-overrides with rope_scaling and rope_theta."""
    if is_gguf(source):
        return not_from_gguf("vllm", "0.11.1 and 0.11.2", MIDDLE_FROM)
    if _table_ends(plan):
        return _past_the_table("0.11.1 and 0.11.2", MIDDLE_FROM)
    if plan.method == "dynamic":
        return _no_dynamic("0.11.1 and 0.11.2", MIDDLE_FROM)
    fields, remarks = _adapted(plan, "rope_scaling")
    return _overridden(plan, source, fields, remarks, "0.11.1 and 0.11.2", MIDDLE_FROM)


def with_flags(plan: RopePlan, source: str) -> EngineSettings:
    """For vLLM up to 0.11.0: --rope-scaling and --rope-theta, which later releases have removed."""
    versions = "0.8 to 0.11.0"
    if is_gguf(source):
        return not_from_gguf("vllm", versions, OLD_FROM)
    if _table_ends(plan):
        return _past_the_table(versions, OLD_FROM)
    if plan.method == "dynamic":
        return _no_dynamic(versions, OLD_FROM)
    fields, remarks = _adapted(plan, "rope_scaling")
    if plan.config_path:
        return _overridden(plan, source, fields, remarks, versions, OLD_FROM)
    flags: list[tuple[str, object]] = []
    if fields.get("rope_scaling"):
        flags.append(("--rope-scaling", one_line(fields["rope_scaling"])))
    if "rope_theta" in fields:
        flags.append(("--rope-theta", fields["rope_theta"]))
    overrides = {name: fields[name] for name in ("max_position_embeddings",) if name in fields}
    if overrides:
        flags.append(("--hf-overrides", one_line(overrides)))
    text = command("vllm", "serve", source, flags=[*flags, ("--max-model-len", plan.target_length)])
    return EngineSettings("vllm", versions, OLD_FROM, "shell", text, remarks, fields)


def _overridden(
    plan: RopePlan, source: str, fields: dict[str, Any], remarks: tuple[str, ...], versions: str, read_from: str
) -> EngineSettings:
    flags: list[tuple[str, object]] = []
    overrides = nested(plan, fields) if fields else {}
    if overrides:
        flags.append(("--hf-overrides", one_line(overrides)))
    text = command("vllm", "serve", source, flags=[*flags, ("--max-model-len", plan.target_length)])
    return EngineSettings("vllm", versions, read_from, "shell", text, remarks, overrides)


def _adapted(plan: RopePlan, form: Form) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The fields as vLLM reads them, and what to say of it."""
    if not plan.changes:
        return longer_only(plan, form), ()
    fields = rope_fields(plan, form)
    entries = _entries(fields)
    remarks: list[str] = []
    flat = len(entries) == 1 and not plan.layer_types[0].layer_type
    if not (entries[0].get("rope_type") == "linear" and flat):
        # With linear scaling vLLM multiplies the stated length itself; Phi-3's is written as factors, which it does not.
        fields = {**fields, "max_position_embeddings": plan.target_length}
    for entry in entries:
        if entry.get("rope_type") == "longrope":
            # vLLM does not read attention_factor here; without these it would take its own from the lengths.
            factor = entry.get("attention_factor")
            if factor is not None:
                entry |= {"short_mscale": factor, "long_mscale": factor}
        if entry.get("rope_type") == "dynamic":
            entry["max_trained_positions"] = plan.trained_length
        if (above := above_the_rule(entry, rule_of_scales=bool(plan.extras.get("latents")))) is not None:
            # Releases that do not read attention_factor read this one, and those that do, 0.33 among them, not this one.
            entry["attn_factor"] = above
            remarks += _latent_factor(plan, entry)
    if plan.method == "dynamic":
        remarks.append(
            f"vLLM uses one base for all lengths, that of {plan.target_length:,} tokens, so short prompts cost as much as "
            "with ntk."
        )
    elif plan.changes:
        remarks.append("The scaling is static: it applies to prompts within the trained length too.")
    return fields, tuple(remarks)


def _latent_factor(plan: RopePlan, entry: dict[str, Any]) -> tuple[str, ...]:
    if not plan.extras.get("latents") or entry.get("attention_factor") is None:
        return ()
    return (
        "vLLM computes the attention factor of latent attention (MLA) itself, and may not use "
        f"{entry['attention_factor']:g}.",
    )


def _entries(fields: dict[str, Any]) -> list[dict[str, Any]]:
    found = fields.get("rope_parameters", fields.get("rope_scaling")) or {}
    parts = [part for part in found.values() if isinstance(part, dict)]
    return parts or [found]


def _no_dynamic(versions: str, read_from: str) -> EngineSettings:
    remark = (
        "This vLLM computes the base of dynamic scaling from trained length × factor, for every prompt: use `method` "
        "ntk, which states the base."
    )
    return EngineSettings("vllm", versions, read_from, "shell", "", (remark,))


def _table_ends(plan: RopePlan) -> bool:
    """Whether a model's own YaRN has a shorter table in vLLM than the target: original length × factor, whatever is stated."""
    if plan.changes:
        return False
    yarn = [entry.parameters for entry in plan.layer_types if entry.parameters.get("rope_type") == "yarn"]
    ends = [one["original_max_position_embeddings"] * (one.get("factor") or 1.0) for one in yarn]
    return bool(ends) and min(ends) < plan.target_length


def _past_the_table(versions: str, read_from: str) -> EngineSettings:
    remark = (
        "vLLM's table of positions ends where the model's own YaRN does, and it computes NaN beyond: use `method` yarn, which "
        "raises the factor."
    )
    return EngineSettings("vllm", versions, read_from, "shell", "", (remark,))
