"""Every question that can be shared, in shares of processes that come one after the other: equal to one process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from in_shares import answered, prepared

from ropescope.compress.evaluate import running
from ropescope.compress.evaluate.inputs import EvaluateInputs as CompressInputs
from ropescope.compress.evaluate.running import evaluate as compressed
from ropescope.compress.plan.calibration import measured_for
from ropescope.evidence.experiments.asking import ExperimentInputs, observed
from ropescope.extend.evaluate.inputs import EvaluateInputs as ExtendInputs
from ropescope.extend.evaluate.running import evaluate as extended
from ropescope.pilot.inputs import PilotInputs
from ropescope.pilot.running import train
from ropescope.questions.question import Run

TINY = {"dtype": "float32"}

CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any], dict[str, Any]]] = {
    "compress evaluate": (compressed, CompressInputs, {"length": 128, "scored": 16, "texts": 1, "budgets": (0.4, 0.6)}),
    "extend evaluate": (
        extended,
        ExtendInputs,
        {"to": 384, "texts": 1, "band": 64, "methods": ("none", "ntk", "dynamic")},
    ),
    "experiment": (observed, ExperimentInputs, {"name": "base-sweep", "prompts": 4, "length": 128}),
    "pilot": (train, PilotInputs, {"size": "toy", "theta": (500.0, 1e4), "seeds": 2, "ablations": ("none",)}),
}


@pytest.mark.parametrize(
    "name", [*(name for name in CASES if name != "pilot"), pytest.param("pilot", marks=pytest.mark.long)]
)
def test_a_question_in_shares(
    name: str, tiny_folder_with_tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    function, kind, more = CASES[name]
    home = prepared(tmp_path, monkeypatch)
    folder = str(tiny_folder_with_tokenizer)
    source: dict[str, Any] = {ExperimentInputs: {"sources": (folder,)}, PilotInputs: {}}.get(kind, {"source": folder})
    inputs = kind(**source, **TINY, **more)
    alone = _numbers(function(inputs, Run()))
    measured: list[int] = []
    monkeypatch.setattr(
        running, "measured_for", lambda *args, **more: measured.append(1) or measured_for(*args, **more)
    )
    reply, rounds = answered(home, function, inputs, 2)
    assert _numbers(reply.value) == alone and rounds <= 3
    assert len(measured) == (name == "compress evaluate")  # once for all


def _numbers(value: Any) -> Any:
    """The numbers of a result, without the time that they took."""
    if (found := getattr(value, "observed", None)) is not None:
        return found.measured, found.sentence, _timeless(found.data)
    return getattr(value.result, "runs", None) or value.result.to_dict()


def _timeless(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _timeless(value) for key, value in data.items() if key != "seconds"}
    return data
