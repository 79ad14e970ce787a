"""Numbers of profiles whose decay is known."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from made_profiles import made_profile

from ropescope.errors import MeasurementError
from ropescope.measure.estimates import Summary
from ropescope.measure.results.report import measurement_report
from ropescope.measure.results.result import measurement_data
from ropescope.measure.summary import summarise


@cache
def summary_of(gamma: float, seed: int = 0) -> Summary:
    return summarise(made_profile(gamma, seed=seed), resamples=1000)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.8, 1.4])
def test_the_exponent_is_found_everywhere(gamma: float) -> None:
    summary = summary_of(gamma)
    assert summary.gamma.ci is not None and summary.gamma.se is not None and summary.gamma.value is not None
    assert abs(summary.gamma.value - gamma) < 4 * summary.gamma.se + 0.01
    assert summary.gamma.ci[0] < summary.gamma.value < summary.gamma.ci[1]
    assert summary.gamma_mle.value == pytest.approx(gamma, abs=0.03)
    assert len(summary.layers) == 3 and [len(layer.heads) for layer in summary.layers] == [4, 4, 2]
    for layer in summary.layers:
        assert layer.gamma.value == pytest.approx(gamma, abs=0.05)
        assert all(head.gamma.value == pytest.approx(gamma, abs=0.1) for head in layer.heads)
    assert summary.sink_mass.value == pytest.approx(0.3, abs=1e-6)


def test_legacy_reads_uniform_attention_as_its_null() -> None:
    summary = summarise(made_profile(0.0, length=2050), resamples=1000)
    assert summary.legacy is not None
    assert summary.legacy.gamma.value == pytest.approx(0.782582299210013, abs=1e-6)
    assert summary.legacy.gamma_null == pytest.approx(0.782582299210013, abs=1e-12)


def test_sliding_layers_are_fitted_within_their_window_and_apart() -> None:
    summary = summarise(made_profile(0.8, windows=(200, None, None)), resamples=1000)
    assert summary.fitted_layers == 2 and summary.d_max == 764
    sliding = summary.layers[0]
    assert sliding.reach is not None and 100 < sliding.reach < 200
    assert sliding.gamma.value == pytest.approx(0.8, abs=0.1)
    assert all(window <= 200 for window in sliding.windows)


def test_a_window_too_short_gives_no_number_but_all_else() -> None:
    summary = summarise(made_profile(0.8, windows=(8, 8, 8)), resamples=1000)
    assert summary.gamma.value is None and summary.d_max is None
    report = measurement_report(summary)
    assert "no exponent" in report.verdict
    json.dumps(report.data, allow_nan=False)


def test_one_outlying_prompt_is_flagged() -> None:
    profile = made_profile(0.8, n_prompts=12)
    assert not summarise(profile, resamples=1000).mean_median_disagree
    mass = profile.mass.copy()
    far = profile.protocol.edges[:-1] > 300
    mass[3][..., far] *= 60
    summary = summarise(replace(profile, mass=mass), resamples=1000)
    assert summary.gamma_median == pytest.approx(0.8, abs=0.05)
    assert summary.gamma.value is not None and summary.gamma.value < 0.6
    assert summary.mean_median_disagree
    assert any("outlier" in caveat for caveat in measurement_report(summary).caveats)


def test_one_prompt_gives_numbers_without_errors() -> None:
    summary = summarise(made_profile(0.8, n_prompts=1), resamples=1000)
    assert summary.gamma.value is not None and summary.gamma.ci is None and summary.shape is None
    assert "no error can be given" in measurement_report(summary).verdict


def test_bad_d_min_is_refused() -> None:
    with pytest.raises(MeasurementError, match="`d_min` must lie between 1 and a quarter"):
        summarise(made_profile(), d_min=400)


def test_json_has_the_promised_fields_and_no_nan() -> None:
    summary = summary_of(0.8)
    data = measurement_data(summary, summary_of(0.0, seed=4))
    json.dumps(data, allow_nan=False)
    promised = {
        "gamma", "gamma_se", "gamma_ci", "gamma_mle", "gamma_null", "r2", "sink_mass", "windows", "shape", "protocol",
        "corpus", "length", "prompts", "seconds", "layers", "control",
    }  # fmt: skip
    assert promised <= data.keys() and promised - {"control"} <= data["control"].keys()
    assert {"best", "separable"} <= data["shape"].keys()
    assert {"index", "kind", "gamma", "gamma_ci", "sink_mass"} <= data["layers"][0].keys()
    assert data["gamma_null"] == 0.0 and data["protocol"] == "fixed"
    legacy = measurement_data(summary, legacy_first=True)
    assert legacy["protocol"] == "legacy" and legacy["gamma_null"] == pytest.approx(data["legacy"]["gamma_null"])
    assert legacy["gamma"] == data["legacy"]["gamma"] != data["gamma"]


def test_verdict_says_when_the_control_is_not_told_apart() -> None:
    flat, control = summary_of(0.01), summary_of(0.0, seed=4)
    assert "not told apart" in measurement_report(flat, control).verdict
    assert "so the decay is learned" in measurement_report(summary_of(0.8), control).verdict


def test_intervals_repeat_with_the_same_seed() -> None:
    profile = made_profile(0.8)
    assert summarise(profile, resamples=1000).gamma == summary_of(0.8).gamma
    assert np.isfinite(summarise(profile, resamples=1000, seed=1).gamma.se or np.nan)


@pytest.mark.parametrize(
    ("value", "ci", "words"),
    [
        (0.03, (0.01, 0.05), "nearly alike at all distances: ten times the distance gets 0.93 of the weight"),
        (0.03, (-0.01, 0.07), "the interval includes 0, so no change"),
        (0.4, (-0.1, 0.9), "the interval includes 0, so no change"),
        (-0.3, (-0.4, -0.2), "ten times the distance gets 2 times the weight"),
        (-0.03, (-0.05, -0.01), "ten times the distance gets 1.07 times the weight"),
        (0.83, (0.8, 0.86), "ten times the distance gets 0.15 of the weight"),
    ],
)
def test_the_verdict_says_no_more_than_its_interval(value: float, ci: tuple[float, float], words: str) -> None:
    summary = summary_of(0.5)
    verdict = measurement_report(replace(summary, gamma=replace(summary.gamma, value=value, ci=ci))).verdict
    assert words in verdict and ("includes 0" in verdict) == (ci[0] <= 0 <= ci[1])
