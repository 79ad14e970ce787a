"""What to evaluate, checked as far as arguments and files tell, before torch is imported and weights are loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ropescope.compress.evaluate.methods.names import DEFAULT, PLANNED, checked_names
from ropescope.compress.evaluate.scoring.budgets import Split
from ropescope.compress.evaluate.scoring.questions import require_room_for_questions
from ropescope.compress.plan.builder import PlanBuilder
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.plannable import check_same_model
from ropescope.compress.plan.target import DEFAULT_SINKS, Target
from ropescope.errors import EvaluationError, InputError
from ropescope.models.loadable import loadable
from ropescope.models.model import Model
from ropescope.models.text_files import check_texts
from ropescope.questions.domains import Flag, Whole
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import File, ListOf, Share, Text, Tokens
from ropescope.questions.shared import Loading, OnCluster, OneModel, OwnText, Resumable

if TYPE_CHECKING:
    from ropescope.measure.profile import DecayProfile

QUESTIONS = 4
"""At each depth, by default."""


@dataclass(frozen=True, kw_only=True)
class EvaluateInputs(OneModel, OwnText, Loading, Resumable, OnCluster):
    """What to evaluate. texts: how many of each kind; `text` replaces them by the user's own. plan: one that was made
    before. profile: one to plan from; without it plans are measured on the weights."""

    methods: tuple[str, ...] = asked(
        ListOf(Text(), least=1),
        "planned, windows (planned, nothing picked), uniform, snapkv, pyramidkv, tova, knorm, keydiff, random; from "
        "their authors' code where kvpress is installed, and then adakv, expected-attention and streamingllm too.",
        default=DEFAULT,
    )
    budgets: tuple[float, ...] = asked(
        ListOf(Share(), least=1), "Shares of the cache to hold, as 15% or 0.15.", default=(0.15, 0.3, 0.45, 0.6)
    )
    max_loss: float = asked(
        Share(), "How much loss may be added, as a share of the loss with the whole cache.", default=0.01
    )
    length: int | None = asked(
        Tokens(), "Tokens of a text, as 8192 or 8k (8,192); default: those of the plan, else 2048.", default=None
    )
    texts: int = asked(Whole(1, 10_000), "Texts of each kind (prose, code, tables).", default=4)
    scored: int = asked(Whole(2, 10**6), "Tokens of each text that come behind the cut.", default=64)
    needle: bool = asked(Flag(), "Ask for planted facts too, before the cut and after it.", default=False)
    questions: int = asked(Whole(1, 10_000), "Questions at each of five depths, with a needle.", default=QUESTIONS)
    plan: Path | None = asked(File(), "A plan made before: scored too, at its own budget.", default=None)
    profile: Path | None = asked(File(), "Plan from this profile; default: measure the weights.", default=None)
    time: bool = asked(Flag(), "Time prefill and decoding beside DynamicCache.", default=False)

    @property
    def most_pieces(self) -> int:
        """Texts of three kinds, and contexts at five depths: no more workers than these have something to do."""
        return 3 * self.texts + (5 if self.needle else 0)

    def __post_init__(self) -> None:
        """Raises InputError for a budget of the whole cache, and questions that are not asked."""
        if not self.needle and self.questions != QUESTIONS:
            raise InputError("questions", "`questions` goes with `needle`: give that too, or leave it out.")
        object.__setattr__(self, "budgets", tuple(sorted(set(self.budgets))))
        if self.budgets[-1] >= 1:
            raise InputError(
                "budgets",
                "`budgets`: a budget of the whole cache is what all others are compared with; leave out 100%.",
            )


def check_first(inputs: EvaluateInputs) -> None:
    """Raise now what arguments and files tell of an evaluation that cannot be made. No weights are read."""
    names = checked_names(inputs.methods)
    model = loadable(inputs.source, inputs.revision, reads_text=not inputs.trust_remote_code)
    plan = None if inputs.plan is None else fitting_plan(inputs.plan, model)
    profile = None
    if inputs.profile is not None:
        from ropescope.measure.profile import DecayProfile

        profile = DecayProfile.load(inputs.profile)
        check_same_model(profile, model)
    length = scored_length(inputs, plan, profile, model)
    # One half of the text is planned on and the other scored; no tokenizer makes more tokens than bytes.
    check_texts(inputs.text, inputs.column, least_bytes=2 * (length - 2))
    split = Split(model, length, inputs.scored)
    builder = PlanBuilder.of(model, length, DEFAULT_SINKS, None)
    for budget in inputs.budgets:
        split.kept_share(budget)
        if set(names) & set(PLANNED):
            builder.window_bytes(Target(budget_share=budget))
    if inputs.needle:
        require_room_for_questions(model, length, inputs.questions)
    if inputs.time and plan is None and not set(names) & set(PLANNED):
        raise nothing_to_time()


def nothing_to_time() -> EvaluationError:
    """The error of an evaluation that is to be timed and has no plan."""
    return EvaluationError("Only plans are timed: name planned or uniform among the methods, or give `plan`.")


def fitting_plan(path: Path, model: Model) -> KVPlan:
    """The plan in `path`. Raises EvaluationError where it is one of another model than `model`."""
    plan = KVPlan.load(path)
    theirs = [(layer.index, layer.kind, layer.n_kv_heads) for layer in plan.layers]
    if theirs != [(layer.index, layer.kind, layer.n_kv_heads) for layer in model.layers]:
        raise EvaluationError(
            f"{path} is a plan of {plan.model}, with other layers or KV heads than {model.name}: plan for this model."
        )
    return plan


def scored_length(inputs: EvaluateInputs, plan: KVPlan | None, profile: DecayProfile | None, model: Model) -> int:
    """The tokens of a text: as asked, as planned or as measured, which must agree. Raises EvaluationError."""
    given = {
        "`length`": inputs.length,
        f"the plan ({inputs.plan})": None if plan is None else plan.length,
        f"the profile ({inputs.profile})": None if profile is None else profile.protocol.length,
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
