"""Paired statistics against hand-counted values, scipy and statsmodels."""

from __future__ import annotations

import random
from math import sqrt

import numpy as np
import pytest
from scipy import optimize, stats

from ropescope.checks.judging.paired import (
    Document,
    bootstrap,
    compare,
    flips,
    mcnemar,
    needed_documents,
    smallest_gap,
    tango,
)
from ropescope.checks.judging.scores import holm


def test_mcnemar_is_exact() -> None:
    from statsmodels.stats.contingency_tables import mcnemar as peer_mcnemar

    assert mcnemar(10, 30) == pytest.approx(0.0022, abs=5e-5)
    assert mcnemar(14, 6) == pytest.approx(0.115, abs=5e-4)
    assert mcnemar(0, 0) == 1 and mcnemar(7, 7) == 1
    for wins, losses in ((3, 9), (40, 22), (1500, 1380), (0, 6)):
        table = [[50, wins], [losses, 50]]
        assert mcnemar(wins, losses) == pytest.approx(peer_mcnemar(table, exact=True).pvalue, rel=1e-9)


@pytest.mark.parametrize(("n", "wins", "losses"), [(200, 14, 6), (60, 0, 31), (44, 0, 1), (50, 12, 2), (60, 0, 0)])
def test_tango_solves_the_score_equation(n: int, wins: int, losses: int) -> None:
    def score(gap: float) -> float:
        """The score statistic, with the likelihood under `gap` maximised numerically over the share that is lost."""
        low, high = max(0.0, -gap) + 1e-12, (1 - gap) / 2 - 1e-12

        def minus_likelihood(lost: float) -> float:
            same = n - wins - losses
            rest = max(1 - 2 * lost - gap, 1e-300)
            return -(wins * np.log(lost + gap + 1e-300) + losses * np.log(lost + 1e-300) + same * np.log(rest))

        lost = optimize.minimize_scalar(
            minus_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-12}
        ).x
        return (wins - losses - n * gap) / sqrt(n * (2 * lost + gap - gap * gap))

    for end, target in zip(tango(n, wins, losses), (1.959964, -1.959964), strict=True):
        assert score(end) == pytest.approx(target, abs=2e-3)


def test_the_interval_of_no_change_is_not_empty() -> None:
    # z² / (n + z²) with no document that differs.
    assert tango(60, 0, 0)[1] == pytest.approx(3.841459 / 63.841459, abs=1e-6)


def test_the_smallest_gap_is_the_first_that_the_exact_test_finds() -> None:
    # Of 20 that differ, 15 to 5 is p 0.041 and 14 to 6 is p 0.115.
    assert smallest_gap(200, 20) == pytest.approx(10 / 200)
    assert smallest_gap(200, 5) is None  # five to none is p 0.0625


def test_fewer_than_six_documents_that_differ_never_decide() -> None:
    assert needed_documents(1, 1, 0) == 6 and mcnemar(5, 0) > 0.05 > mcnemar(6, 0)


def test_needed_documents_find_the_gap_four_times_in_five() -> None:
    n = needed_documents(200, 14, 6)
    assert n == 489
    differing, wins_share = round(n * 0.1), 0.7
    found = [k for k in range(differing + 1) if mcnemar(k, differing - k) < 0.05]
    # The exact test gives a little of the power away.
    assert 0.72 < stats.binom.pmf(found, differing, wins_share).sum() < 0.83


def test_exchanging_documents_agrees_with_scipy() -> None:
    changes = [0.4, -0.1, 0.3, 0.25, 0.0, -0.05, 0.2, 0.15, 0.3]
    peer = stats.permutation_test((changes,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert flips(changes) == pytest.approx(peer.pvalue)
    # Of changes that are all alike, it is McNemar's test.
    assert flips([1.0] * 9 + [-1.0] * 3) == pytest.approx(mcnemar(9, 3))
    rng = random.Random(1)
    many = [rng.gauss(0.1, 1) for _ in range(501)]
    assert flips(many) == pytest.approx(stats.ttest_1samp(many, 0).pvalue, abs=0.02)


def test_the_bootstrap_covers_as_students_t() -> None:
    rng = random.Random(2)
    documents = [Document(rng.random(), rng.random() + 0.1) for _ in range(40)]
    changes = [one.second - one.first for one in documents]
    peer = stats.t.interval(0.95, 39, np.mean(changes), stats.sem(changes))
    assert bootstrap(documents) == pytest.approx(peer, abs=0.03)
    assert bootstrap(documents) == bootstrap(documents)


def test_a_document_of_many_parts_is_one_unit() -> None:
    # 8 documents of 50 identical parts say as much as 8 documents, not as 400.
    single = [Document(0.0, 1.0)] * 6 + [Document(1.0, 0.0)] * 2
    parts = [Document(50 * one.first, 50 * one.second, 50) for one in single]
    assert compare(parts).p == pytest.approx(compare(single).p) == pytest.approx(mcnemar(6, 2))
    assert compare(parts).difference == pytest.approx(0.5) and compare(parts).n == 8


def test_holm_agrees_with_statsmodels() -> None:
    from statsmodels.stats.multitest import multipletests

    p = [0.01, 0.04, 0.03, 0.2, 0.005]
    assert holm(p) == pytest.approx(list(multipletests(p, method="holm")[1]))
