"""The methods: each makes, from the positions a group of layers has and a factor, the entry that scales them.

A method is one short function. It starts from the model's own base, unscaled, so that nothing is stacked upon a scaling
that came with the model; what its entry means is read by `frequencies`, in one place for all. A new method is a function,
a line in `WRITERS` and a word in `plan.Method`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Any, Final

from ropescope.errors import ExtendError
from ropescope.extend.plan.groups import RopeGroup
from ropescope.extend.plan.rope_plan import Method
from ropescope.theory.base_design import alpha_opt, ntk_aware_alpha

Entry = dict[str, Any]

LONGROPE_ONLY: Final = frozenset({"phi3", "phi4_multimodal"})
"""Model types whose config class refuses every type of scaling but longrope, which can say all that is static."""

DEFAULT_ONLY: Final = frozenset({"cosmos3_edge_text", "ernie4_5_vl_moe_text"})
"""Model types whose config class refuses every type of scaling, so that only another base can be said."""

_YARN_FIELDS: Final[tuple[str, ...]] = (
    "attention_factor",
    "beta_fast",
    "beta_slow",
    "mscale",
    "mscale_all_dim",
    "truncate",
)


@dataclass(frozen=True, slots=True)
class ScalingRequest:
    """The scaling that is asked of a method: from `trained` tokens to `target`, by `factor`.

    native: the group keeps the scaling it came with, at a larger factor. gamma, alpha: for `alpha`. factors (divisors, one a
    pair, fastest first), attention_factor: for `searched`. near_tokens, far_divisor: for `rerope`; None takes its rule.
    """

    trained: int
    target: int
    factor: float
    native: bool = False
    gamma: float | None = None
    alpha: float | None = None
    factors: tuple[float, ...] = ()
    attention_factor: float = 1.0
    near_tokens: int | None = None
    far_divisor: float | None = None


def entry(method: Method, group: RopeGroup, request: ScalingRequest) -> Entry:
    """The entry of `rope_parameters` with which `method` scales `group`. Raises ExtendError for what cannot be."""
    kind = str((group.rope.scaling or {}).get("rope_type", "default"))
    if method in ("none", "rerope"):
        return group.parameters
    if kind == "proportional" and method not in ("linear", "ntk", "alpha"):
        raise ExtendError(
            f"This model rotates only a share of its pairs (proportional RoPE), which {method} does not support: use the "
            "method ntk or linear."
        )
    kept = dict(group.kept)
    written = {"rope_theta": group.rope.theta, **WRITERS[method](group, request)}
    return {"rope_type": written["rope_type"], "rope_theta": written["rope_theta"], **written, **kept}


def _linear(group: RopeGroup, request: ScalingRequest) -> Entry:
    """Position interpolation (Chen et al., 2306.15595): every angle divided by the factor."""
    kind = "proportional" if (group.rope.scaling or {}).get("rope_type") == "proportional" else "linear"
    return {"rope_type": kind, "factor": request.factor}


def _ntk(group: RopeGroup, request: ScalingRequest) -> Entry:
    """NTK-aware (bloc97, 2023): the base at which the slowest pair turns `factor` times slower, the fastest as before."""
    if group.rotary_dim < 4:
        raise ExtendError("With a single rotary pair, the base changes nothing: use the method linear.")
    return _at_base(group, group.rope.theta * ntk_aware_alpha(request.factor, group.rotary_dim))


def _dynamic(group: RopeGroup, request: ScalingRequest) -> Entry:
    """Dynamic NTK (emozilla, 2023): the base grows with the sequence, from the trained length on."""
    return {"rope_type": "dynamic", "factor": request.factor}


def _yarn(group: RopeGroup, request: ScalingRequest) -> Entry:
    """YaRN (Peng et al., 2309.00071): pairs that turn 32 times in the trained length stay, those below one are divided."""
    own = (group.rope.scaling or {}) if request.native else {}
    ramp = {name: own[name] for name in _YARN_FIELDS if own.get(name) is not None}
    return {**ramp, "rope_type": "yarn", "factor": request.factor, "original_max_position_embeddings": request.trained}


def _llama3(group: RopeGroup, request: ScalingRequest) -> Entry:
    """Llama 3.1's ramp, between four turns and one in the trained length."""
    own = dict(group.rope.scaling or {}) if request.native else {}
    return {
        "rope_type": "llama3",
        "factor": request.factor,
        "low_freq_factor": own.get("low_freq_factor", 1.0),
        "high_freq_factor": own.get("high_freq_factor", 4.0),
        "original_max_position_embeddings": request.trained,
    }


