"""Where transformers reads the RoPE of a model otherwise than its makers' code does: the Model says what the makers say.

Read in transformers 5.2 and 5.23 (`modeling_dbrx.py`, `modeling_phimoe.py`), vLLM (`dbrx.py`, `phimoe.py`) and llama.cpp's
converter, in November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ropescope.models.config.fields import Fields


def base_of_makers(fields: Fields) -> tuple[float | None, str]:
    """(the base that the makers' code reads from a field which the class of transformers passes over, that field)."""
    attention = fields.config.get("attn_config")
    if fields.model_type == "dbrx" and isinstance(attention, Mapping) and attention.get("rope_theta") is not None:
        return attention["rope_theta"], "attn_config.rope_theta"
    return None, ""


def base_in_transformers(fields: Fields) -> float:
    """The base that transformers takes where `base_of_makers` finds one."""
    places = (fields.config.get("rope_scaling"), fields.config.get("rope_parameters"), fields.config)
    stated = (place.get("rope_theta") for place in places if isinstance(place, Mapping))
    return float(next((base for base in stated if base is not None), 10000.0))


def read_otherwise(fields: Fields) -> tuple[str, ...]:
    """What transformers makes of the config that the model was not trained with, a sentence each."""
    found = []
    base, name = base_of_makers(fields)
    if base is not None and base != (theirs := base_in_transformers(fields)):
        found.append(
            f"the RoPE base is {base:,.0f} ({fields.label(name)}), as its makers' code, vLLM and llama.cpp read it; transformers 5 "
            f"takes {theirs:,.0f}: add rope_theta {base:.0f} to the config beside {name.split('.')[0]} before it runs there."
        )
    entry = _longrope_entry(fields.config)
    if fields.model_type == "phimoe" and entry.get("short_factor") != entry.get("long_factor"):
        found.append(
            "transformers 5.23 turns this type by short_factor at any length, and only the attention factor switches to "
            "long_mscale; its makers' code, vLLM, llama.cpp and transformers 5.2 take long_factor beyond "
            f"{entry.get('original_max_position_embeddings', 'the original length')} tokens."
        )
    return tuple(found)


def _longrope_entry(config: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in ("rope_scaling", "rope_parameters"):
        entry = config.get(name)
        if isinstance(entry, Mapping) and entry.get("long_factor"):
            return entry
    return {}
