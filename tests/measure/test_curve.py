"""The fitted curve: paired differences, ranges, and the published cells."""

from __future__ import annotations

import numpy as np
import pytest
from made_profiles import made_profile

from ropescope.measure.curve import combination, fitted_curve, published_decay
from ropescope.measure.intervals import normal_draws
from ropescope.measure.summary import summarise

DRAWS = normal_draws(8, 1000, 0)


def test_the_curve_is_what_a_summary_fits() -> None:
    profile = made_profile(0.8, windows=(200, None, None))
    summary = summarise(profile, resamples=1000)
    curve = fitted_curve(profile, 10)
    assert curve.group == (1, 2) and max(curve.reach) == summary.d_max
    assert curve.decay.gamma(DRAWS) == summary.gamma


def test_a_shorter_range_is_fitted_when_asked() -> None:
    curve = fitted_curve(made_profile(0.8, noise=0.0), 10, d_max=100)
    assert 80 < max(curve.reach) <= 100
    assert float(curve.decay.fit().gamma) == pytest.approx(0.8, abs=0.01)


def test_a_combination_pairs_two_measurements() -> None:
    """A common noise by prompt leaves the difference: 0.3, with an interval far narrower than that of either."""
    rng = np.random.default_rng(0)
    steep, flat = made_profile(0.9, noise=0.0), made_profile(0.6, noise=0.0)
    common = rng.lognormal(0, 0.4, (8, 1, 1, steep.mass.shape[-1])).astype(np.float32)
    for profile in (steep, flat):
        profile.mass[:] *= common
    decays = [fitted_curve(profile, 10).decay for profile in (steep, flat)]
    gammas = [decay.gamma(DRAWS) for decay in decays]
    difference = combination(decays, [1, -1], DRAWS)
    assert difference.value == pytest.approx(0.3, abs=0.005)
    assert all(difference.se < gamma.se / 10 for gamma in gammas)  # type: ignore[operator]


def test_published_cells_of_uniform_attention() -> None:
    decay = published_decay(made_profile(0.0, length=2050))
    assert decay is not None and decay.gamma(DRAWS).value == pytest.approx(0.782582299210013, abs=1e-6)
    assert published_decay(made_profile(0.0, length=240)) is None
