"""A copy of a model's config.json with the positions of a plan, and every other field as it was."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final

from ropescope.errors import ExtendError
from ropescope.extend.plan.conflicts import check_agreement
from ropescope.extend.plan.groups import from_gguf
from ropescope.extend.plan.methods import LONGROPE_ONLY
from ropescope.extend.plan.rope_plan import METHOD_NAMES, RopePlan
from ropescope.extend.settings.config import Form, legacy_entry, rope_fields
from ropescope.models.config.rope_fields import THETA_NAMES, base_field, reads_rope_scaling
from ropescope.models.config.ropes import LAYER_WORDS
from ropescope.models.model import Model
from ropescope.report.files import write_whole

_ORIGINAL: Final = "original_max_position_embeddings"


def planned_json(plan: RopePlan, config: Mapping[str, Any], length_field: str = "") -> dict[str, Any]:
    """`config` (the whole of a config.json) with the plan's positions, in the form that it has now.

    `length_field` is the field that states the length in it ("" for max_position_embeddings). Fields that say nothing of
    positions are kept as they stand, and so are the entries of other types of layer. Raises ExtendError for a config that
    contradicts itself, or that is not the plan's.
    """
    changed: dict[str, Any] = copy.deepcopy(dict(config))
    part: MutableMapping[str, Any] = changed
    for name in filter(None, plan.config_path.split(".")):
        inner = part.get(name)
        if not isinstance(inner, MutableMapping):
            raise ExtendError(
                f"The config has no {name}, which the plan for {plan.model} changes: use the config of that model."
            )
        part = inner
    check_agreement(part, plan.config_path)
    if plan.changes:
        if form_of(part, plan) == "rope_scaling":
            _write_older(part, plan)
        else:
            _write_newer(part, plan)
        original = plan.rope_parameters.get(_ORIGINAL)
        if original is not None and (part.get(_ORIGINAL) is not None or plan.model_type in LONGROPE_ONLY):
            part[_ORIGINAL] = original
    part[length_field.rsplit(".", 1)[-1] or "max_position_embeddings"] = plan.max_position_embeddings
    return changed


def form_of(part: Mapping[str, Any], plan: RopePlan) -> Form:
    """The form in which a text config says its positions: the older one if it does, and if that has words for the plan."""
    if not reads_rope_scaling(plan.model_type):
        return "rope_parameters"
    if part.get("rope_parameters") or not any(name in part for name in ("rope_scaling", *THETA_NAMES)):
        return "rope_parameters"
    try:
        legacy_entry(plan)
    except ExtendError:
        return "rope_parameters"
    return "rope_scaling"


def save_config(plan: RopePlan, model: Model, folder: Path) -> Path:
    """Write `folder`/config.json: the config of `model` with the plan's positions; returns its path.

    The model's own config.json is never overwritten, nor one of another model. Raises ExtendError for those, for a source
    without a config.json, and for a plan of another model; ReportError if it cannot be written.
    """
    if from_gguf(model):
        raise ExtendError(f"{model.name} is a GGUF file, which has no config.json: name the original model instead.")
    if plan.model_type != model.model_type:
        raise ExtendError(
            f"The plan is for {plan.model} ({plan.model_type}), but {model.name} is a {model.model_type}: make a plan for "
            "it."
        )
    if not plan.in_config:
        raise ExtendError(
            f"{METHOD_NAMES[plan.method]} changes attention itself, which no config can state: keep the plan with `out` "
            "and apply it in Python, or use `method` yarn."
        )
    path = Path(folder) / "config.json"
    own = model.source.path
    if own is not None and own.is_dir() and path.resolve() == (own / "config.json").resolve():
        raise ExtendError(f"{folder} is the model's own folder, whose config.json is never overwritten: name another.")
    config = planned_json(plan, model.config, model.context.configured_field)
    if path.exists() and not _same_model(path, config):
        raise ExtendError(f"{path} exists and belongs to another model: name an empty folder.")
    Path(folder).mkdir(parents=True, exist_ok=True)
    return write_whole(path, json.dumps(config, indent=2, ensure_ascii=False) + "\n")


def _write_newer(part: MutableMapping[str, Any], plan: RopePlan) -> None:
    stated = part.get("rope_parameters")
    words = {word for group in LAYER_WORDS.values() for word in group}
    others = {name: value for name, value in stated.items() if name in words} if isinstance(stated, Mapping) else {}
    planned = plan.rope_parameters
    for name in ("rope_scaling", *THETA_NAMES):
        part.pop(name, None)  # said inside now: two places that differ would be read by some programs only
    part["rope_parameters"] = {**others, **planned} if plan.layer_types[0].layer_type else planned


def _write_older(part: MutableMapping[str, Any], plan: RopePlan) -> None:
    fields = rope_fields(plan, "rope_scaling")
    theta_name = next((name for name in THETA_NAMES if part.get(name) is not None), "")
    theta_name = theta_name or base_field(plan.model_type)
    if part.get(theta_name) != fields["rope_theta"]:
        part[theta_name] = fields["rope_theta"]
    stated = part.get("rope_scaling")
    if isinstance(stated, Mapping) and "rope_theta" in stated and fields["rope_scaling"]:
        fields["rope_scaling"]["rope_theta"] = fields["rope_theta"]
    part["rope_scaling"] = fields["rope_scaling"]


def _same_model(path: Path, config: Mapping[str, Any]) -> bool:
    try:
        there = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    names = ("model_type", "architectures", "hidden_size", "num_hidden_layers", "text_config")
    return isinstance(there, Mapping) and all(
        name == "text_config" or there.get(name) == config.get(name) for name in names
    )