def _longrope(group: RopeGroup, request: ScalingRequest) -> Entry:
    """LongRoPE (Ding et al., 2402.13753): its factors were searched for one model and one length; there is no formula."""
    raise ExtendError(
        "LongRoPE has no formula: its factors are searched for one model and one length. Run `extend search`, or "
        "choose another method."
    )


def _alpha(group: RopeGroup, request: ScalingRequest) -> Entry:
    """The paper: base × α. With a target γ, α_opt = θ_design(γ, T)/θ; without one, the α that keeps γ, which is T/T_0."""
    if request.alpha is not None:
        alpha = request.alpha
    elif request.gamma is not None:
        alpha = alpha_opt(group.rope.theta, request.gamma, request.target)
    else:
        alpha = request.factor
    if not (isfinite(alpha) and alpha > 0 and alpha * group.rope.theta > 1.5):
        raise ExtendError(
            f"α = {alpha:g} times the base {group.rope.theta:g} is not a usable RoPE base: give a larger `alpha`."
        )
    return _at_base(group, group.rope.theta * alpha)


def _searched(group: RopeGroup, request: ScalingRequest) -> Entry:
    """Divisors found for this model; LongRoPE's form, the same within the trained length and beyond, says them exactly."""
    return as_longrope(request.factors, request.factor, request.attention_factor, request.trained)


def _at_base(group: RopeGroup, theta: float) -> Entry:
    kind = "proportional" if (group.rope.scaling or {}).get("rope_type") == "proportional" else "default"
    return {"rope_type": kind, "rope_theta": theta}


def default_near_tokens(trained: int) -> int:
    """How many tokens back keep their distance under Leaky ReRoPE: a quarter of the trained length."""
    return max(1, trained // 4)


def default_far_divisor(near_tokens: int, trained: int, target: int) -> float:
    """What divides the distance beyond `near_tokens`, so that the farthest key of the target stands at the trained length."""
    return max(1.0, (target - near_tokens) / max(1, trained - near_tokens))


def rerope_ranges(request: ScalingRequest) -> tuple[int, float]:
    """(near tokens, divisor of the distance beyond them) of Leaky ReRoPE (Su, 2023), as given or by the default rules.

    Raises ExtendError for values out of range.
    """
    near = default_near_tokens(request.trained) if request.near_tokens is None else request.near_tokens
    if isinstance(near, bool) or not isinstance(near, int) or not 0 < near <= request.trained:
        raise ExtendError(
            f"near = {near!r} is out of range: give a whole number of tokens between 1 and the trained {request.trained:,}."
        )
    divisor = request.far_divisor
    if divisor is None:
        divisor = default_far_divisor(near, request.trained, request.target)
    if not (isfinite(divisor) and divisor >= 1):
        raise ExtendError(
            f"slower = {divisor:g} is out of range: it divides the distance, so give a number of at least 1."
        )
    return near, float(divisor)


WRITERS: Final[Mapping[Method, Callable[[RopeGroup, ScalingRequest], Entry]]] = {
    "linear": _linear,
    "ntk": _ntk,
    "dynamic": _dynamic,
    "yarn": _yarn,
    "llama3": _llama3,
    "longrope": _longrope,
    "alpha": _alpha,
    "searched": _searched,
}


def as_longrope(divisors: Sequence[float], factor: float, attention_factor: float, trained: int) -> Entry:
    """Any divisors, one a pair, as an entry that transformers loads: type longrope, with both its lists alike."""
    return {
        "rope_type": "longrope",
        "factor": factor,
        "attention_factor": float(attention_factor),
        "short_factor": list(divisors),
        "long_factor": list(divisors),
        "original_max_position_embeddings": trained,
    }


def checked_factors(factors: Sequence[float], pairs: int) -> tuple[float, ...]:
    """`factors` as floats. Raises ExtendError unless there is a positive one for each pair, none smaller than the one of
    a faster pair: a slower pair that were stretched less would turn faster than its neighbour."""
    found = tuple(float(value) for value in factors)
    if len(found) != pairs:
        raise ExtendError(
            f"{len(found)} factors do not fit {pairs} pairs of rotary dimensions: give one for each pair."
        )
    if not all(isfinite(value) and value > 0 for value in found):
        raise ExtendError("A factor divides a frequency: give numbers above 0.")
    if any(later < earlier for earlier, later in pairwise(found)):
        raise ExtendError("The factors may not fall from the fastest pair to the slowest: give them in rising order.")
    return found
