"""Write `src/ropescope/models/config/families.json`: what transformers assumes for each model type when config.json is silent.

Run it by hand after raising the version of transformers: `python tests/models/config/families_from_transformers.py`.
The tests compare its output with the file, field by field, when the installed transformers has the version it names.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from ropescope.models.config.bearing import no_bearing
from ropescope.models.config.fields import TEXT_FIELDS

TABLE = Path(__file__).parents[3] / "src" / "ropescope" / "models" / "config" / "families.json"

RENAMED = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "max_position_embeddings",
    "sliding_window",
    "layer_types",
    "vocab_size",
)
"""Fields that some model types call by another name."""


def _raw_defaults(cls: type[Any]) -> dict[str, Any]:
    defaults: dict[str, Any] = {}
    for entry in dataclasses.fields(cls):
        if entry.default is not dataclasses.MISSING:
            defaults[entry.name] = entry.default
        elif entry.default_factory is not dataclasses.MISSING:
            defaults[entry.name] = entry.default_factory()
    return defaults


def _plain(value: Any) -> bool:
    return isinstance(value, int | float | str | bool) or (
        isinstance(value, list | tuple) and len(value) <= 8 and all(_plain(entry) for entry in value)
    )


def family(cls: type[Any]) -> dict[str, Any] | None:
    """What one config class assumes; None for a class that describes no stack of token-mixing layers."""
    raw = _raw_defaults(cls)
    names = {key: cls.attribute_map[key] for key in RENAMED if key in (cls.attribute_map or {})}
    named = {own: key for key, own in names.items()}
    defaults = {named.get(key, key): value for key, value in raw.items() if _plain(value) and not no_bearing(key)}
    if "num_hidden_layers" not in defaults and "layer_types" not in names:
        return None
    instance = cls()
    entry: dict[str, Any] = {"defaults": defaults}
    if names:
        entry["names"] = names
    if rope := getattr(instance, "rope_parameters", None):
        entry["rope_parameters"] = json.loads(json.dumps(rope))
    kinds = getattr(instance, "layer_types", None)
    if isinstance(kinds, list | tuple) and set(kinds) - {"full_attention"}:
        entry["mixed"] = True
    elif isinstance(kinds, list | tuple) and "sliding_window" in defaults and "use_sliding_window" not in defaults:
        entry["full"] = True
    return entry


def _text_type(cls: type[Any]) -> str:
    """The model type that a composite class takes for its language model where the file does not name one; "" for others."""
    if not set(TEXT_FIELDS) & set(getattr(cls, "sub_configs", None) or {}):
        return ""
    try:
        whole = cls()
        text = whole.get_text_config(decoder=True)
    except Exception:  # a class that needs arguments names no type by itself
        return ""
    return "" if text is whole or getattr(whole, "is_encoder_decoder", False) else str(text.model_type)


def families() -> dict[str, Any]:
    """The whole table: the version it was read from, text types of composite models, and one entry a model type."""
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING, CONFIG_MAPPING_NAMES
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
        MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    )

    wanted = {*MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, *MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES}
    wanted |= set(MODEL_FOR_MASKED_LM_MAPPING_NAMES)
    table: dict[str, Any] = {}
    text_types: dict[str, str] = {}
    for model_type in sorted(wanted & set(CONFIG_MAPPING_NAMES)):
        try:
            cls = CONFIG_MAPPING[model_type]
            text = (cls.sub_configs or {}).get("text_config")
            if text is not None:
                default = getattr(cls, "sub_configs_defaults", {}).get("text_config", {})
                named = default.get("model_type") if isinstance(default, dict) else None
                concrete = CONFIG_MAPPING[named] if named else text
                if getattr(concrete, "model_type", ""):
                    text_types[model_type] = concrete.model_type
                    cls = concrete
            if getattr(cls(), "is_encoder_decoder", False):
                continue
            entry = family(cls)
        except Exception as error:  # a class that needs arguments or a missing library has no defaults to give
            print(f"{model_type}: {type(error).__name__}: {error}")
            continue
        if entry is not None:
            table[cls.model_type] = entry
    for model_type in sorted(set(CONFIG_MAPPING_NAMES) - set(text_types) - set(table)):
        if (named := _text_type(CONFIG_MAPPING[model_type])) in table:
            text_types[model_type] = named
    return {"transformers": transformers.__version__, "text_types": text_types, "families": table}


def write(path: Path = TABLE) -> None:
    """Write the table, one model type a line, so that a change of version reads well as a diff."""
    data = families()
    lines = [f"    {json.dumps(key)}: {json.dumps(entry, sort_keys=True)}" for key, entry in data["families"].items()]
    text_types = json.dumps(data["text_types"], sort_keys=True)
    path.write_text(
        f'{{\n  "transformers": "{data["transformers"]}",\n  "text_types": {text_types},\n'
        '  "families": {\n' + ",\n".join(lines) + "\n  }\n}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    write()
