"""What to plan a smaller cache from, and the plan: by a kept profile, the model's weights, or its files and a formula."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ropescope.compress.engines.carried import ENGINES
from ropescope.compress.kept_source import check_kept
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.target import DEFAULT_SINKS, Target
from ropescope.errors import InputError, PlanError
from ropescope.questions.domains import Choice, Flag, Real, Whole
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Budget, Share, Source, Text, Tokens
from ropescope.questions.names import shown
from ropescope.questions.question import Run
from ropescope.questions.shared import Loading, OneModel, OwnText
from ropescope.report.report import Report

if TYPE_CHECKING:
    from ropescope.measure.profile import DecayProfile
    from ropescope.models.model import Model

PROMPTS = 6
_OF_WEIGHTS = {
    "text": (),
    "dtype": "auto",
    "device": None,
    "trust_remote_code": False,
    "windows_only": False,
    "prompts": PROMPTS,
}
"""Inputs that only a measurement of the weights has a use for, with what they are when they are not given."""

_UNUSED = (
    "A profile lies beside the weights and was not used, since what each cut costs was measured on the weights; `from_profile` "
    "plans from it without loading them."
)


@dataclass(frozen=True, kw_only=True)
class PlanInputs(OneModel, OwnText, Loading):
    """What a plan is made from, and what it is asked for: `keep_mass`, `budget` or `max_loss`. `budget` is a share of the
    cache (a float) or bytes (an int)."""

    source: str = asked(
        Source(),
        "A model, whose weights are then measured; or a profile that measure has kept.",
        placed=True,
        group="model",
    )
    budget: int | float | None = asked(
        Budget(), "Bytes for the whole cache of a sequence: 30%, 512MiB, 2GB.", default=None
    )
    max_loss: float | None = asked(
        Share(), "The smallest cache that adds no more than this to the loss, as 1%; by scoring.", default=None
    )
    keep_mass: float | None = asked(
        Share(), "Keep this share of every head's attention outside the sinks, as 0.9.", default=None
    )
    from_profile: bool = asked(
        Flag(), "Plan from the profile that lies beside the weights, and load no weights.", default=False
    )
    model: str | None = asked(
        Source(), "The model of a profile; default: the one that it lies beside, else the one it names.", default=None
    )
    length: int | None = asked(
        Tokens(),
        "Tokens of a sequence, as 8192 or 8k (8,192); default: those of the profile, else 2,048.",
        default=None,
    )
    windows_only: bool = asked(
        Flag(), "Keep sinks and latest tokens only, and pick none by their content.", default=False
    )
    uniform: bool = asked(Flag(), "One window for all heads: what every plan must beat.", default=False)
    gamma: float | None = asked(
        Real(), "One window for all heads from the closed form D_f(γ, N) with this exponent.", default=None
    )
    sinks: int | None = asked(
        Whole(0, 10**6), "First tokens kept in every head; default: those of the profile, else 4.", default=None
    )
    cache_type: str | None = asked(
        Text(), "Type of the cache: bf16, f16, f32, fp8, q8_0, …; default: the model's.", default=None
    )
    engine: str | None = asked(
        Choice(ENGINES),
        "The best plan that this engine carries out, with its setting; default: the whole plan, for transformers.",
        default=None,
    )
    prompts: int = asked(Whole(1, 10_000), "Texts to measure on, where weights are measured.", default=PROMPTS)

    def __post_init__(self) -> None:
        """Raises PlanError for inputs that do not go together."""
        self.target()
        if self.gamma is not None and self.uniform:
            raise PlanError("Give `gamma` or `uniform`, not both.")
        if self.from_profile and (self.of_profile or self.gamma is not None or self.uniform):
            raise InputError(
                "from_profile", "`from_profile` is for a model with a profile beside its weights: leave it out here."
            )
        if self.model is not None and not self.of_profile:
            if self.gamma is not None or self.uniform:
                raise PlanError("`model` goes with a profile: otherwise give the model in its place.")
            raise InputError(
                "source",
                f"`source` {shown(self.source)} is no profile, and `model` goes with one: name the profile, or leave `model` out.",
            )
        if self.of_profile or self.from_profile or self.gamma is not None or self.uniform:
            for name, left_out in _OF_WEIGHTS.items():
                if getattr(self, name) != left_out:
                    if self.of_profile:
                        check_kept(Path(self.source))
                    raise InputError(
                        name, f"`{name}` is for plans measured on weights: leave it out, this plan loads none."
                    )

    @property
    def of_profile(self) -> bool:
        """Whether a kept profile is planned from."""
        path = Path(self.source)
        by_formula = self.gamma is not None or self.uniform
        names_weights = path.suffix.lower() in (".gguf", ".safetensors") or path.name.endswith(
            ("config.json", ".index.json")
        )
        return not by_formula and os.path.isfile(path) and not names_weights

    def target(self) -> Target:
        """What the plan is asked for. Raises PlanError unless it is one thing."""
        share = self.budget if isinstance(self.budget, float) else None
        size = self.budget if isinstance(self.budget, int) else None
        return Target(keep_mass=self.keep_mass, max_loss=self.max_loss, budget_share=share, budget_bytes=size)


def answer(inputs: PlanInputs, run: Run) -> Report:
    """Which tokens each KV head keeps, for a share of the attention, a budget of bytes or an added loss."""
    if inputs.of_profile:
        check_kept(Path(inputs.source))
    if inputs.engine not in (None, "transformers"):
        from ropescope.compress.engines.asking import answer_for_engine

        return answer_for_engine(inputs, run)
    from ropescope.compress.plan.report import plan_report

    plan, source, notes = _made(inputs, run)
    report = plan_report(plan, run.keep("plan", lambda path: [plan.save(path)]), source=source)
    return replace(report, caveats=(*report.caveats, *notes))


def _made(inputs: PlanInputs, run: Run) -> tuple[KVPlan, str, tuple[str, ...]]:
    """The plan, the model it is for as one writes it, and what to know of where it is from."""
    if inputs.from_profile:
        return _from_beside(inputs, inputs.source, run)
    if inputs.of_profile:
        from ropescope.measure.beside import lies_beside

        weights = lies_beside(Path(inputs.source))
        if inputs.model is None and weights is not None:
            return _from_beside(inputs, str(weights), run)
        return (*_from_profile(inputs), ())
    if inputs.gamma is not None or inputs.uniform:
        return _from_formula(inputs), inputs.source, ()
    return _from_weights(inputs, run)


def _from_profile(inputs: PlanInputs) -> tuple[KVPlan, str]:
    from ropescope.measure.profile import DecayProfile
    from ropescope.models.opening import open as open_model

    profile = DecayProfile.load(Path(inputs.source))
    source = inputs.model or str(profile.provenance.get("model", ""))
    model = open_model(source, revision=inputs.revision)
    return _by_profile(inputs, profile, model), source


def _from_beside(inputs: PlanInputs, source: str, run: Run) -> tuple[KVPlan, str, tuple[str, ...]]:
    """Plan from the profile beside the weights of `source`. Raises InputError for none, SourceError for another model's."""
    from ropescope.measure.beside import name_beside, profile_beside, theirs
    from ropescope.models.opening import open as open_model

    model = open_model(source, revision=inputs.revision)
    with run.working():
        run.say("Checking the profile against the weights")
        found = profile_beside(model)
    if found is None:
        raise InputError(
            "from_profile",
            f"No {name_beside(model.source)} lies beside the weights of {model.name}: measure with `out` naming "
            "their folder, or leave out `from_profile`.",
        )
    plan = _by_profile(inputs, theirs(found).profile, model)
    return plan, source, (f"Planned from {found.about}. Its weights are these, by their SHA-256.",)


