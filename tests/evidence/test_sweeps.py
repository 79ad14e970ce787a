"""Knees are read off sweeps as by hand, and the shipped sweeps are whole."""

from __future__ import annotations

import numpy as np
import pytest

from ropescope.evidence.sweeps import Sweep, cache_sweeps, named_budgets


def sweep(added: list[list[float]], budgets: tuple[float, ...] = (0.2, 0.4, 0.6)) -> Sweep:
    texts = tuple(f"text {i}" for i in range(len(added)))
    return Sweep("model", 2112, "method", texts, np.full(len(added), 2.0), np.array(budgets), np.array(added))


@pytest.mark.parametrize(
    ("added", "knee"),
    [
        ([[0.10, 0.03, 0.01]], 0.5),  # 0.02 is 1 % of 2: halfway between 0.03 at 40 % and 0.01 at 60 %
        ([[0.10, 0.06, 0.04]], 0.8),  # straight on to nothing at the whole cache
        ([[0.01, 0.0, 0.0]], 0.2),  # the smallest budget is enough
        ([[0.06, 0.00, 0.02]], 0.2 + 0.2 * 0.04 / 0.05),  # 0 and 0.02 are one level of 0.01 once made monotone
        ([[0.20, 0.03, 0.00], [0.00, 0.03, 0.02]], 0.5),  # of means, not of texts
    ],
)
def test_knees_by_hand(added: list[list[float]], knee: float) -> None:
    assert sweep(added).knee() == pytest.approx(knee)


def test_knee_of_some_texts() -> None:
    both = sweep([[0.10, 0.03, 0.01], [0.01, 0.0, 0.0]])
    assert both.knee(np.array([1, 1])) == pytest.approx(0.2)


def test_shipped_sweeps_are_whole() -> None:
    sweeps = cache_sweeps()
    lengths = {found.length for found in sweeps}
    assert lengths == {row["length"] for row in named_budgets()}
    for length in lengths:
        of_length = [found for found in sweeps if found.length == length]
        assert len({found.texts for found in of_length}) == 1  # methods are paired over the same texts
        kinds = [name.split()[0] for name in of_length[0].texts]
        assert len(kinds) >= 24 and set(kinds) == {"prose", "code", "table"}
        assert all(np.isfinite(found.added).all() and found.added.shape[1] == len(found.budgets) for found in of_length)
