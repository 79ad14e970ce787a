"""From a source and a few wishes to a finished evaluation of longer contexts."""

from __future__ import annotations

from collections.abc import Callable

from ropescope.errors import ExtendError, SourceError
from ropescope.extend.evaluate.asking import Request, asked_lengths
from ropescope.extend.evaluate.candidates import candidates
from ropescope.extend.evaluate.result import ExtensionResult
from ropescope.extend.evaluate.session import Evaluation, Progress
from ropescope.extend.evaluate.tasks import Sample, samples
from ropescope.measure.resuming import refuse_other_type
from ropescope.measure.weights import Weights, load
from ropescope.quality.journal import Journal
from ropescope.quality.saved import Outcome
from ropescope.quality.texts import held_out_texts
from ropescope.quality.trials import DEPTHS, Trial, trials


def run(
    request: Request, *, progress: Progress | None = None, say: Callable[[str], None] | None = None
) -> Outcome[ExtensionResult]:
    """Load, plan and score. `say` hears what is going on, a line at a time.

    Raises RopescopeError subclasses; KeyboardInterrupt only when nothing was finished under all methods.
    """
    tell = say or (lambda _: None)
    tell(f"Loading {request.source}")
    weights = load(
        request.source, revision=request.revision, dtype=request.dtype, device=request.device,
        trust_remote_code=request.trust_remote_code,
    )  # fmt: skip
    evaluation = prepare(request, weights)
    journal = journal_of(evaluation, request)
    if request.resume:
        refuse_other_type(journal)
    else:
        journal.discard()
    tell(f"Scoring {weights.on_what}")
    interrupted: KeyboardInterrupt | None = None
    try:
        evaluation.run(journal, progress=progress)
    except KeyboardInterrupt as stop:
        interrupted = stop
    try:
        return Outcome(evaluation.result(journal), journal)
    except ExtendError:
        if interrupted is None:
            raise
        raise interrupted from None


def prepare(request: Request, weights: Weights) -> Evaluation:
    """The evaluation that a request describes, on weights that are loaded."""
    if weights.tokenizer is None:
        raise SourceError(f"{weights.source.name} comes without a tokenizer, so no text can be scored with it.")
    made = candidates(weights.model, request.target, request.methods, trained=request.trained)
    texts = (
        held_out_texts(weights.tokenizer, request.target, request.texts, files=request.files, column=request.column)
        if request.texts
        else []
    )
    lengths = asked_lengths(request, made[0].plan.seen_length)
    return Evaluation(
        weights, made, request.target, texts, request.band,
        trials=_trials(request, weights, lengths),
        samples=_samples(request, weights, lengths),
        about={"source": request.source, "files": [path.name for path in request.files]},
    )  # fmt: skip


def journal_of(evaluation: Evaluation, request: Request) -> Journal:
    """Where the pieces of an evaluation are kept: in one folder for one request, whatever shard makes them."""
    wishes = {
        name: str(getattr(request, name))
        for name in ("target", "methods", "texts", "files", "questions", "tasks", "keys_per_context")
    }
    return Journal({**evaluation.identity, **wishes})


def _trials(request: Request, weights: Weights, lengths: tuple[int, ...]) -> list[Trial]:
    if not request.questions:
        return []
    return [
        trial
        for length in lengths
        for task in request.retrieval
        for trial in trials(
            weights.tokenizer,
            task,
            length,
            depths=DEPTHS,
            per_depth=request.questions,
            keys_per_context=request.keys_per_context,
        )
    ]


def _samples(request: Request, weights: Weights, lengths: tuple[int, ...]) -> list[Sample]:
    made: list[Sample] = []
    for length in lengths if request.tasks else ():
        prose = [text for text in held_out_texts(weights.tokenizer, length, request.samples) if text.kind == "prose"]
        for task in request.tasks:
            made += samples(weights.tokenizer, task, length, request.samples, haystack=prose)
    return made
