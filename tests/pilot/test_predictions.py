"""What is confirmed, contradicted and unclear, on tables of γ that are made up in each direction."""

from __future__ import annotations

import random
from math import log, sqrt
from statistics import fmean, stdev

import pytest

from ropescope.errors import InputError
from ropescope.pilot.predictions import (
    SLOPE,
    Range,
    judge,
    level_of,
    predicted_slope,
    predictions,
    seeds_to_decide,
    statistics,
)
from ropescope.quality.intervals import Interval, t_95
from ropescope.theory.decay import gamma_pade

THETAS = (500.0, 2000.0, 1e4, 1e5, 1e6)
LENGTH = 512


def standings(law: object, noise: float, seeds: int = 5, shared: float = 0.0) -> dict[str, str]:
    """What is said of networks whose γ follows `law`, with noise of their own and noise that the arms of a seed share."""
    rng = random.Random(0)
    common = [rng.gauss(0, shared) for _ in range(seeds)]
    gammas = {theta: [law(theta) + c + rng.gauss(0, noise) for c in common] for theta in THETAS}  # type: ignore[operator]
    return {
        j.statement.name.split(",")[0]: j.standing for j in judge(predictions(THETAS, LENGTH)[1:], statistics(gammas))
    }


def pade(theta: float) -> float:
    return gamma_pade(theta, float(LENGTH))


def test_what_is_said_beforehand() -> None:
    """γ_Padé = (2θ − T√2)/(2θ + T√2) at T = 512: 0.1600, 0.6935, 0.9301, 0.9928, 0.9993."""
    level, change, none, falls = predictions(THETAS, LENGTH)
    assert predicted_slope(THETAS, LENGTH) == pytest.approx(0.0960, abs=5e-5)
    assert level.expects[level_of(500)].low == pytest.approx(0.16 * (1 - 0.0507), abs=2e-4)
    assert change.expects[SLOPE].low == pytest.approx(0.0480, abs=5e-5)
    assert none.expects[SLOPE].high == pytest.approx(0.0096, abs=5e-5) == -falls.expects[SLOPE].high
    for one, other in ((change, none), (none, falls), (change, falls)):
        low, high = sorted((one.expects[SLOPE], other.expects[SLOPE]), key=lambda allowed: allowed.low)
        assert low.high <= high.low  # so no two of them can be confirmed


def test_each_law_is_found_and_the_others_are_not() -> None:
    assert standings(pade, 0.02) == {"theory": "confirmed", "rival 1": "contradicted", "rival 2": "contradicted"}
    assert standings(lambda theta: 0.4, 0.01) == {
        "theory": "contradicted", "rival 1": "confirmed", "rival 2": "contradicted",
    }  # fmt: skip
    assert standings(lambda theta: 0.7 - 0.03 * log(theta), 0.01) == {
        "theory": "contradicted", "rival 1": "contradicted", "rival 2": "confirmed",
    }  # fmt: skip
    assert set(standings(lambda theta: 0.4, 0.3).values()) == {"unclear"}


def test_what_a_seed_adds_to_all_its_networks_does_not_count() -> None:
    """Pairing: the same start and data move all arms of a seed alike."""
    assert standings(lambda theta: 0.4, 0.005, shared=1.0)["rival 1"] == "confirmed"


def test_the_level_needs_every_base() -> None:
    statement = predictions(THETAS, LENGTH)[0]

    def level(factor_at_500: float) -> str:
        gammas = {theta: [pade(theta) * (1 + e) for e in (-0.001, 0.0, 0.001)] for theta in THETAS}
        gammas[500.0] = [value * factor_at_500 for value in gammas[500.0]]
        return judge([statement], statistics(gammas))[0].standing

    assert level(1.0) == "confirmed"
    assert level(1.0507) == "unclear"
    assert level(1.2) == "contradicted"


def test_seeds_that_would_decide_are_enough_and_no_more() -> None:
    values = [0.010, 0.024, -0.002, 0.016, 0.002]
    allowed = Range(-0.02, 0.02)
    n = seeds_to_decide(values, allowed)
    assert n is not None and n > 5
    margin = 0.02 - fmean(values)
    assert t_95(n - 1) * stdev(values) / sqrt(n) < margin <= t_95(n - 2) * stdev(values) / sqrt(n - 1)
    assert allowed.standing(Interval(0.01, 0.01 - margin, 0.01 + margin * 0.999, n)) == "confirmed"
    assert seeds_to_decide([0.02, 0.02 + 1e-9, 0.02 - 1e-9], Range(-0.02, 0.02)) is None
    for factor, needed in ((1.0, None), (0.5, 8)):  # a mean on the border is not decided by any number of seeds
        (found,) = judge(predictions(THETAS, LENGTH)[2:3], {SLOPE: [factor * value for value in values]})
        assert (found.standing, found.seeds_to_decide) == ("unclear", needed)


def test_bases_that_decide_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="two bases"):
        predictions([500.0, 500.0], LENGTH)
    with pytest.raises(InputError, match="say the same"):
        predictions([1e5, 1e6], LENGTH)
