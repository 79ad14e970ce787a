"""transformers: the fields of config.json, and the call that loads a model with them."""

from __future__ import annotations

import json
import pprint
from typing import Any

from ropescope.extend.plan.rope_plan import RopePlan
from ropescope.extend.settings.config import config_changes
from ropescope.extend.settings.setting import EngineSettings, is_gguf

NEW_FROM = "modeling_rope_utils.py of transformers 5.2.0 and 5.23.0, run by the tests"
OLD_FROM = "modeling_rope_utils.py of transformers 4.57.3"


def with_rope_parameters(plan: RopePlan, source: str) -> EngineSettings:
    """For transformers 5 and newer."""
    changes = config_changes(plan, "rope_parameters")
    return _settings(plan, source, changes, "5.0 and newer", NEW_FROM)


def with_rope_scaling(plan: RopePlan, source: str) -> EngineSettings:
    """For transformers before 5, from the release on that reads `rope_type`. Raises ExtendError without words for it."""
    changes = config_changes(plan, "rope_scaling")
    return _settings(plan, source, changes, "4.43 to 4.57", OLD_FROM)


def _settings(plan: RopePlan, source: str, changes: dict[str, Any], versions: str, read_from: str) -> EngineSettings:
    remarks = list(_remarks(plan, versions))
    if plan.config_path:
        text, language = json.dumps(changes, indent=2, ensure_ascii=False), "json"
        remarks.append(
            f"These fields go into config.json: `save_config` FOLDER writes the whole file, with {plan.config_path[:-1]}."
        )
    else:
        words = "".join(f"    {name}={_indented(value)},\n" for name, value in changes.items())
        where = f"    {source!r},\n"
        if is_gguf(source):
            folder, _, file = source.rpartition("/")
            where = f"    {folder or '.'!r},\n    gguf_file={file!r},\n"
        text = (
            "from transformers import AutoModelForCausalLM\n\n"
            f"model = AutoModelForCausalLM.from_pretrained(\n{where}{words})"
        )
        language = "python"
    return EngineSettings(
        "transformers",
        versions,
        read_from,
        language,  # type: ignore[arg-type]
        text,
        tuple(remarks),
        changes,
    )


def _indented(value: Any) -> str:
    return pprint.pformat(value, width=108, compact=True, sort_dicts=False).replace("\n", "\n    ")


def _remarks(plan: RopePlan, versions: str) -> tuple[str, ...]:
    found: list[str] = []
    if plan.method == "dynamic":
        found.append("max_position_embeddings stays at the trained length: transformers counts the growth from there.")
        found.append("Cached keys keep the base of their time, so long answers to short prompts mix bases.")
        found.append("Before 5.14, the larger base of a long text stays in use for later short texts.")
    if plan.method == "longrope":
        found.append("transformers uses the short factors within the original length, and the long ones beyond.")
    if len(plan.layer_types) > 1 and versions.startswith("5"):
        if plan.method == "yarn":
            found.append("Before 5.9, transformers refuses YaRN per layer type.")
        if plan.model_type == "olmo3":
            found.append(
                "Before 5.14, Olmo 3 has rope_scaling for its full-attention layers only: `engine` transformers@4.57 writes "
                "that form."
            )
    return tuple(found)
