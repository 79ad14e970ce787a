"""Simultaneous intervals, ranks, and ends where the likelihood has no maximum."""

import numpy as np
import pytest
from scipy.stats import binomtest

from ropescope.quality.ratings.davidson import ELO, Votes
from ropescope.quality.ratings.ranks import Ratings, groups


def votes(n_models, *rows):
    first, second, outcome, count = (np.array(column) for column in zip(*rows, strict=True))
    return Votes(n_models, first, second, outcome, np.zeros((len(first), 0)), weight=count.astype(float))


def test_sixty_to_forty_is_sure_and_fifty_five_is_not():
    sure, open_ = (Ratings(votes(2, (0, 1, 1, won), (0, 1, -1, 100 - won))) for won in (60, 55))
    d = sure.difference(0, (1,))
    assert [round(ELO * each, 1) for each in (d.value, d.low, d.high)] == [70.4, 0.9, 139.9]
    assert sure.ranks == [(1, 1), (2, 2)]
    d = open_.difference(0, (1,))
    assert ELO * d.value == pytest.approx(34.9, abs=0.05) and ELO * (d.high - d.value) == pytest.approx(68.4, abs=0.05)
    assert open_.ranks == [(1, 2), (1, 2)]
    # ((1.96 + 0.8416) · 0.2010 / 0.2007)² · 100
    assert open_.votes_to_tell(0, 1) == pytest.approx(787.5, abs=0.5)


def test_the_critical_value_of_balanced_votes_is_tukeys():
    rows = [(i, j, outcome, 100) for i in range(4) for j in range(i) for outcome in (1, -1)]
    # The studentised range of 4 means: q(0.95; 4, ∞) = 3.633.
    assert Ratings(votes(4, *rows)).critical == pytest.approx(3.633 / np.sqrt(2), abs=0.03)


def test_a_model_without_a_loss_has_the_end_of_the_exact_test():
    ten = Ratings(votes(2, (0, 1, 1, 10)))
    d = ten.difference(0, (1,))
    share = binomtest(10, 10).proportion_ci().low  # Clopper and Pearson
    assert d.value is None and d.high is None and d.low == pytest.approx(np.log(share / (1 - share)), abs=1e-3)
    assert ten.ranks == [(1, 1), (2, 2)]
    for wins in (3, 5, 6):
        sure = binomtest(wins, wins).pvalue < 0.05
        assert Ratings(votes(2, (0, 1, 1, wins))).ranks == ([(1, 1), (2, 2)] if sure else [(1, 2), (1, 2)])
    one = Ratings(votes(2, (0, 1, 1, 1)))
    assert one.ranks == [(1, 2), (1, 2)]


def test_a_model_without_a_win_is_told_apart_from_those_with_many_votes_only():
    close = ((0, 1, 1, 60), (0, 1, -1, 40))
    twenty = Ratings(votes(3, *close, (0, 2, 1, 10), (1, 2, 1, 10)))
    assert twenty.ranks == [(1, 1), (2, 2), (3, 3)] and twenty.groups == [(0, 1), (2,)]
    two = Ratings(votes(3, *close, (0, 2, 1, 1), (1, 2, 1, 1)))
    # Two models that lost to the same one, and never met, are not compared.
    apart = Ratings(votes(4, *close, (0, 2, 1, 20), (0, 3, 1, 20)))
    assert two.ranks == [(1, 2), (2, 3), (1, 3)]
    assert not apart.ahead[2, 3] and not apart.ahead[3, 2] and apart.difference(2, (3,)).low is None


def test_groups_by_votes_and_by_chains_of_wins():
    v = votes(5, (0, 1, 1, 1), (2, 3, 1, 1), (2, 3, -1, 1), (3, 4, 1, 1))
    assert groups(v) == [(2, 3, 4), (0, 1)]
    assert groups(v, strong=True) == [(2, 3), (0,), (1,), (4,)]


def test_ties_and_wins_of_one_side_only_have_no_maximum():
    # Profile over τ: 60 · log σ(δ) = log 0.025.
    ahead = Ratings(votes(2, (0, 1, 1, 60), (0, 1, 0, 40)))
    assert ahead.difference(0, (1,)).low == pytest.approx(-np.log(0.025 ** (-1 / 60) - 1), abs=1e-3)
    assert Ratings(votes(2, (0, 1, 1, 1), (0, 1, 0, 1))).ranks == [(1, 2), (1, 2)]
    # A chain of wins of 2 steps beside a tie of its ends has a maximum.
    chain = ((0, 1, 1, 5), (1, 2, 1, 5), (0, 2, 0, 5))
    assert groups(votes(3, *chain), strong=True) == [(0, 1, 2)]
    found = Ratings(votes(3, *chain)).difference(0, (2,))
    assert found.value is not None and found.high is not None and found.high < 20
