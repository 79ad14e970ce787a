"""Krippendorff's alpha by hand and against evalica."""

import random

import pytest

from ropescope.checks.judging.arena.agreement import agreement


def test_by_hand_and_where_there_is_none():
    # Two voters, three items: they agree on two of three. Values: 3 × a, 3 × b.
    found = agreement([(0, 1, "a"), (0, 2, "a"), (1, 1, "b"), (1, 2, "b"), (2, 1, "a"), (2, 2, "b"), (3, 1, "a")])
    # D_o = 2/6, D_e = 2·3·3 / (6·5)
    assert (
        found.units == 3
        and found.share == pytest.approx(2 / 3)
        and found.alpha == pytest.approx(1 - (2 / 6) / (18 / 30))
    )
    assert agreement([(0, 1, "a"), (1, 2, "b"), (0, 1, "b")]) is None
    assert agreement([(0, 1, "a"), (0, 2, "a")]).alpha is None


def test_alpha_is_evalicas():
    evalica, pandas = pytest.importorskip("evalica"), pytest.importorskip("pandas")
    rng = random.Random(0)
    votes = [(unit, voter, rng.choice((1, 1, 0, -1))) for unit in range(40) for voter in range(5) if rng.random() < 0.5]
    table = pandas.DataFrame(float("nan"), index=range(5), columns=range(40))
    for unit, voter, value in votes:
        table.loc[voter, unit] = value
    assert agreement(votes).alpha == pytest.approx(evalica.alpha(table).alpha, abs=1e-9)
