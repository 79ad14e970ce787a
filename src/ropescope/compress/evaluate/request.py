"""From a source and a few wishes to a finished evaluation of smaller caches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ropescope.compress.evaluate.budgets import Split
from ropescope.compress.evaluate.calibration import measured_for
from ropescope.compress.evaluate.catalogue import DEFAULT, methods_named
from ropescope.compress.evaluate.planned import Planned, one_plan, planned
from ropescope.compress.evaluate.result import Named, Retrieval, TradeoffResult
from ropescope.compress.evaluate.retrieval import ask, contexts
from ropescope.compress.evaluate.session import Progress, Sweep
from ropescope.compress.evaluate.timing import times
from ropescope.compress.plan import KVPlan
from ropescope.errors import EvaluationError, SourceError
from ropescope.measure.profile import DecayProfile
from ropescope.measure.weights import Weights, load
from ropescope.models.model import Model
from ropescope.quality.journal import Journal
from ropescope.quality.retrieval import Task, Trial, trials
from ropescope.quality.texts import held_out_texts

TASKS: tuple[Task, ...] = ("passkey", "key-value")
KEYS_PER_CONTEXT = 10


@dataclass(frozen=True, slots=True)
class Request:
    """What to evaluate. `texts` is how many of each kind; `files` replace them by the user's own text. `plan` is one that
    was made before, `profile` one to plan from; without it plans are measured on the weights. `questions` is how many at
    each of five depths are asked, 0: none."""

    source: str
    methods: tuple[str, ...] = DEFAULT
    budgets: tuple[float, ...] = (0.15, 0.3, 0.45, 0.6)
    length: int | None = None
    new: int = 64
    texts: int = 4
    files: tuple[Path, ...] = ()
    questions: int = 0
    plan: Path | None = None
    profile: Path | None = None
    time: bool = False
    dtype: str = "bfloat16"
    device: str | None = None
    revision: str | None = None
    trust_remote_code: bool = False
    resume: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished or interrupted evaluation, and where its pieces are kept."""

    result: TradeoffResult
    journal: Journal

    def discard_journal(self) -> None:
        """Remove the finished pieces, now that the result is safe; after an interruption they stay."""
        if not self.result.partial:
            self.journal.discard()


def run(request: Request, *, progress: Progress | None = None, say: Callable[[str], None] | None = None) -> Outcome:
    """Load, plan, sweep, ask and time. `say` hears what is going on, a line at a time.

    Raises RopescopeError subclasses; KeyboardInterrupt only when no text was finished.
    """
    tell = say or (lambda _: None)
    tell("Loading the weights")
    weights = load(
        request.source, revision=request.revision, dtype=request.dtype, device=request.device,
        trust_remote_code=request.trust_remote_code,
    )  # fmt: skip
    if weights.tokenizer is None:
        raise SourceError(f"{weights.source.name} comes without a tokenizer, so no text can be scored with it.")
    plan = None if request.plan is None else _fitting_plan(request.plan, weights.model)
    profile = None if request.profile is None else DecayProfile.load(request.profile)
    length = _length(request, plan, profile, weights.model)
    texts = held_out_texts(weights.tokenizer, length, request.texts, files=request.files)

    def make_planned() -> Planned:
        if profile is not None:
            return planned(profile, weights.model)
        tell("Measuring the plans on other text")
        return planned(measured_for(weights, length, files=request.files, progress=progress), weights.model)

    split, budgets = Split(weights.model, length, request.new), request.budgets
    for budget in budgets:
        split.kept_share(budget)  # what cannot be held is said before anything is measured
    methods = methods_named(request.methods, model=weights.model, length=length, planned=make_planned)
    named = None
    if plan is not None:
        alone = one_plan(plan)
        assert alone.only is not None
        methods = [alone, *methods]
        named = Named(alone.only, plan.target.get("max_loss"))
        # A plan for 30 % holds a few bytes less: one point serves for both.
        budgets = tuple(sorted({*(b for b in budgets if abs(b - alone.only) > 0.005), alone.only}))
    about = {"source": request.source, "files": [path.name for path in request.files]}
    sweep = Sweep(weights, split, methods, budgets, texts, named=named, about=about)
    groups = _questions(request, weights, length)
    journal = Journal({**sweep.identity, "questions": request.questions})
    if not request.resume:
        journal.discard()
    tell(f"Scoring {weights.model.name}")
    return _carry_out(sweep, groups, journal, request, plan, progress)


