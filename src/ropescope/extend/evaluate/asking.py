"""Loss and retrieval at a longer context, as a question; what files tell is checked before torch is imported."""

from __future__ import annotations

from ropescope.extend.evaluate.candidates import candidates
from ropescope.extend.evaluate.inputs import EvaluateInputs, asked_lengths
from ropescope.models.loadable import encoder_of, loadable
from ropescope.models.text_files import check_texts
from ropescope.quality.trials import require_room
from ropescope.questions.question import Run
from ropescope.report.report import Report
from ropescope.runs.where import carry_out


def answer(inputs: EvaluateInputs, run: Run) -> Report:
    """Loss by position on held-out text, and what is found in long contexts, under each method."""
    check_first(inputs)
    from ropescope.extend.evaluate.report import evaluation_report
    from ropescope.extend.evaluate.running import evaluate

    with run.working():
        done = carry_out(evaluate, inputs, run, pieces=inputs.most_pieces)
    outcome = done.value
    kept = run.keep("evaluation", lambda path: [outcome.result.save(path)], "nothing is scored again")
    run.when_shown(outcome.discard_journal)
    return done.told(evaluation_report(outcome.result, kept_in=kept))


def check_first(inputs: EvaluateInputs) -> None:
    """Raise now what arguments and files tell of an evaluation that cannot be made. No weights are read."""
    # The second half is scored; no tokenizer makes more tokens than bytes.
    check_texts(inputs.text, inputs.column, least_bytes=2 * (inputs.to - 2) if inputs.texts else 0)
    model = loadable(inputs.source, inputs.revision, reads_text=not inputs.trust_remote_code)
    made = candidates(model, inputs.to, inputs.methods, trained=inputs.trained)
    lengths = asked_lengths(inputs, made[0].plan.seen_length)
    if inputs.questions and (encode := encoder_of(model.source)) is not None:
        for length in lengths:
            for task in inputs.retrieval:
                require_room(encode, task, length, inputs.questions, keys_per_context=inputs.keys_per_context)
