"""The options of a plan, and which method takes which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ropescope.errors import ExtendError
from ropescope.extend.plan.rope_plan import Method

Factors = Sequence[float] | Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """Options of `plan_extension` beside the target and the method.

    factor: another stretch than target over trained length. gamma, alpha: for `alpha`, the target γ or the multiplier of the
    base. factors, attention_factor: for `searched`, one divisor a pair (one list, or one by layer type). near, slower: for
    `rerope`, the tokens back that keep their distance, and the divisor of the distance beyond. trained: the trained length,
    which overrides the files. in_config: `auto` chooses only what a config can state, for any engine.
    """

    factor: float | None = None
    gamma: float | None = None
    alpha: float | None = None
    factors: Factors = ()
    attention_factor: float = 1.0
    near: int | None = None
    slower: float | None = None
    trained: int | None = None
    in_config: bool = True


def check_options(method: Method, options: PlanOptions) -> None:
    """Raises ExtendError for options of another method, for two that exclude each other, and for values out of range."""
    given = {"gamma": options.gamma is not None, "alpha": options.alpha is not None}
    if (wrong := next((name for name, there in given.items() if there), None)) and method != "alpha":
        raise ExtendError(f"{wrong} is an option of the method alpha, not of {method}.")
    if all(given.values()):
        raise ExtendError("Give gamma, from which α follows, or alpha itself, not both.")
    if options.gamma is not None and not -1 < options.gamma < 1:
        raise ExtendError(f"`gamma` = {options.gamma:g} has no base: θ_design is defined between -1 and 1.")
    if method == "searched" and not options.factors:
        raise ExtendError("The method searched needs factors: run `extend search`, which finds them on the weights.")
    if method != "rerope" and not (options.near is None and options.slower is None):
        raise ExtendError(f"near and slower are options of the method rerope, not of {method}.")
    if method != "searched" and (options.factors or options.attention_factor != 1.0):
        raise ExtendError(f"Factors for each pair are an option of the method searched, not of {method}.")
    if not 0 < options.attention_factor < 100:
        raise ExtendError(f"An attention factor of {options.attention_factor:g} is out of range: give a number near 1.")
    if options.factor is not None and method in ("none", "alpha", "searched", "rerope"):
        raise ExtendError(f"The method {method} has no factor: remove `factor`.")
