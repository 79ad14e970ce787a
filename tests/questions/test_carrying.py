"""Next steps carry on with what was asked."""

from __future__ import annotations

from dataclasses import dataclass

from ropescope.checks.serving.inputs import HeldInputs
from ropescope.questions.carrying import OPEN, carried
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Text
from ropescope.questions.shared import OneModel
from ropescope.report.report import Report, Step


@dataclass(frozen=True, kw_only=True)
class Other(OneModel):
    """A question whose precision is of another kind of text, and that names no device."""

    engine: str | None = asked(Text(), "An engine.", default=None)


def steps(inputs: object, *given: Step) -> list[dict[str, object]]:
    report = carried(Report("a title", "a verdict", next_steps=given), inputs)
    return [dict(step.inputs) for step in report.next_steps if isinstance(step, Step)]


def test_a_step_that_leaves_its_device_open_takes_the_load_too() -> None:
    inputs = HeldInputs(source="smollm2", gpu="2x4090", context=32768, ep=True, overhead=1 << 30, revision="v2")
    speed, fit = steps(
        inputs,
        Step("speed", {"source": "smollm2", "gpu": OPEN, "batch": "4"}),
        Step("fit", {"source": "smollm2", "gpu": OPEN}),
    )
    taken = {"source": "smollm2", "gpu": "2x4090", "context": "32768", "ep": True, "revision": "v2"}
    assert speed == {**taken, "batch": "4"}  # `speed` takes no overhead
    assert fit == {**taken, "overhead": "1073741824B"}


def test_what_belongs_to_one_model_stays_with_it() -> None:
    inputs = HeldInputs(source="org/adapter", gpu="4090", revision="v2", parameters=8_000_000_000)
    assert steps(inputs, Step("fit", {"source": "org/base", "gpu": OPEN})) == [{"source": "org/base", "gpu": "4090"}]


def test_what_nobody_gave_is_told_by_its_kind_and_a_closed_step_stays() -> None:
    inputs = Other(source="smollm2", engine="vllm")
    open_one, closed = steps(
        inputs, Step("fit", {"source": "smollm2", "gpu": OPEN}), Step("fit", {"source": "smollm2", "gpu": "24GB"})
    )
    assert open_one == {"source": "smollm2", "gpu": "NAME", "engine": "vllm"}
    assert closed == {"source": "smollm2", "gpu": "24GB"}
