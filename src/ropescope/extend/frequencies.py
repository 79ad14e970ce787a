"""What an entry of `rope_parameters` means: its inverse frequencies and its attention factor, as transformers reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ropescope.errors import DomainError, ExtendError
from ropescope.theory.rope_scaling import attention_factor as rule_attention_factor
from ropescope.theory.rope_scaling import inverse_frequencies

PLAIN = frozenset({"default", "mrope"})
"""Types that scale nothing."""


def frequencies(
    parameters: Mapping[str, Any], rotary_dim: int, *, length: int, max_positions: int
) -> tuple[float, ...]:
    """The inverse frequencies in rad/token, fastest first, of a sequence of `length` tokens where the config states
    `max_positions` tokens. Raises ExtendError for a type that is not known and for values that cannot be."""
    kind = str(parameters.get("rope_type", "default"))
    options: dict[str, Any] = {"rule": "default" if kind in PLAIN else kind}
    original = parameters.get("original_max_position_embeddings") or max_positions
    options["original_length"] = max_positions if kind == "dynamic" else int(original)
    if kind in ("linear", "dynamic", "yarn", "llama3", "proportional"):
        options["factor"] = scale(parameters, max_positions)
    if kind in ("dynamic", "longrope"):
        options["length"] = length
    if kind == "yarn":
        options |= {"beta_fast": parameters.get("beta_fast") or 32.0, "beta_slow": parameters.get("beta_slow") or 1.0}
        options["truncate"] = bool(parameters.get("truncate", True))
    if kind == "llama3":
        low, high = (float(parameters.get(name) or 1.0) for name in ("low_freq_factor", "high_freq_factor"))
        # Llama 4 states both alike: the ramp is a step there.
        options |= {"low_freq_factor": low, "high_freq_factor": high if high > low else low * (1.0 + 1e-9)}
    if kind == "longrope":
        options["short_factors"] = tuple(parameters.get("short_factor") or ())
        options["long_factors"] = tuple(parameters.get("long_factor") or ())
    if kind == "proportional":
        options["rotary_share"] = parameters.get("partial_rotary_factor") or 1.0
    try:
        return inverse_frequencies(float(parameters["rope_theta"]), rotary_dim, **options)
    except DomainError as error:
        raise ExtendError(f"The scaling {kind!r} cannot be computed: {error}") from error


def attention_factor(parameters: Mapping[str, Any], max_positions: int) -> float:
    """The factor on cosines and sines: as stated, else as the type's rule has it. Raises ExtendError."""
    kind = str(parameters.get("rope_type", "default"))
    if kind not in ("yarn", "longrope"):
        return 1.0
    if (stated := parameters.get("attention_factor")) is not None:
        return float(stated)
    original = int(parameters.get("original_max_position_embeddings") or max_positions)
    scales = {name: float(parameters.get(name) or 0.0) for name in ("mscale", "mscale_all_dim")}
    try:
        return rule_attention_factor(kind, scale(parameters, max_positions), original, **scales)
    except DomainError as error:
        raise ExtendError(f"The attention factor of {kind!r} cannot be computed: {error}") from error


def scale(parameters: Mapping[str, Any], max_positions: int) -> float:
    """The factor: as stated, else stated length over original length (1 where neither is there)."""
    factor = parameters.get("factor")
    if factor is not None:
        return max(1.0, float(factor))
    original = parameters.get("original_max_position_embeddings")
    return max(1.0, max_positions / int(original)) if original else 1.0
