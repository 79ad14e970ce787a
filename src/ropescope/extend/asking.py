"""What to plan for a longer context, and the plan with the settings of each engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ropescope.errors import ExtendError
from ropescope.extend.plan.choosing import require_method
from ropescope.extend.plan.planning import fitting_plan, plan_extension
from ropescope.extend.plan.rope_plan import RopePlan
from ropescope.extend.report import plan_report
from ropescope.extend.settings.config_file import save_config
from ropescope.extend.settings.engines import all_settings, only_transformers, settings_for
from ropescope.models.model import Model
from ropescope.models.opening import open as open_model
from ropescope.models.source import ALIASES
from ropescope.questions.domains import Real
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import ListOf, Output, Text, Tokens
from ropescope.questions.question import Run
from ropescope.questions.shared import OneModel
from ropescope.report.report import Report

_CHANGES = ("factor", "gamma", "alpha", "trained")
"""Inputs that change a plan while it is made."""


@dataclass(frozen=True, kw_only=True)
class PlanInputs(OneModel):
    """How many tokens to reach, and by which method."""

    to: int = asked(Tokens(least=2), "Target length in tokens, as 32768 or 32k (32,768).")
    method: str = asked(
        Text(),
        "auto, none, linear, ntk, dynamic, yarn, llama3, alpha or rerope; or a saved plan (plan.json).",
        default="auto",
    )
    factor: float | None = asked(Real(), "Scaling factor; default: target / trained length.", default=None)
    gamma: float | None = asked(Real(), "With method alpha: the target γ; the base follows (α_opt).", default=None)
    alpha: float | None = asked(Real(), "With method alpha: the multiplier of the base θ.", default=None)
    trained: int | None = asked(
        Tokens(least=2), "Trained length in tokens, if the files do not state it.", default=None
    )
    engine: tuple[str, ...] = asked(
        ListOf(Text(metavar="NAME[@VERSION]"), repeats=True),
        "transformers, vllm, sglang, llama.cpp or ollama, as vllm@0.10.2 for an older version; may repeat. With "
        "transformers alone, methods that work in transformers only are considered too.",
        default=(),
    )
    save_config: Path | None = asked(
        Output(metavar="FOLDER"),
        "Write the model's config.json with the new RoPE settings to this folder.",
        default=None,
    )
    save_gguf: Path | None = asked(
        Output(), "For a GGUF file: write a copy with the new RoPE settings, for llama.cpp and Ollama.", default=None
    )

    def changes(self) -> dict[str, Any]:
        """What is given of `_CHANGES`."""
        found = {name: getattr(self, name) for name in _CHANGES}
        return {name: value for name, value in found.items() if value is not None}


def answer(inputs: PlanInputs, run: Run) -> Report:
    """Which scaling reads `to` tokens, what it does to each frequency, and the settings of each engine."""
    _check_first(inputs)
    model = open_model(inputs.source, revision=inputs.revision, config_only=True)
    plan = _plan(inputs, model)
    named = ALIASES.get(model.source.name, model.source.base.spelled)  # engines know the repository, not our short name
    settings = (
        [settings_for(plan, named, name) for name in inputs.engine] if inputs.engine else all_settings(plan, named)
    )
    config_in = None if inputs.save_config is None else str(save_config(plan, model, inputs.save_config))
    gguf_in = None if inputs.save_gguf is None else str(_write_gguf(plan, model, inputs.save_gguf, run))
    kept = run.keep("plan", lambda path: [plan.save(path)])
    if kept is None and inputs.method.endswith(".json"):
        kept = inputs.method
    return plan_report(plan, settings, source=inputs.source, kept_in=kept, config_in=config_in, gguf_in=gguf_in)


def _check_first(inputs: PlanInputs) -> None:
    if inputs.method.endswith(".json"):
        given = inputs.changes()
        if given:
            RopePlan.load(Path(inputs.method))  # a damaged file is told first: it is no finished plan
            raise ExtendError(
                f"{inputs.method} is a finished plan, which `{next(iter(given))}` cannot change: remove it, or name a method."
            )
    else:
        require_method(inputs.method)
    for name in inputs.engine:
        only_transformers([name])  # raises for a name that is not an engine's
    if inputs.save_gguf is not None:
        from ropescope.report.files import require_writable

        require_writable([inputs.save_gguf])


def _plan(inputs: PlanInputs, model: Model) -> RopePlan:
    if inputs.method.endswith(".json"):
        return fitting_plan(Path(inputs.method), model, inputs.to)
    in_config = not only_transformers(inputs.engine) or any(
        value is not None for value in (inputs.factor, inputs.save_config, inputs.save_gguf)
    )
    return plan_extension(model, inputs.to, inputs.method, in_config=in_config, **inputs.changes())


def _write_gguf(plan: RopePlan, model: Model, path: Path, run: Run) -> Path:
    from ropescope.extend.settings.gguf_file import save_gguf

    with run.working():
        run.say(f"Writing {path.name}")
        return save_gguf(plan, model, path)