def _carry_out(
    sweep: Sweep, groups: list[list[Trial]], journal: Journal, request: Request, plan: KVPlan | None,
    progress: Progress | None,
) -> Outcome:  # fmt: skip
    n_texts, total = len(sweep.texts), len(sweep.texts) + len(groups)

    def told(done: int, _: int, what: str) -> None:
        if progress is not None:
            progress(done, total, what)

    found, timed, interrupted = [], None, False
    try:
        sweep.run(journal, progress=told)
        for index, group in enumerate(groups):
            told(n_texts + index, total, f"{sweep.weights.model.name}: {group[0].task}")
            found += _asked(sweep, group, journal, index)
        if request.time:
            of = plan or _timed_plan(sweep)
            tokens = torch.tensor(sweep.texts[0].tokens, device=sweep.weights.network.device)[None]
            timed = times(sweep.weights, of, tokens)
    except KeyboardInterrupt:
        interrupted = True
        if journal.finished("text-0000") is None:
            raise
    result = sweep.result(journal)
    result = replace(result, retrieval=_summed(found), times=timed, partial=interrupted or result.partial)
    return Outcome(result, journal)


def _asked(sweep: Sweep, group: list[Trial], journal: Journal, index: int) -> list[Retrieval]:
    piece = f"questions-{index:04d}"
    kept: list[dict[str, Any]] | None = journal.finished(piece)
    if kept is None:
        cells = ask(sweep.weights, group, sweep.methods, sweep.budgets, sweep.split.length)
        journal.keep(piece, [asdict(cell) for cell in cells])
        return cells
    return [Retrieval(**cell) for cell in kept]


def _summed(cells: list[Retrieval]) -> tuple[Retrieval, ...]:
    """Cells of different contexts that tell of the same, added up."""
    found: dict[tuple[Any, ...], Retrieval] = {}
    for cell in cells:
        key = (cell.task, cell.method, cell.budget, cell.length, cell.depth, cell.asked)
        if key in found:
            before = found[key]
            cell = replace(
                cell, trials=before.trials + cell.trials, right=before.right + cell.right, exact=before.exact + cell.exact
            )  # fmt: skip
        found[key] = cell
    return tuple(found.values())


def _questions(request: Request, weights: Weights, length: int) -> list[list[Trial]]:
    if not request.questions:
        return []
    return [
        group
        for task in TASKS
        for group in contexts(
            trials(
                weights.tokenizer, task, length, per_depth=request.questions, keys_per_context=KEYS_PER_CONTEXT
            )
        )
    ]  # fmt: skip


def _timed_plan(sweep: Sweep) -> KVPlan:
    """The plan of the first planned method at the middle budget."""
    for method in sweep.methods:
        if isinstance(method, Planned):
            return method.plan(method.only or sweep.budgets[len(sweep.budgets) // 2])
    raise EvaluationError("Only plans are timed: name `planned` or `uniform` among the methods, or give --plan.")


def _fitting_plan(path: Path, model: Model) -> KVPlan:
    plan = KVPlan.load(path)
    theirs = [(layer.index, layer.kind, layer.n_kv_heads) for layer in plan.layers]
    if theirs != [(layer.index, layer.kind, layer.n_kv_heads) for layer in model.layers]:
        raise EvaluationError(
            f"{path} is a plan of {plan.model}, with other layers or KV heads than {model.name}: plan for this model."
        )
    return plan


def _length(request: Request, plan: KVPlan | None, profile: DecayProfile | None, model: Model) -> int:
    given = {
        "--length": request.length,
        f"the plan ({request.plan})": None if plan is None else plan.length,
        f"the profile ({request.profile})": None if profile is None else profile.protocol.length,
    }
    said = {name: length for name, length in given.items() if length is not None}
    if len(set(said.values())) > 1:
        first, second = list(said.items())[:2]
        raise EvaluationError(
            f"{first[0]} has {first[1]:,} tokens and {second[0]} {second[1]:,}: plans are scored at the length they are for."
        )
    context = model.context_length
    length = next(iter(said.values()), min(2048, context or 2048))
    if context is not None and length > context:
        raise EvaluationError(
            f"{length:,} tokens is beyond the trained context of {model.name} ({context:,}): evaluate at fewer."
        )
    return length
