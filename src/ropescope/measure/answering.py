"""The answer to `measure`: of one model, here or on a cluster, or of several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ropescope.measure.asking import MeasureInputs
from ropescope.measure.request import check_first
from ropescope.questions.question import Run
from ropescope.report.report import Report
from ropescope.runs.where import carry_out

if TYPE_CHECKING:
    from ropescope.measure.outcome import Outcome


def answer(inputs: MeasureInputs, run: Run) -> Report:
    """How a model's attention falls with distance, per layer and head, with errors and a null."""
    if inputs.more:
        from ropescope.measure.several import several

        return several(inputs, run)
    check_first(inputs.request())
    with run.working():
        done = carry_out(measured, inputs, run, pieces=inputs.prompts)
    outcome = done.value
    kept = run.keep("profile", outcome.save, "no prompt is measured again")
    run.when_shown(outcome.discard_journal)
    return done.told(outcome.report(kept))


def measured(inputs: MeasureInputs, run: Run) -> Outcome:
    """The measurement of the one model `inputs.source`. Raises as `instrument.run`."""
    from ropescope.measure.instrument import run as measure

    return measure(inputs.request(), progress=run.progress, say=run.say, keep_journal=True)
