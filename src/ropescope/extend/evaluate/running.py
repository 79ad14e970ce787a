"""From the inputs of a question to a finished evaluation of longer contexts."""

from __future__ import annotations

from ropescope.errors import SourceError
from ropescope.extend.evaluate.candidates import candidates
from ropescope.extend.evaluate.inputs import EvaluateInputs, asked_lengths
from ropescope.extend.evaluate.result import ExtensionResult
from ropescope.extend.evaluate.session import Evaluation
from ropescope.extend.evaluate.tasks import Sample, samples
from ropescope.network.loading.asked import load_asked
from ropescope.network.loading.weights import Weights
from ropescope.quality.texts import held_out_texts
from ropescope.quality.trials import DEPTHS, Trial, trials
from ropescope.questions.question import Run
from ropescope.runs.job import Outcome, run_job
from ropescope.runs.journal import Journal


def evaluate(inputs: EvaluateInputs, run: Run | None = None) -> Outcome[ExtensionResult]:
    """Load, plan and score; `run` hears what is going on.

    Raises RopescopeError subclasses; KeyboardInterrupt only when nothing was finished under all methods.
    """
    run = run or Run()
    weights = load_asked(inputs, run.say)
    evaluation = prepare(inputs, weights)
    run.say(f"Scoring {weights.on_what}")
    return run_job(evaluation, journal_of(evaluation, inputs), resume=inputs.resume, progress=run.progress)


def prepare(inputs: EvaluateInputs, weights: Weights) -> Evaluation:
    """The evaluation that the inputs describe, on loaded weights."""
    if weights.tokenizer is None:
        raise SourceError(
            f"{weights.source.name} has no tokenizer, so no text can be scored: name a source that has one."
        )
    made = candidates(weights.model, inputs.to, inputs.methods, trained=inputs.trained)
    texts = (
        held_out_texts(weights.tokenizer, inputs.to, inputs.texts, files=inputs.text, column=inputs.column)
        if inputs.texts
        else []
    )
    lengths = asked_lengths(inputs, made[0].plan.seen_length)
    return Evaluation(
        weights,
        made,
        inputs.to,
        texts,
        inputs.band,
        trials=_trials(inputs, weights, lengths),
        samples=_samples(inputs, weights, lengths),
        about={"source": inputs.source, "files": [path.name for path in inputs.text]},
    )


def journal_of(evaluation: Evaluation, inputs: EvaluateInputs) -> Journal:
    """Where the pieces of an evaluation are kept: in one folder for the same inputs, whatever shard makes them."""
    asked = {
        name: str(getattr(inputs, name))
        for name in ("to", "methods", "texts", "text", "questions", "tasks", "keys_per_context")
    }
    return Journal({**evaluation.identity, **asked})


def _trials(inputs: EvaluateInputs, weights: Weights, lengths: tuple[int, ...]) -> list[Trial]:
    if not inputs.questions:
        return []
    return [
        trial
        for length in lengths
        for task in inputs.retrieval
        for trial in trials(
            weights.tokenizer,
            task,
            length,
            depths=DEPTHS,
            per_depth=inputs.questions,
            keys_per_context=inputs.keys_per_context,
        )
    ]


def _samples(inputs: EvaluateInputs, weights: Weights, lengths: tuple[int, ...]) -> list[Sample]:
    made: list[Sample] = []
    for length in lengths if inputs.tasks else ():
        prose = [text for text in held_out_texts(weights.tokenizer, length, inputs.samples) if text.kind == "prose"]
        for task in inputs.tasks:
            made += samples(weights.tokenizer, task, length, inputs.samples, haystack=prose)
    return made
