"""Run an experiment: its predictions first, then the work, then which of them stands."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ropescope.errors import DomainError, MeasurementError
from ropescope.evidence.experiments.experiment import Decision, Expectation, Experiment, Setting, decide
from ropescope.evidence.experiments.observations import Observations
from ropescope.evidence.experiments.panel_members import expanded_sources, is_kept, require_one_base
from ropescope.evidence.experiments.registry import EXPERIMENTS, find, observe
from ropescope.models.loadable import require_weights
from ropescope.models.model import Model
from ropescope.models.opening import open as open_model
from ropescope.models.text_files import check_texts
from ropescope.runs.job import Progress
from ropescope.runs.journal import Journal


@dataclass(frozen=True, slots=True)
class Result:
    """A finished experiment, and what was kept on disk for resuming it."""

    experiment: Experiment
    sources: tuple[str, ...]
    setting: Setting
    expectations: tuple[Expectation, ...]
    observed: Observations
    seconds: float
    journals: tuple[Journal, ...] = field(repr=False, compare=False, default=())

    def clear(self) -> None:
        """Remove what was kept for resuming; call it once the result is safe."""
        for journal in self.journals:
            journal.discard()

    @property
    def decision(self) -> Decision:
        """Which prediction stands."""
        return decide(self.expectations, self.observed.measured)


def run_experiment(
    name: str,
    sources: Sequence[str],
    setting: Setting | None = None,
    *,
    progress: Progress | None = None,
    log: Callable[[str], None] | None = None,
) -> Result:
    """Run the experiment `name` on `sources` (one, but for theta-panel).

    `progress` is called after each prompt with (done, planned, what), `log` hears what begins. Raises DomainError for an
    unknown name or a model without RoPE where it needs one, MeasurementError for too few sources or prompts.
    """
    experiment = find(name)
    setting = setting or Setting()
    sources = tuple(sources)
    if experiment.sources > 1:
        sources = expanded_sources(sources, setting.for_experiment(experiment, None))
    _require_sources(experiment, sources)
    models = [open_model(source, revision=setting.revision) for source in sources if not is_kept(source)]
    for each in models:
        _require_rope(experiment, each)
        if experiment.sources > 1:
            require_one_base(each, setting.for_experiment(experiment, None))
        require_weights(each.source)
    check_texts(setting.texts, setting.column)
    model = models[0] if len(sources) == 1 else None
    setting = setting.for_experiment(experiment, model)
    expectations = experiment.expect(model, setting)
    if model is not None and setting.length >= 64:
        from ropescope.measure.protocol import FixedLength
        from ropescope.measure.request import Plan, prompt_tokens

        protocol = FixedLength(setting.length, rows=min(64, setting.length // 4))
        prompt_tokens(model, Plan(protocol, beyond_trained=setting.beyond_trained))

    from ropescope.evidence.experiments.context import ExperimentContext, interrupted

    context = ExperimentContext(sources, setting, experiment.parts or len(models), progress, log or (lambda _: None))
    began = time.perf_counter()
    try:
        observed = observe(experiment, context)
    except KeyboardInterrupt as stop:
        raise interrupted() from stop
    return Result(
        experiment, sources, setting, expectations, observed, round(time.perf_counter() - began, 1), context.journals
    )


def _require_sources(experiment: Experiment, sources: tuple[str, ...]) -> None:
    if experiment.sources == 1:
        if len(sources) != 1:
            raise MeasurementError(f"{experiment.name} looks at one model, and {len(sources)} sources were given.")
        if sources[0].endswith(".parquet"):
            raise MeasurementError(
                f"{experiment.name} measures a model itself, and {sources[0]} is a kept profile: give the model. "
                "theta-panel takes profiles."
            )
        return
    different = len(set(sources))
    if different < experiment.sources:
        raise MeasurementError(
            f"{experiment.name} compares models, and {different} {'was' if different == 1 else 'were'} given: it takes "
            f"{experiment.sources} at the least, with different RoPE bases, and 20 to decide. Each may be a model or a "
            "profile kept by `measure` with `out`."
        )


def _require_rope(experiment: Experiment, model: Model) -> None:
    if not experiment.needs_rope and experiment.sources == 1:
        return
    if len(model.rope_thetas) == 1 or (model.rope_thetas and experiment.sources > 1):
        return  # a panel asks for one base in the layers that γ is fitted to, which is seen once they are measured
    remain = ", ".join(other.name for other in EXPERIMENTS.values() if not other.needs_rope and other.sources == 1)
    if model.rope_thetas:
        found = ", ".join(f"{theta:g}" for theta in model.rope_thetas)
        cause = f"has several RoPE bases ({found}), and γ_Padé knows one"
    else:
        cause = f"has no rotary positions ({model.position_words}), so there is no base θ to predict from or to change"
    raise DomainError(f"{model.name} {cause}: {experiment.name} does not apply. What remains: {remain}.")
