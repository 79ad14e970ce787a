"""What to evaluate, checked as far as arguments and files tell, before torch is imported and weights are loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ropescope.compress.evaluate.budgets import Split
from ropescope.compress.evaluate.names import DEFAULT, PLANNED, checked_names
from ropescope.compress.frame import DEFAULT_SINKS, Frame, Target
from ropescope.compress.plan import KVPlan
from ropescope.compress.plannable import check_same_model
from ropescope.errors import EvaluationError
from ropescope.models.loadable import encoder_of, loadable
from ropescope.models.model import Model
from ropescope.models.text_files import check_texts
from ropescope.quality.planting import Task
from ropescope.quality.trials import require_room

if TYPE_CHECKING:
    from ropescope.measure.profile import DecayProfile

ASKED_TASKS: tuple[Task, ...] = ("passkey", "key-value")
KEYS_PER_CONTEXT = 10
"""Facts that share a text."""


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
    column: str = "text"
    questions: int = 0
    plan: Path | None = None
    profile: Path | None = None
    time: bool = False
    dtype: str = "auto"
    device: str | None = None
    revision: str | None = None
    trust_remote_code: bool = False
    resume: bool = False


def check_first(request: Request) -> None:
    """Raise now what arguments and files tell of an evaluation that cannot be made. No weights are read."""
    names = checked_names(request.methods)
    model = loadable(request.source, request.revision, reads_text=not request.trust_remote_code)
    plan = None if request.plan is None else fitting_plan(request.plan, model)
    profile = None
    if request.profile is not None:
        from ropescope.measure.profile import DecayProfile

        profile = DecayProfile.load(request.profile)
        check_same_model(profile, model)
    length = scored_length(request, plan, profile, model)
    # One half of the text is planned on and the other scored; no tokenizer makes more tokens than bytes.
    check_texts(request.files, request.column, least_bytes=2 * (length - 2))
    split = Split(model, length, request.new)
    frame = Frame.of(model, length, DEFAULT_SINKS, None)
    for budget in request.budgets:
        split.kept_share(budget)
        if set(names) & set(PLANNED):
            frame.window_bytes(Target(budget_share=budget))
    if request.questions and (encode := encoder_of(model.source)) is not None:
        for task in ASKED_TASKS:
            require_room(encode, task, length, request.questions, keys_per_context=KEYS_PER_CONTEXT)
    if request.time and plan is None and not set(names) & set(PLANNED):
        raise nothing_to_time()


def nothing_to_time() -> EvaluationError:
    """The error of an evaluation that is to be timed and has no plan."""
    return EvaluationError("Only plans are timed: name `planned` or `uniform` among the methods, or give --plan.")


def fitting_plan(path: Path, model: Model) -> KVPlan:
    """The plan in `path`. Raises EvaluationError where it is one of another model than `model`."""
    plan = KVPlan.load(path)
    theirs = [(layer.index, layer.kind, layer.n_kv_heads) for layer in plan.layers]
    if theirs != [(layer.index, layer.kind, layer.n_kv_heads) for layer in model.layers]:
        raise EvaluationError(
            f"{path} is a plan of {plan.model}, with other layers or KV heads than {model.name}: plan for this model."
        )
    return plan


def scored_length(request: Request, plan: KVPlan | None, profile: DecayProfile | None, model: Model) -> int:
    """The tokens of a text: as asked, as planned or as measured, which must agree. Raises EvaluationError."""
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
