"""Ratings against counts by hand, evalica's and statsmodels'."""

import numpy as np
import pytest

from ropescope.quality.ratings.davidson import ELO, Constraint, Votes, covariance, fit, inflation


def votes(n_models, *rows, **more):
    """Rows of (first, second, outcome, count)."""
    first, second, outcome, count = (np.array(column) for column in zip(*rows, strict=True))
    return Votes(n_models, first, second, outcome, np.zeros((len(first), 0)), weight=count.astype(float), **more)


def drawn(m=6, n=3000, ties=0.6, seed=0, **more):
    rng = np.random.default_rng(seed)
    beta = rng.normal(0, 0.6, m)
    first = rng.integers(0, m, n)
    second = (first + rng.integers(1, m, n)) % m
    lead = beta[first] - beta[second]
    weights = np.stack([np.exp(lead / 2), np.exp(-lead / 2), np.full(n, ties)])
    u = rng.random(n) * weights.sum(0)
    outcome = np.where(u < weights[0], 1, np.where(u < weights[0] + weights[1], -1, 0))
    return Votes(m, first, second, outcome, np.zeros((n, 0)), **more)


def names(values):
    return [f"m{value}" for value in values]


def test_two_models_by_hand():
    # log(60/40) and sqrt(1/60 + 1/40)
    found = fit(six := votes(2, (0, 1, 1, 60), (1, 0, 1, 40)))
    assert ELO * (found.beta[0] - found.beta[1]) == pytest.approx(70.4365, abs=1e-3)
    c = covariance(six, found)
    assert ELO * np.sqrt(c[0, 0] + c[1, 1] - 2 * c[0, 1]) == pytest.approx(ELO * np.sqrt(1 / 60 + 1 / 40), abs=1e-3)


def test_two_models_with_ties_by_hand():
    # Davidson with two models is saturated: e^d is 50/20, and ν is 30 / sqrt(50 · 20).
    found = fit(votes(2, (0, 1, 1, 50), (0, 1, -1, 20), (0, 1, 0, 30)))
    assert found.beta[0] - found.beta[1] == pytest.approx(np.log(50 / 20), abs=1e-5)
    assert np.exp(found.parameters[2]) == pytest.approx(30 / np.sqrt(50 * 20), abs=1e-5)


def test_ratings_are_evalicas():
    evalica = pytest.importorskip("evalica")
    label = {1: evalica.Winner.X, -1: evalica.Winner.Y, 0: evalica.Winner.Draw}
    for ties in (0, 0.6):
        v = drawn(ties=ties)
        peer = evalica.newman if ties else evalica.bradley_terry
        outcomes = [label[each] for each in v.outcome.tolist()]
        result = peer(names(v.first), names(v.second), outcomes, tolerance=1e-12, limit=10_000)
        theirs = np.log([result.scores[f"m{i}"] for i in range(6)])
        found = fit(v.counted())
        assert found.beta == pytest.approx(theirs - theirs.mean(), abs=1e-4)
        if ties:  # Newman writes Davidson's ν as 2 v
            assert np.exp(found.parameters[6]) == pytest.approx(2 * result.v, abs=1e-4)


def test_errors_are_statsmodels():
    sm = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(1)
    voter = rng.integers(0, 40, 3000)
    v = drawn(ties=0)
    design = np.zeros((3000, 6))
    design[np.arange(3000), v.first] += 1
    design[np.arange(3000), v.second] -= 1
    design = design[:, 1:]  # the first model is 0
    for ours, cov in (
        (v, {"cov_type": "HC0"}),
        (
            Votes(6, v.first, v.second, v.outcome, v.covariates, voter),
            {"cov_type": "cluster", "cov_kwds": {"groups": voter, "use_correction": False}},
        ),
    ):
        theirs = sm.GLM((v.outcome > 0).astype(float), design, family=sm.families.Binomial()).fit(**cov)
        found = fit(ours.counted())
        c = covariance(ours, found)
        to_first = np.eye(6)[1:] - np.eye(6)[0]
        scale = 1 if ours.voter is None else 40 / 39
        assert to_first @ found.beta == pytest.approx(theirs.params, abs=1e-4)
        assert to_first @ c @ to_first.T == pytest.approx(scale * theirs.cov_params(), rel=1e-3, abs=1e-5)


def test_a_covariate_is_estimated_and_one_that_the_models_explain_is_told():
    rng = np.random.default_rng(2)
    x = rng.normal(0, 1, (20_000, 1))
    first = rng.integers(0, 2, 20_000)
    win = rng.random(20_000) < 1 / (1 + np.exp(-0.5 * x[:, 0]))
    v = Votes(2, first, 1 - first, np.where(win, 1, -1), x)
    found = fit(v)
    assert found.parameters[-1] == pytest.approx(0.5, abs=0.06) and abs(found.beta[0]) < 0.05
    assert inflation(v, found)[0] < 1.1
    same = Votes(2, first, 1 - first, v.outcome, np.where(first == 0, 0.7, -0.7)[:, None])
    assert inflation(same, fit(same))[0] > 1e4
    nothing = Votes(2, first, 1 - first, v.outcome, np.zeros((20_000, 1)))
    assert inflation(nothing, fit(nothing)) == [None]


def test_a_constraint_holds_and_lowers_the_likelihood():
    v = drawn().counted()
    free, bound = fit(v), fit(v, Constraint(0, (1, 2), 0.25))
    assert bound.beta[0] - bound.beta[1:3].mean() == pytest.approx(0.25, abs=1e-9)
    assert bound.log_likelihood < free.log_likelihood
