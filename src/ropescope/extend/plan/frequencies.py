"""What an entry of `rope_parameters` means: its inverse frequencies and its attention factor, as transformers reads it."""

from __future__ import annotations

from collections.abc import Mapping
from math import isclose
from typing import Any

from ropescope.errors import DomainError, ExtendError
from ropescope.theory.rope_scaling import attention_factor as rule_attention_factor
from ropescope.theory.rope_scaling import inverse_frequencies

PLAIN = frozenset({"default", "mrope"})
"""Types that scale nothing."""


def frequencies(
    parameters: Mapping[str, Any], rotary_dim: int, *, length: int, max_positions: int, by_type: bool = False
) -> tuple[float, ...]:
    """The inverse frequencies in rad/token, fastest first, of a sequence of `length` tokens where the config states
    `max_positions` tokens. by_type: the entry is one of several by type of layer, in which transformers (5.23) does not read
    `truncate`. Raises ExtendError for a type that is not known and for values that cannot be."""
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
        options["truncate"] = by_type or bool(parameters.get("truncate", True))
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


def attention_factor(parameters: Mapping[str, Any], max_positions: int, *, length: int | None = None) -> float:
    """The factor on cosines and sines of a sequence of `length` tokens (None: a long one): as stated, else as the type's rule has
    it. Raises ExtendError."""
    kind = str(parameters.get("rope_type", "default"))
    if kind not in ("yarn", "longrope"):
        return 1.0
    original = int(parameters.get("original_max_position_embeddings") or max_positions)
    by_length = "short_mscale" if length is not None and length <= original else "long_mscale"
    for name in (by_length, "attention_factor") if kind == "longrope" else ("attention_factor",):
        if (stated := stated_factor(parameters, name)) is not None:
            return stated
    scales = {name: float(parameters.get(name) or 0.0) for name in ("mscale", "mscale_all_dim")}
    try:
        return rule_attention_factor(kind, scale(parameters, max_positions), original, **scales)
    except DomainError as error:
        raise ExtendError(f"The attention factor of {kind!r} cannot be computed: {error}") from error


def stated_factor(parameters: Mapping[str, Any], name: str = "attention_factor") -> float | None:
    """The attention factor that an entry states under a name, which goes before every rule; None where it states none."""
    stated = parameters.get(name)
    if stated is None:
        return None
    if isinstance(stated, bool) or not isinstance(stated, int | float) or not 0 < stated < 100:
        raise ExtendError(f"{name} is {stated!r}: it multiplies cosines and sines, so give a number near 1.")
    return float(stated)


def above_the_rule(parameters: Mapping[str, Any], *, rule_of_scales: bool = True) -> float | None:
    """The attention factor of a YaRN entry as a multiple of the one that an engine works out for itself, None where the two are
    one. rule_of_scales: the engine reads mscale and mscale_all_dim; one that does not takes 0.1 ln s + 1."""
    if parameters.get("rope_type") != "yarn":
        return None
    original = int(parameters["original_max_position_embeddings"])
    unread = {"attention_factor", *(() if rule_of_scales else ("mscale", "mscale_all_dim"))}
    rule = attention_factor({name: value for name, value in parameters.items() if name not in unread}, original)
    wanted = attention_factor(parameters, original)
    return None if isclose(wanted, rule, rel_tol=1e-6) else wanted / rule


def scale(parameters: Mapping[str, Any], max_positions: int) -> float:
    """The factor: as stated, else stated length over original length (1 where neither is there). Raises ExtendError for one
    below 1, which would squeeze the context."""
    factor = parameters.get("factor")
    if factor is not None:
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not factor >= 1:
            raise ExtendError(
                f"The factor of this model's RoPE scaling is {factor!r}: correct the config, a factor is at least 1."
            )
        return float(factor)
    original = parameters.get("original_max_position_embeddings")
    return max(1.0, max_positions / int(original)) if original else 1.0
