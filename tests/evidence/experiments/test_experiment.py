"""What is said beforehand: ranges, the rule that decides, and that no prediction can follow a result."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ropescope.errors import DomainError, MeasurementError
from ropescope.evidence.experiments.context import ExperimentContext
from ropescope.evidence.experiments.experiment import Expectation, Range, Setting, decide, nearest
from ropescope.evidence.experiments.registry import EXPERIMENTS, find
from ropescope.evidence.experiments.running import run_experiment
from ropescope.measure.estimates import Estimate
from ropescope.models import Context
from ropescope.models.config.reading import from_config

SMOLLM2 = from_config(
    {
        "model_type": "llama",
        "num_hidden_layers": 30,
        "hidden_size": 576,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "max_position_embeddings": 8192,
        "rope_theta": 100000.0,
        "vocab_size": 49152,
    }
)


def estimate(low: float, high: float) -> Estimate:
    return Estimate((low + high) / 2, None, (low, high))


@pytest.mark.parametrize(
    ("measured", "stand"),
    [
        ((0.9, 1.1), "theory"),
        ((-0.2, 0.3), "null"),
        ((0.4, 0.6), "undecided"),
        ((0.5, 0.5), "undecided"),
        ((1.6, 1.9), "neither"),
        ((-2.0, -0.6), "neither"),
    ],
)
def test_the_interval_decides(measured: tuple[float, float], stand: str) -> None:
    theory, null = nearest(1.0, 0.0)
    assert (theory, null) == (Range(0.5, 1.5), Range(-0.5, 0.5))
    assert decide([Expectation("slope", theory, null)], {"slope": estimate(*measured)}) == stand


def test_a_prediction_stands_only_with_all_its_statistics() -> None:
    first = Expectation("a", Range(low=0.5), Range(-0.2, 0.2))
    second = Expectation("b", Range(high=0.0), None)
    both = [first, second]
    assert decide(both, {"a": estimate(0.6, 0.8), "b": estimate(-1, -0.5)}) == "theory"
    assert decide(both, {"a": estimate(0.6, 0.8), "b": estimate(0.1, 0.2)}) == "neither"
    assert decide(both, {"a": estimate(0.0, 0.1), "b": estimate(0.1, 0.2)}) == "null"
    # Without an interval nothing is decided.
    assert decide(both, {"a": Estimate(0.7), "b": estimate(-1, -0.5)}) == "undecided"


def test_predictions_cannot_be_changed() -> None:
    for experiment in EXPERIMENTS.values():
        for target, name in (
            (experiment, "expect"),
            (experiment, "theory"),
            (experiment, "null"),
        ):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(target, name, "what was found")
        prediction = experiment
        assert all(len(text) > 20 for text in (prediction.theory, prediction.null, prediction.decides))


def test_predictions_of_smollm2_are_those_written_down() -> None:
    """Computed here for themselves, from θ, the lengths and the null of uniform attention."""
    said = {
        name: {
            item.statistic: item for item in experiment.expect(SMOLLM2, Setting().for_experiment(experiment, SMOLLM2))
        }
        for name, experiment in EXPERIMENTS.items()
    }
    published = said["random-init"]["γ of random weights, published protocol"]
    assert published.theory == Range(high=pytest.approx(0.682582299))
    assert published.null == Range(pytest.approx(0.752582299), pytest.approx(0.812582299))

    def pade(length: float) -> float:
        z = length * np.sqrt(2) / 1e5
        return float((2 - z) / (2 + z))

    distances = np.array([30, 50, 100, 200, 500, 1000, 2000])

    def uniform(end: int, offset: int) -> float:
        d = distances[distances <= end]
        return float(-np.polyfit(np.log(d), -np.log(d + offset), 1)[0])

    ends = [200, 500, 1000, 2000]
    theory = np.polyfit(np.log(ends), [pade(end) for end in ends], 1)[0]
    null = np.polyfit(np.log(ends), [uniform(end, 50) for end in ends], 1)[0]
    length = said["length-sweep"]["dγ/d ln T, published protocol"]
    assert theory < 0 < null
    assert length.theory == Range(pytest.approx(theory - (null - theory) / 2), pytest.approx((theory + null) / 2))
    assert length.null == Range(pytest.approx((theory + null) / 2), pytest.approx(null + (null - theory) / 2))

    offsets = [10, 25, 50, 100, 200, 500]
    slope = np.polyfit(np.log(offsets), [uniform(2000, c) for c in offsets], 1)[0]
    offset = said["offset-sweep"]["dγ/d ln c"]
    assert offset.theory == Range(pytest.approx(slope / 2), pytest.approx(-slope / 2))
    assert offset.null == Range(pytest.approx(1.5 * slope), pytest.approx(slope / 2))
    # With grouped queries the NF4 rule says what the null says.
    assert all(item.theory == item.null == Range(-0.05, 0.05) for item in said["quantised"].values())


@pytest.mark.parametrize("name", [name for name, item in EXPERIMENTS.items() if item.sources == 1])
def test_predictions_are_made_before_any_weight_is_loaded(
    name: str, flat_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = find(name)
    order: list[str] = []

    def expect(*arguments: object) -> tuple[Expectation, ...]:
        order.append("expect")
        return experiment.expect(*arguments)  # type: ignore[arg-type]

    def load(*_: object, **__: object) -> None:
        order.append("load")
        raise MeasurementError("stopped here")

    from ropescope.evidence.experiments import running

    monkeypatch.setattr(running, "find", lambda _: dataclasses.replace(experiment, expect=expect))
    monkeypatch.setattr(ExperimentContext, "load", load)
    with pytest.raises(MeasurementError, match="stopped here"):
        run_experiment(name, [str(flat_folder)], Setting(length=1024))
    assert order == ["expect", "load"]


def test_unknown_names_get_the_nearest() -> None:
    with pytest.raises(DomainError, match=r"'lenght-sweep'\. Did you mean length-sweep\? There are random-init, "):
        find("lenght-sweep")
    with pytest.raises(DomainError, match=r"'zzz'\. There are"):
        find("zzz")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"prompts": 3}, "gives no interval .* at least 4"),
        ({"resamples": 100}, "at least 1000"),
        ({"corpus": "prose"}, "must be text, random or shuffled"),
        ({"corpus": "random", "texts": (Path("a.txt"),)}, "uses no text"),
    ],
)
def test_settings_without_an_answer_are_refused(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(MeasurementError, match=sentence):
        Setting(**changes)  # type: ignore[arg-type]


def test_own_lengths_stay_within_the_trained_context() -> None:
    experiment = find("offset-sweep")
    assert Setting().for_experiment(experiment, SMOLLM2).length == 2560
    short = dataclasses.replace(SMOLLM2, context=Context(2048, "max_position_embeddings"))
    assert Setting().for_experiment(experiment, short).length == 2048
    # A length that was asked for is not changed in silence.
    assert Setting(length=4096).for_experiment(experiment, short).length == 4096
