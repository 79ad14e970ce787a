"""SGLang: the config is overridden on the command line."""

from __future__ import annotations

from typing import Any

from ropescope.extend.plan.frequencies import above_the_rule
from ropescope.extend.plan.rope_plan import RopePlan
from ropescope.extend.settings.config import Form, longer_only, nested, rope_fields
from ropescope.extend.settings.setting import EngineSettings, command, is_gguf, not_from_gguf, one_line

NEW_FROM = (
    "sglang/srt/utils/hf_transformers and rotary_embedding of sglang 0.5.23, whose tables were built from them; on "
    "transformers 5 since sglang 0.5.10"
)
OLD_FROM = "sglang/srt/utils/hf_transformers_utils.py of sglang 0.5.9"


def with_rope_parameters(plan: RopePlan, source: str) -> EngineSettings:
    """For SGLang 0.5.10 and newer."""
    return _settings(plan, source, "rope_parameters", "0.5.10 and newer", NEW_FROM)


def with_rope_scaling(plan: RopePlan, source: str) -> EngineSettings:
    """For SGLang before 0.5.10, on transformers 4."""
    versions = "0.4 to 0.5.9"
    if plan.config_path and plan.changes:
        remark = (
            f"This SGLang replaces the whole {plan.config_path[:-1]} with the given fields. Write config.json with "
            "`save_config` FOLDER instead, and serve that folder."
        )
        return EngineSettings("sglang", versions, OLD_FROM, "shell", "", (remark,))
    return _settings(plan, source, "rope_scaling", versions, OLD_FROM)


def _settings(plan: RopePlan, source: str, form: Form, versions: str, read_from: str) -> EngineSettings:
    if is_gguf(source):
        return not_from_gguf("sglang", versions, read_from)
    if plan.method == "dynamic":
        remark = (
            "SGLang computes the base of dynamic scaling from trained length × factor, for every prompt: use `method` "
            "ntk, which states the base."
        )
        return EngineSettings("sglang", versions, read_from, "shell", "", (remark,))
    fields = _fields(plan, form)
    overrides = nested(plan, fields) if fields else {}
    flags: list[tuple[str, object]] = [("--model-path", source), ("--context-length", plan.target_length)]
    if overrides:
        flags.append(("--json-model-override-args", one_line(overrides)))
    remarks = ("The scaling is static: it applies to prompts within the trained length too.",) if plan.changes else ()
    text = command("python", "-m", "sglang.launch_server", flags=flags)
    return EngineSettings("sglang", versions, read_from, "shell", text, remarks, overrides)


def _fields(plan: RopePlan, form: Form) -> dict[str, Any]:
    if not plan.changes:
        return longer_only(plan, form)
    fields = rope_fields(plan, form)
    found = fields.get("rope_parameters", fields.get("rope_scaling")) or {}
    entries = [part for part in found.values() if isinstance(part, dict)] or [found]
    for entry in entries:
        if entry.get("rope_type") == "longrope" and entry.get("attention_factor") is not None:
            # SGLang does not read attention_factor here; without these it would take its own from the lengths.
            entry |= {"short_mscale": entry["attention_factor"], "long_mscale": entry["attention_factor"]}
        if (above := above_the_rule(entry)) is not None:
            entry["attn_factor"] = above  # SGLang multiplies its own rule by it, and does not read attention_factor
    if entries[0].get("rope_type") == "linear" and len(entries) == 1:
        return fields  # SGLang multiplies the stated length itself; not where factors state it, as Phi-3's do
    return {**fields, "max_position_embeddings": plan.target_length}
