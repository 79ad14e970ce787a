"""The question `compress evaluate`: what a smaller cache costs."""

from __future__ import annotations

from ropescope.compress.evaluate.inputs import EvaluateInputs, check_first
from ropescope.questions.question import Run
from ropescope.report.report import Report
from ropescope.runs.where import carry_out


def answer(inputs: EvaluateInputs, run: Run) -> Report:
    """Added loss on held-out text for each method and budget, and which budget is enough."""
    check_first(inputs)
    from ropescope.compress.evaluate.results.report import tradeoff_report
    from ropescope.compress.evaluate.running import evaluate

    with run.working():
        done = carry_out(evaluate, inputs, run, pieces=inputs.most_pieces)
    outcome = done.value
    kept = run.keep("evaluation", lambda path: [outcome.result.save(path)], "no text is scored again")
    run.when_shown(outcome.discard_journal)
    return done.told(tradeoff_report(outcome.result, limit=inputs.max_loss, kept_in=kept))
