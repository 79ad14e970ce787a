"""From a source and a few wishes to a finished evaluation of smaller caches."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from ropescope.compress.evaluate.asking import Request, fitting_plan, nothing_to_time, scored_length
from ropescope.compress.evaluate.budgets import Split
from ropescope.compress.evaluate.calibration import measured_for
from ropescope.compress.evaluate.catalogue import methods_named
from ropescope.compress.evaluate.methods import Method
from ropescope.compress.evaluate.planned import Planned, one_plan
from ropescope.compress.evaluate.result import Named, TradeoffResult
from ropescope.compress.evaluate.retrieval import questions
from ropescope.compress.evaluate.session import Progress, Sweep
from ropescope.compress.evaluate.timing import times
from ropescope.compress.output_error import OutputErrors
from ropescope.compress.plan import KVPlan
from ropescope.errors import SourceError
from ropescope.measure.profile import DecayProfile
from ropescope.measure.resuming import refuse_other_type
from ropescope.measure.weights import load
from ropescope.quality.journal import Journal
from ropescope.quality.saved import Outcome
from ropescope.quality.texts import held_out_texts


def run(
    request: Request, *, progress: Progress | None = None, say: Callable[[str], None] | None = None
) -> Outcome[TradeoffResult]:
    """Load, plan, sweep, ask and time. `say` hears what is going on, a line at a time.

    Raises RopescopeError subclasses; KeyboardInterrupt only when no text was finished.
    """
    tell = say or (lambda _: None)
    tell(f"Loading {request.source}")
    weights = load(
        request.source,
        revision=request.revision,
        dtype=request.dtype,
        device=request.device,
        trust_remote_code=request.trust_remote_code,
    )
    if weights.tokenizer is None:
        raise SourceError(f"{weights.source.name} comes without a tokenizer, so no text can be scored with it.")
    plan = None if request.plan is None else fitting_plan(request.plan, weights.model)
    profile = None if request.profile is None else DecayProfile.load(request.profile)
    length = scored_length(request, plan, profile, weights.model)
    texts = held_out_texts(weights.tokenizer, length, request.texts, files=request.files, column=request.column)

    @functools.cache
    def measured() -> OutputErrors | DecayProfile:
        if profile is not None:
            return profile
        tell(f"Measuring on other text what plans are made from: {weights.on_what}")
        return measured_for(weights, length, files=request.files, column=request.column, progress=progress)

    split, budgets = Split(weights.model, length, request.new), request.budgets
    for budget in budgets:
        split.kept_share(budget)  # what cannot be held is said before anything is measured
    methods = methods_named(request.methods, model=weights.model, length=length, measured=measured)
    named = None
    if plan is not None:
        alone = one_plan(plan)
        assert alone.only is not None
        methods = [alone, *methods]
        named = Named(alone.only, plan.target.get("max_loss"))
        # A plan for 30 % holds a few bytes less: one point serves for both.
        budgets = tuple(sorted({*(b for b in budgets if abs(b - alone.only) > 0.005), alone.only}))
    timed = _timed_plan(methods, budgets) if request.time else None
    about = {"source": request.source, "files": [path.name for path in request.files]}
    asked = questions(weights.tokenizer, length, request.questions) if request.questions else ()
    sweep = Sweep(weights, split, methods, budgets, texts, asked, named, about)
    journal = Journal(sweep.identity)
    if request.resume:
        refuse_other_type(journal)
    else:
        journal.discard()
    tell(f"Scoring {weights.on_what}")
    return _carry_out(sweep, journal, timed, progress)


def _carry_out(
    sweep: Sweep, journal: Journal, timed: KVPlan | None, progress: Progress | None
) -> Outcome[TradeoffResult]:
    seconds, interrupted = None, False
    try:
        sweep.run(journal, progress=progress)
        if timed is not None:
            tokens = torch.tensor(sweep.texts[0].tokens, device=sweep.weights.network.device)[None]
            seconds = times(sweep.weights, timed, tokens)
    except KeyboardInterrupt:
        interrupted = True
        if not sweep.finished(journal):
            raise
    result = sweep.result(journal)
    return Outcome(replace(result, times=seconds, partial=interrupted or result.partial), journal)


def _timed_plan(methods: Sequence[Method], budgets: tuple[float, ...]) -> KVPlan:
    """The plan of the first planned method, at its own budget or the middle one. Raises EvaluationError without any."""
    for method in methods:
        if isinstance(method, Planned):
            return method.plan(method.only or budgets[len(budgets) // 2])
    raise nothing_to_time()
