"""Soft decay: a weight that fades to zero at a horizon, and the rule for when it was said to be worth using."""

from __future__ import annotations

from ropescope.questions.domains import Real
from ropescope.theory.arguments import POSITIVE_LENGTH
from ropescope.theory.constants import GAMMA_LIMIT
from ropescope.theory.formula import Argument, formula

_HORIZON = Argument("horizon_tokens", "horizon d_h", Real(above=0.0, at_most=1e21), "tokens")


@formula(
    symbol="w(d) = (1 − d/d_h)^γ",
    source="Part I, §26.8",
    definition="Weight of a key at distance d: (1 − d/d_h)^γ within the horizon, 0 from it on.",
    arguments=(
        Argument("gamma", "exponent of the fade", Real(at_least=0.0, at_most=GAMMA_LIMIT)),
        Argument("distance", "query–key distance d", Real(at_least=0.0, at_most=1e21), "tokens"),
        _HORIZON,
    ),
    standing="heuristic",
    worth="Lost to a hard window on one of three models; on another both were worse than no window at all.",
    example={"gamma": 0.75, "distance": 1000, "horizon_tokens": 2000},
)
def soft_decay_weight(gamma: float, distance: float, horizon_tokens: float) -> float:
    """The weight, 0 … 1; its logarithm is the additive attention bias.

    Raises `DomainError` for γ < 0, d < 0 or a horizon that is not positive. Source: Part I, §26.8.
    """
    if distance >= horizon_tokens:
        return 0.0
    # d_h − d is exact near the horizon, where 1 − d/d_h would lose digits.
    return float(((horizon_tokens - distance) / horizon_tokens) ** gamma)


@formula(
    symbol="d_h / (T_train/2): ≥ 1.2, ≥ 0.8, below",
    source="Part I, §26.8",
    definition=(
        "`applies` if d_h is at least 1.2 times half the trained length, `borderline` from 0.8, else `hard-cutoff`."
    ),
    arguments=(_HORIZON, POSITIVE_LENGTH),
    standing="contradicted",
    worth="Set by hand; of two published runs where it says yes, one gain is noise and worse than no window.",
    example={"horizon_tokens": 2042.5, "length": 2048},
)
def soft_decay_regime(horizon_tokens: float, length: float) -> str:
    """`applies`, `borderline` or `hard-cutoff`, with T_train as `length`.

    Raises `DomainError` for lengths that are not positive. Source: Part I, §26.8.
    """
    ratio = horizon_tokens / (0.5 * length)
    if ratio >= 1.2:
        return "applies"
    return "borderline" if ratio >= 0.8 else "hard-cutoff"
