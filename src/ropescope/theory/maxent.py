"""Maximum entropy: the law of largest entropy on 1 … N with a given E[ln d] is the power law, and c = E[ln d] fixes γ.

The map c ↦ γ is also the maximum-likelihood estimator of the exponent, since the mean of ln d is sufficient for it.
What no step derives is the value of c for a trained network: the argument gives the shape, not the exponent.
"""

from __future__ import annotations

from math import log, log2
from typing import NoReturn

from ropescope.errors import DomainError
from ropescope.questions.domains import Real, Whole
from ropescope.theory.constants import GAMMA_LIMIT, TOKENS_LIMIT
from ropescope.theory.formula import Argument, formula
from ropescope.theory.zeta_sums import moments_from_last, moments_from_one


@formula(
    symbol="γ(c, N): U(γ, N) = c",
    source="Part I (maximum-entropy step); Visser 2013, arXiv:1212.5567",
    definition="The exponent whose power law on 1 … N has mean log distance c.",
    arguments=(
        Argument("mean_log_distance", "E[ln d], strictly between 0 and ln N", Real(above=0.0, below=28.0), "nats"),
        Argument("n_tokens", "number of distances N, 1 … N", Whole(2, TOKENS_LIMIT), "tokens"),
    ),
    standing="exact",
    worth="Unique and exact; as an estimator it is the maximum-likelihood exponent, better than a log–log fit.",
    example={"mean_log_distance": 5.0, "n_tokens": 2000},
)
def exponent_from_mean_log_distance(mean_log_distance: float, n_tokens: int) -> float:
    """The γ with U(γ, N) = c, by a bracketed Newton iteration.

    The error is at most 1e-12·max(1, |γ|) plus what four roundings of c can do, 4 ulp(c) / Var(ln d): near c = ln N the
    data themselves no longer hold γ to twelve digits. Raises `DomainError` where c is not reached for |γ| ≤ 20.
    Source: Part I (maximum-entropy step).
    """
    log_n = log(n_tokens)
    target, far = mean_log_distance, log_n - mean_log_distance
    if far <= 0.0:
        _refuse(target, n_tokens)
    low, high = -GAMMA_LIMIT, GAMMA_LIMIT
    gamma = _first_guess(target, far, log_n)
    for _ in range(80):
        # Newton's iteration on the logarithm of what is small at that end, ln U or ln(ln N − U): nearly a straight
        # line in γ for steep laws, and it keeps the relative precision of the small quantity.
        if gamma > 1.0:
            moments = moments_from_one(gamma, n_tokens)
            step = log(moments.mean / target) * moments.mean / moments.variance
        else:
            moments = moments_from_last(gamma, n_tokens)
            step = log(far / moments.mean) * moments.mean / moments.variance
        if step > 0.0:
            low = gamma
        elif step < 0.0:
            high = gamma
        following = gamma + step
        if abs(step) < 1e-7 * max(1.0, abs(gamma)) and -GAMMA_LIMIT <= following <= GAMMA_LIMIT:
            # Newton squares the error: what is left is below the last digit.
            return following
        if not low < following < high:
            if (following >= GAMMA_LIMIT == high) or (following <= -GAMMA_LIMIT == low):
                _check_reach(target, n_tokens)
            following = 0.5 * (low + high)
        gamma = following
    return gamma


def _first_guess(target: float, far: float, log_n: float) -> float:
    """The exponent to a few per cent or, for steep laws, to about one."""
    if target < 0.6 and target < 0.2 * log_n:
        return min(19.0, log2(1.0 + 1.4 / target))
    # The continuous law e^{(1−γ)x} on [0, ln N] is a tilted uniform one; its tilt is the inverse Langevin function of
    # the mean (Cohen's approximant).
    t = (target - far) / log_n
    gamma = 1.0 - 2.0 * t * (3.0 - t * t) / ((1.0 - t * t) * log_n)
    return max(-19.0, min(19.0, gamma))


def _check_reach(target: float, n_tokens: int) -> None:
    at_low = log(n_tokens) - moments_from_last(-GAMMA_LIMIT, n_tokens).mean
    at_high = moments_from_one(GAMMA_LIMIT, n_tokens).mean
    if not at_high <= target <= at_low:
        _refuse(target, n_tokens)


def _refuse(target: float, n_tokens: int) -> NoReturn:
    at_low = log(n_tokens) - moments_from_last(-GAMMA_LIMIT, n_tokens).mean
    at_high = moments_from_one(GAMMA_LIMIT, n_tokens).mean
    raise DomainError(
        f"mean_log_distance = {target!r} is outside the domain: with n_tokens = {n_tokens} it must be real, "
        f"in [{at_high:.6g}, {at_low:.6g}], the means that exponents within ±{GAMMA_LIMIT:g} reach."
    )
