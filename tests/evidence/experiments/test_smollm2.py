"""The real weights: what the page of experiments records, on fewer and shorter prompts."""

from __future__ import annotations

import numpy as np
import pytest

from ropescope.evidence.experiments.context import ExperimentContext
from ropescope.evidence.experiments.experiment import Setting
from ropescope.evidence.experiments.readers import PrefixMatching, repeated_tokens
from ropescope.evidence.experiments.running import run_experiment
from ropescope.models.embedded import embedded_model_path

pytestmark = [pytest.mark.weights, pytest.mark.long]


@pytest.fixture(scope="module")
def smollm2() -> str:
    return str(embedded_model_path())


@pytest.fixture(autouse=True)
def _own_home() -> None:
    """The model lies in the user's own cache: the home of the other tests here is not set."""


def test_its_induction_heads(smollm2: str) -> None:
    context = ExperimentContext((smollm2,), Setting(prompts=4, length=512))
    vocabulary = context.corpus("random").vocabulary
    assert vocabulary is not None
    prompts = [repeated_tokens(vocabulary, (), 256, 0, index) for index in range(3)]
    readers = context.read("repeated", prompts, range(256, 512), lambda: PrefixMatching(255))
    score = np.mean([reader.scores() for reader in readers], axis=0)
    strongest = {tuple(map(int, np.unravel_index(i, score.shape))) for i in np.argsort(-score, axis=None)[:3]}
    assert strongest == {(17, 3), (18, 6), (18, 7)} and np.sort(score, axis=None)[-3] > 0.5
    assert np.median(score) < 0.01


def test_its_decay_moves_against_the_prediction_when_the_base_does(smollm2: str) -> None:
    result = run_experiment("base-sweep", [smollm2], Setting(prompts=4, length=512))
    result.clear()
    gamma = {base: estimate["value"] for base, estimate in result.observed.data["gamma"].items()}
    assert gamma["10000"] > gamma["100000"] > gamma["1e+06"] > 0.4
    assert result.observed.data["loss_nats"]["100000"] == min(result.observed.data["loss_nats"].values())
    slope = result.observed.measured["dγ/dγ_Padé as θ changes"]
    assert slope.ci is not None and slope.ci[1] < 0 and result.decision != "theory"
