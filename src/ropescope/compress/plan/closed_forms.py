"""Plans from the horizon d_h = θ√2(1−γ)/(1+γ) of a power law: a hard cut-off there, or soft decay towards it.

Part I, §26.8, gives a key at distance d the weight (1 − d/d_h)^γ, and none from d_h on; a hard cut-off gives weight 1 up to
there. Both keep the same tokens, those nearer than d_h. A plan says what a cache holds and leaves weights as they are: so
soft decay yields a shorter window, the one that holds a share of the attention d^−γ·(1 − d/d_h)^γ. The fade is not applied,
and what a plan says it keeps is the share of d^−γ.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import replace
from itertools import accumulate
from math import ceil
from typing import Literal, get_args

from ropescope.compress.plan.builder import PlanBuilder
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.target import DEFAULT_SINKS, Target
from ropescope.errors import PlanError
from ropescope.models.model import Model
from ropescope.theory.horizons import horizon
from ropescope.theory.soft_decay import soft_decay_regime, soft_decay_weight
from ropescope.theory.window import window_mass

Shape = Literal["hard", "soft"]

_SAYS: Mapping[str, str] = {
    "applies": "soft decay",
    "borderline": "soft decay, though not clearly",
    "hard-cutoff": "a hard cut-off",
}


def plan_from_horizon(
    gamma: float,
    model: Model,
    *,
    shape: Shape = "hard",
    keep_mass: float | None = None,
    length: int,
    sinks: int = DEFAULT_SINKS,
    cache_type: str | None = None,
) -> KVPlan:
    """The plan that cuts every head at its layer's horizon (hard), or where the share `keep_mass` of the attention that fades
    towards the horizon is held (soft); γ is one measured, since with γ_Padé(θ, T) the horizon is T again.

    Layers without a RoPE base have no horizon and keep everything. The horizon has stood no test: see claim C16
    and the formula `horizon`. Raises PlanError where a share is missing or has no use, DomainError unless |γ| < 1.
    """
    if shape not in get_args(Shape):
        raise PlanError(f"`shape` is {shape!r}: it is hard or soft.")
    if (keep_mass is None) == (shape == "soft"):
        raise PlanError(
            "Soft decay keeps a share of the attention: give `keep_mass`."
            if shape == "soft"
            else "A hard cut-off sets its own window: leave out `keep_mass` and `budget`."
        )
    if keep_mass is not None:
        Target(keep_mass=keep_mass)
    builder = PlanBuilder.of(model, length, sinks, cache_type, latents=True)
    bases = {layer.index: None if layer.rope is None else layer.rope.theta for layer in model.layers}
    thetas = {theta for index, theta in bases.items() if index in builder.planned and theta is not None}
    if not thetas:
        raise PlanError(f"{model.name} has no rotary positions, and so no horizon: give `keep_mass` without `shape`.")
    found = {theta: min(_window(gamma, theta, length, keep_mass), length - sinks) for theta in thetas}
    windows: dict[int, list[int]] = {}
    kept: dict[int, list[float]] = {}
    for index in builder.planned:
        heads, theta = builder.heads(index), bases[index]
        window = length - sinks if theta is None else found[theta]
        windows[index] = [window] * heads
        kept[index] = [window_mass(gamma, length, window)] * heads
    horizons = sorted(horizon(theta, gamma) for theta in thetas)
    target = {"shape": shape, **({} if keep_mass is None else {"keep_mass": keep_mass})}
    plan = builder.plan(windows, kept, Target(budget_share=1.0), _how(gamma, shape, horizons, model), "formula")
    return replace(plan, target=target)


def _window(gamma: float, theta: float, length: int, keep_mass: float | None) -> int:
    """The window in tokens: what is nearer than the horizon, or what holds the share of the attention that fades."""
    reach = horizon(theta, gamma)
    nearer = min(ceil(reach), length)
    if keep_mass is None:
        return nearer
    fading = list(accumulate(d**-gamma * soft_decay_weight(gamma, d, reach) for d in range(1, nearer + 1)))
    # With a horizon of a token or less nothing has weight; the newest token stays.
    return 1 + bisect_left(fading, keep_mass * fading[-1] * (1 - 1e-12))


def _how(gamma: float, shape: Shape, horizons: list[float], model: Model) -> str:
    where = " and ".join(f"{reach:,.0f}" for reach in horizons)
    text = f"closed form, horizon d_h(θ, γ = {gamma:.4g}) of {where} tokens, {shape}, the same in all heads of a layer"
    trained = model.context_length
    if trained is None:
        return text
    says = " and ".join(dict.fromkeys(_SAYS[soft_decay_regime(reach, trained)] for reach in horizons))
    return f"{text}; for {trained:,} trained tokens the rule calls for {says}"
