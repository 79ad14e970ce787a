"""From a source and a few wishes to a finished measurement, with its random-weights control if that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ropescope.measure.outcome import Outcome, outcome
from ropescope.measure.profile import DecayProfile
from ropescope.measure.prompts import Corpus, embedded_text, file_corpus, random_corpus, text_corpus
from ropescope.measure.request import Plan, Request
from ropescope.measure.session import measure
from ropescope.network.loading.asked import load_asked
from ropescope.network.loading.weights import Weights, with_random_weights
from ropescope.runs.job import Progress


def run(
    request: Request,
    *,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
    keep_journal: bool = False,
) -> Outcome:
    """Load, measure, measure the control, and summarise. `say` hears what is going on, a line at a time. With
    `keep_journal` the finished prompts stay on disk until `Outcome.discard_journal`, for when the result is safe.

    Raises RopescopeError subclasses; KeyboardInterrupt only when nothing was finished.
    """
    tell = say or (lambda _: None)
    weights = load_asked(request, tell)
    tell("Reading the corpus")
    corpus = make_corpus(request, weights)
    tell(f"Measuring {weights.on_what}")
    profile = measure(weights, corpus, request.plan, resume=request.resume, progress=progress, keep_journal=True)
    control = None if profile.partial else _measure_control(request, weights, corpus, profile, progress, tell)
    found = outcome(profile, control, request)
    if not keep_journal:
        found.discard_journal()
    return found


def make_corpus(request: Request, weights: Weights) -> Corpus:
    """The corpus that a request names, tokenised for the model."""
    if request.corpus == "random":
        vocabulary = weights.network.config.get_text_config().vocab_size
        return random_corpus(vocabulary, weights.tokenizer, weights.special_ids, request.seed)
    if request.dataset is not None:
        from ropescope.models.datasets import fetch_dataset

        paths, commit = fetch_dataset(request.dataset, column=request.column)
        name, about = "dataset", f"{request.dataset}@{commit[:8]} ({_names(paths)})"
    else:
        paths, name, about = request.texts, "files", _names(request.texts)
    shuffled = request.corpus == "shuffled"
    drawn = "shuffled " if shuffled else ""
    if paths:
        return file_corpus(
            f"{drawn}{name}", about, paths, request.column, weights.tokenizer, request.seed, shuffled=shuffled
        )
    text, about = embedded_text()
    return text_corpus(f"{drawn}text", about, text, weights.tokenizer, request.seed, shuffled=shuffled)


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(path.name for path in paths)


def _measure_control(
    request: Request,
    weights: Weights,
    corpus: Corpus,
    profile: DecayProfile,
    progress: Progress | None,
    tell: Callable[[str], None],
) -> DecayProfile | None:
    if request.control is None:
        return None
    tell(f"Measuring {weights.on_what} with random weights")
    plan = request.plan
    same = Plan(
        protocol=plan.protocol,
        prompts=profile.n_prompts,
        d_min=plan.d_min,
        chunk_tokens=plan.chunk_tokens,
        beyond_trained=plan.beyond_trained,
        legacy_length=plan.legacy_length,
    )
    try:
        fresh = with_random_weights(weights, request.seed)
        return measure(fresh, corpus, same, resume=request.resume, progress=progress, keep_journal=True)
    except KeyboardInterrupt:
        return None  # the measurement itself is complete and must not be lost with its control
