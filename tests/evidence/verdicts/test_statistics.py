"""The statistics against scipy, statsmodels and cases worked out by hand."""

import numpy as np
import pytest
from scipy import stats

from ropescope.errors import EvidenceError
from ropescope.evidence.verdicts.statistics import (
    aicc,
    bic,
    cluster_interval,
    correlation,
    others_mean,
    permutation_p,
    r2_of_prediction,
    regress,
)

RNG = np.random.default_rng(5)


def test_an_interval_of_a_mean_is_that_of_theory():
    sample = RNG.normal(size=400)
    low, high = cluster_interval(np.mean, [str(i) for i in range(400)], sample)
    expected = stats.norm.interval(0.95, sample.mean(), sample.std() / 20)
    assert (low, high) == pytest.approx(expected, abs=0.012)


def test_clusters_widen_the_interval_of_doubled_data():
    sample = RNG.normal(size=60)
    doubled, labels = np.repeat(sample, 4), np.repeat([f"m{i}" for i in range(60)], 4)
    apart = cluster_interval(np.mean, [str(i) for i in range(240)], doubled)
    together = cluster_interval(np.mean, list(labels), doubled)
    # Four copies of a value are one value: the honest interval is twice as wide.
    assert np.diff(together)[0] / np.diff(apart)[0] == pytest.approx(2, rel=0.12)


def test_six_clusters_have_about_students_interval():
    """Plain percentiles of six reach 1.96·√(5/6) standard errors, where Student's t reaches 2.57."""
    values = np.array([-1.6, -0.9, -0.2, 0.3, 1.0, 1.4])
    low, high = cluster_interval(np.mean, list("abcdef"), values)
    half = stats.t.ppf(0.975, 5) * values.std(ddof=1) / np.sqrt(6)
    assert 0.85 * half < (high - low) / 2 < 1.05 * half


def test_few_clusters_are_refused():
    with pytest.raises(EvidenceError, match="4 independent units are too few"):
        cluster_interval(np.mean, list("aabbccdd"), np.arange(8.0))
    with pytest.raises(EvidenceError, match="has no value in"):
        cluster_interval(correlation, list("abcdef"), [0, 0, 0, 0, 0, 1.0], np.arange(6.0))


def test_permutation_agrees_with_scipy_where_each_stands_alone():
    x = RNG.normal(size=20)
    y = 0.4 * x + RNG.normal(size=20)
    exact = stats.permutation_test(
        (x,),
        lambda a: abs(correlation(a, y)),
        permutation_type="pairings",
        n_resamples=5000,
        alternative="greater",
        rng=RNG,
    )
    ours = permutation_p(correlation, x, y, [str(i) for i in range(20)])
    assert ours == pytest.approx(exact.pvalue, abs=0.03)


def test_permutation_moves_whole_clusters():
    # Eight models, each measured ten times: within a model x and y are constant, so there are eight points and not eighty.
    x, y = np.repeat(RNG.normal(size=8), 10), np.repeat(RNG.normal(size=8), 10)
    labels = [f"m{i // 10}" for i in range(80)]
    apart = stats.pearsonr(x, y).pvalue
    eight = stats.pearsonr(x[::10], y[::10]).pvalue
    assert permutation_p(correlation, x, y, labels) == pytest.approx(eight, abs=0.06)
    assert abs(eight - apart) > 0.1


def test_others_mean_leaves_the_whole_model_out():
    values = others_mean([1, 3, 5, 7, 9, 11, 100], ["a", "a", "b", "c", "d", "e", "e"])
    assert values[0] == values[1] == pytest.approx((5 + 7 + 9 + 111) / 5)
    assert values[-1] == pytest.approx((1 + 3 + 5 + 7 + 9) / 5)


def test_left_out_r2_is_what_refitting_gives():
    x, z = RNG.normal(size=15), RNG.normal(size=15)
    y = x - 0.5 * z + RNG.normal(size=15)
    fit = regress(y, x=x, z=z)
    design = np.column_stack([np.ones(15), x, z])
    predicted = []
    for i in range(15):
        kept = np.arange(15) != i
        predicted.append(design[i] @ np.linalg.lstsq(design[kept], y[kept], rcond=None)[0])
    assert fit.r2_left_out == pytest.approx(r2_of_prediction(y, predicted), rel=1e-10)
    assert fit.coefficients[1] == pytest.approx(np.linalg.lstsq(design, y, rcond=None)[0][1], rel=1e-10)
    alone = np.eye(15)[3]
    assert regress(y, x=x, alone=alone).r2_left_out is None, "left out, it has no coefficient"
    with pytest.raises(EvidenceError, match="3 observations are too few for 2 coefficients"):
        regress(y[:3], x=x[:3])


def test_aicc_by_hand():
    # n = 7, one slope and an intercept: k = 3 with the variance, correction 2·3·4/3 = 8.
    assert aicc(0.7, 7, 2) == pytest.approx(7 * np.log(0.1) + 6 + 8)
    assert aicc(0.7, 4, 2) == float("inf")


def test_bic_by_hand():
    assert bic(0.7, 7, 2) == pytest.approx(7 * np.log(0.1) + 3 * np.log(7))


def test_clusters_make_errors_robust_and_are_left_out_whole():
    import statsmodels.api as sm

    rng = np.random.default_rng(3)  # its own, whichever tests came before: a few draws hide what clusters do
    models = [f"m{i // 2}" for i in range(24)]
    shared = np.repeat(rng.normal(size=12), 2)
    x = np.repeat(rng.normal(size=12), 2)
    y = 0.3 * x + shared + 0.1 * rng.normal(size=24)
    fit = regress(y, models, x=x)
    design = sm.add_constant(x)
    groups = np.arange(24) // 2
    robust = sm.OLS(y, design).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    assert fit.standard_errors == pytest.approx(tuple(robust.bse))
    assert fit.standard_errors[1] > 1.2 * regress(y, x=x).standard_errors[1], "two measurements of a model are not two"
    predicted = np.empty(24)
    for i in range(12):
        out = groups == i
        predicted[out] = design[out] @ np.linalg.lstsq(design[~out], y[~out], rcond=None)[0]
    assert fit.r2_left_out == pytest.approx(r2_of_prediction(y, predicted))
    alone = (groups == 3).astype(float)
    assert regress(y, models, x=x, alone=alone).r2_left_out is None
