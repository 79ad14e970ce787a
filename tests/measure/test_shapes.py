"""Shapes: each is found in data made from it, and close ones are not told apart."""

from __future__ import annotations

import numpy as np
import pytest

from ropescope.measure.exponent import DistanceBins
from ropescope.measure.protocol import FixedLength
from ropescope.measure.shapes import SHAPES, _Fitter, compare_shapes

PROTOCOL = FixedLength()
EDGES = PROTOCOL.edges
SELECTED = np.flatnonzero((EDGES[:-1] >= 10) & (EDGES[1:] <= PROTOCOL.max_distance + 1))
BINS = DistanceBins.between(EDGES[SELECTED], EDGES[SELECTED + 1] - 1)
D = np.arange(10, PROTOCOL.max_distance + 1).astype(float)

LAWS = {
    "uniform": np.ones_like(D),
    "power": D**-0.8,
    "exponential": np.exp(-D / 300),
    "stretched exponential": np.exp(-((D / 30) ** 0.5)),
    "power with cutoff": D**-0.5 * np.exp(-D / 400),
    "log-normal": D ** (-0.2 - 0.3 * np.log(D / 10)),
    "logarithmic": 8.0 - np.log(D),
    "offset power": 1e-3 + D**-1.3,
}


def prompts(law: np.ndarray, noise: float, n: int = 24, seed: int = 0) -> np.ndarray:
    """[n, bins] attention that follows `law`, each prompt with its own noise by bin."""
    mass = np.add.reduceat(law, BINS.low - 10)
    return mass * np.random.default_rng(seed).lognormal(0, noise, (n, len(mass)))


@pytest.mark.parametrize("name", list(LAWS))
def test_the_law_is_found_in_its_own_data(name: str) -> None:
    comparison = compare_shapes(prompts(LAWS[name], noise=0.02), BINS)
    assert comparison is not None
    # Shapes that hold the true one as a special case may tie with it; none may beat it beyond the error.
    assert name in comparison.equals
    excluded = {shape.name for shape in SHAPES} - set(comparison.equals)
    assert len(excluded) >= 3 or name == "uniform"


def test_power_is_recovered_with_its_exponent_and_beats_the_rest() -> None:
    comparison = compare_shapes(prompts(LAWS["power"], noise=0.05), BINS)
    assert comparison is not None
    power = next(score for score in comparison.scores if score.name == "power")
    assert power.parameters[0] == pytest.approx(0.8, abs=0.02)
    assert {"uniform", "exponential", "logarithmic"}.isdisjoint(comparison.equals)


def test_noise_leaves_shapes_unseparated() -> None:
    comparison = compare_shapes(prompts(LAWS["power"], noise=0.8, n=6), BINS)
    assert comparison is not None and not comparison.separable
    assert {"power", "power with cutoff"} <= set(comparison.equals)


def test_probabilities_equal_direct_sums() -> None:
    fitter = _Fitter(BINS)
    for shape, parameters in ((SHAPES[1], [0.8]), (SHAPES[2], [0.3]), (SHAPES[4], [0.5, 0.2])):
        law = np.exp(shape.log_law(np.array(parameters), D / fitter_last(fitter), np.log(D)))
        direct = np.add.reduceat(law, BINS.low - 10) / law.sum()
        np.testing.assert_allclose(np.exp(fitter.log_probability(shape, np.array(parameters))), direct, rtol=2e-3)


def fitter_last(fitter: _Fitter) -> float:
    """The longest distance that the fitter's relative distances refer to."""
    return float(np.exp(fitter.log_distance[-1]))


def test_too_few_prompts_are_not_compared() -> None:
    assert compare_shapes(prompts(LAWS["power"], 0.1, n=3), BINS) is None
