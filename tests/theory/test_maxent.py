"""The exponent from E[ln d], and the proof that the power law is the law of largest entropy with that mean."""

import math
import random

import mpmath as mp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropescope import theory
from ropescope.errors import DomainError


@pytest.mark.parametrize(
    ("c", "gamma", "rel"),
    [
        (3, 1.0967289576, 1e-10),
        (4, 0.9125873853554916, 1e-14),
        (5, 0.7083558564615979, 1e-14),
        (6, 0.39740059791835247, 1e-14),
        (4.815971263428796, 0.75, 1e-14),
    ],
)
def test_points(c, gamma, rel):
    assert theory.exponent_from_mean_log_distance(c, 2000) == pytest.approx(gamma, rel=rel)


def test_uniform_mean_gives_zero():
    c = math.lgamma(2001) / 2000
    assert c == pytest.approx(6.603262175256903, rel=1e-15)
    assert theory.exponent_from_mean_log_distance(c, 2000) == pytest.approx(0, abs=1e-14)


@settings(max_examples=120, deadline=None)
@given(st.floats(-19.9, 19.9), st.one_of(st.integers(2, 60), st.floats(0.4, 12).map(lambda e: int(10**e))))
def test_inverts_the_mean_to_what_doubles_can_hold(reference, gamma, n):
    with mp.workdps(50):
        c = float(reference.power_moments(gamma, n)[1])
    try:
        found = theory.exponent_from_mean_log_distance(c, n)
    except DomainError:
        # Rounding c can put it beyond the last mean that |γ| ≤ 20 reaches.
        assert c >= math.log(n) * (1 - 1e-15)
        return
    doubt = 4 * math.ulp(c) / theory.fisher_information(gamma, n)
    assert abs(found - gamma) <= 1e-12 * max(1, abs(gamma)) + doubt


@pytest.mark.parametrize(("c", "n"), [(0.0, 100), (8.0, 2000), (1e-9, 100), (math.log(2000), 2000), (1.0, 1)])
def test_a_mean_no_law_has_is_refused(c, n):
    with pytest.raises(DomainError, match=r"mean_log_distance = |n_tokens = "):
        theory.exponent_from_mean_log_distance(c, n)


def _laws_with_the_same_mean(p, logs, rng):
    """Random laws q ≠ p on the same support with Σq = 1 and Σ q ln d = Σ p ln d, all positive."""
    while True:
        v = [rng.gauss(0, 1) for _ in p]
        # Take out the two directions that would change Σq or E[ln d].
        n, sl, sll = len(p), sum(logs), sum(x * x for x in logs)
        sv, svl = sum(v), sum(a * x for a, x in zip(v, logs, strict=True))
        b = (n * svl - sl * sv) / (n * sll - sl * sl)
        a = (sv - b * sl) / n
        v = [w - a - b * x for w, x in zip(v, logs, strict=True)]
        room = min(q / -w for q, w in zip(p, v, strict=True) if w < 0)
        step = rng.uniform(0.05, 0.95) * room
        yield [q + step * w for q, w in zip(p, v, strict=True)]


def test_the_power_law_has_the_largest_entropy_of_all_laws_with_its_mean_log_distance():
    """For every such q: −Σ q ln p = ln Z + γ E_q[ln d] = S(p), since ln p is linear in ln d, so S(p) − S(q) = KL(q‖p),
    which is positive unless q = p (Gibbs). The test holds both halves of the argument on laws chosen at random."""
    rng = random.Random(7)
    for gamma, n in ((-0.5, 40), (0.4, 300), (0.75, 2000), (1.0, 500), (1.6, 100)):
        logs = [math.log(d) for d in range(1, n + 1)]
        z = theory.partition_function(gamma, n)
        p = [math.exp(-gamma * x) / z for x in logs]
        entropy = theory.entropy(gamma, n)
        laws = _laws_with_the_same_mean(p, logs, rng)
        for _ in range(20):
            q = next(laws)
            cross = -math.fsum(b * math.log(a) for a, b in zip(p, q, strict=True))
            assert cross == pytest.approx(entropy, rel=1e-10)
            divergence = math.fsum(b * math.log(b / a) for a, b in zip(p, q, strict=True))
            entropy_q = -math.fsum(b * math.log(b) for b in q)
            assert divergence > 0
            assert entropy - entropy_q == pytest.approx(divergence, rel=1e-6, abs=1e-11)


def test_a_general_optimiser_finds_the_same_law():
    """Without using the form of the answer: maximise the entropy over all laws on 1 … 12 with E[ln d] = 1.2."""
    import numpy as np
    from scipy.optimize import minimize

    logs = np.log(np.arange(1, 13))
    found = minimize(
        lambda q: float(np.sum(q * np.log(q))),
        np.full(12, 1 / 12),
        jac=lambda q: np.log(q) + 1,
        bounds=[(1e-9, 1)] * 12,
        constraints=[{"type": "eq", "fun": lambda q: q.sum() - 1}, {"type": "eq", "fun": lambda q: q @ logs - 1.2}],
        options={"ftol": 1e-14, "maxiter": 500},
        method="SLSQP",
    )
    gamma = theory.exponent_from_mean_log_distance(1.2, 12)
    law = np.exp(-gamma * logs) / theory.partition_function(gamma, 12)
    assert found.x == pytest.approx(law, abs=1e-5)
