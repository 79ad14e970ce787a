"""The real weights: numbers that were checked beforehand on SmolLM2-135M-Instruct, with another code."""

from __future__ import annotations

from pathlib import Path

import pytest

from ropescope.measure.estimates import Summary
from ropescope.measure.instrument import Request, make_corpus
from ropescope.measure.protocol import FixedLength
from ropescope.measure.session import Plan, measure
from ropescope.measure.summary import summarise
from ropescope.network.loading.weights import Weights, load, with_random_weights

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def smollm2() -> Weights:
    return load("smollm2")


def measured(weights: Weights, corpus: str, prompts: int, length: int) -> Summary:
    plan = Plan(FixedLength(length=length, rows=32 if length < 2048 else 64), prompts=prompts)
    request = Request("smollm2", corpus=corpus, plan=plan)  # type: ignore[arg-type]
    return summarise(measure(weights, make_corpus(request, weights), plan))


@pytest.fixture(autouse=True)
def _own_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ropescope.runs.journal as journal

    monkeypatch.setattr(journal, "cache_folder", lambda: tmp_path / "models")


def test_in_short_prompts_it_decays(smollm2: Weights) -> None:
    found = measured(smollm2, "text", 2, 512)
    assert found.gamma.value == pytest.approx(0.89, abs=0.06)
    assert found.sink_mass.value == pytest.approx(0.3, abs=0.04)


@pytest.mark.long
def test_text(smollm2: Weights) -> None:
    found = measured(smollm2, "text", 6, 2048)
    assert found.gamma.value == pytest.approx(0.89, abs=0.05)
    assert found.r2 is not None and found.r2 > 0.97
    assert found.sink_mass.value == pytest.approx(0.27, abs=0.03)
    assert found.legacy is not None and found.legacy.gamma.value == pytest.approx(1.0, abs=0.2)


@pytest.mark.long
def test_random_tokens(smollm2: Weights) -> None:
    found = measured(smollm2, "random", 6, 2048)
    assert found.gamma.value == pytest.approx(0.70, abs=0.06)
    # The first tokens are random too, and some are better sinks than others: one prompt differs by 0.055 from the next.
    assert found.sink_mass.value == pytest.approx(0.33, abs=0.07)


@pytest.mark.long
def test_random_weights_do_not_decay(smollm2: Weights) -> None:
    found = measured(with_random_weights(smollm2, 0), "random", 3, 2048)
    assert found.gamma.value is not None and abs(found.gamma.value) < 0.01
    assert found.legacy is not None and found.legacy.gamma.value == pytest.approx(0.7826, abs=0.01)