def _by_profile(inputs: PlanInputs, profile: DecayProfile, model: Model) -> KVPlan:
    from ropescope.compress.plan.planning import plan_from_profile

    if inputs.sinks not in (None, profile.protocol.sinks):
        raise InputError(
            "sinks",
            f"The profile left {profile.protocol.sinks} sinks out of its distances: leave out `sinks`, or measure with "
            f"`sinks` {inputs.sinks}.",
        )
    return plan_from_profile(
        profile,
        model,
        inputs.target(),
        length=inputs.length,
        cache_type=inputs.cache_type,
    )


def _from_weights(inputs: PlanInputs, run: Run) -> tuple[KVPlan, str, tuple[str, ...]]:
    """Measure what cutting each head costs its layer's output, and plan by that."""
    from ropescope.compress.plan.planning import measurable_model
    from ropescope.measure.beside import has_profile

    target, sinks = inputs.target(), _sinks(inputs)
    model = measurable_model(inputs, target, sinks)
    from ropescope.compress.evaluate.from_weights import plan_from_weights
    from ropescope.network.loading.asked import load_asked

    with run.working():
        weights = load_asked(inputs, run.say)
        run.say(f"Measuring {weights.on_what}")
        plan = plan_from_weights(
            weights,
            target,
            length=inputs.length,
            sinks=sinks,
            picks=not inputs.windows_only,
            prompts=inputs.prompts,
            files=inputs.text,
            column=inputs.column,
            cache_type=inputs.cache_type,
            progress=run.progress,
            say=run.say,
        )
    return plan, inputs.source, (_UNUSED,) if has_profile(model.source) else ()


def _from_formula(inputs: PlanInputs) -> KVPlan:
    from ropescope.compress.plan.planning import plan_from_gamma, plan_uniform
    from ropescope.models.opening import open as open_model

    model = open_model(inputs.source, revision=inputs.revision)
    length = inputs.length or model.context_length
    if length is None:
        raise InputError("length", f"{model.name} states no context length: give `length`.")
    common: dict[str, Any] = {"length": length, "sinks": _sinks(inputs), "cache_type": inputs.cache_type}
    if inputs.gamma is None:
        return plan_uniform(model, inputs.target(), **common)
    return plan_from_gamma(inputs.gamma, model, inputs.target(), **common)


def _sinks(inputs: PlanInputs) -> int:
    return DEFAULT_SINKS if inputs.sinks is None else inputs.sinks
