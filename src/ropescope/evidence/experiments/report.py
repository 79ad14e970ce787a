"""An experiment as a Report: which prediction stands, the numbers, and what was said before the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ropescope.errors import MeasurementError
from ropescope.evidence.experiments.experiment import Decision, Expectation, Experiment, Range
from ropescope.evidence.experiments.observations import plain
from ropescope.evidence.experiments.registry import EXPERIMENTS
from ropescope.evidence.experiments.running import Result
from ropescope.evidence.tables import table
from ropescope.network.type_words import number_type_fact
from ropescope.report.report import Fact, Report, Step, Table

SCHEMA = "ropescope.experiment/1"

_VERDICTS: Mapping[Decision, str] = {
    "theory": "The theory's prediction stands",
    "null": "The null stands",
    "neither": "Neither prediction stands",
    "undecided": "Undecided",
}


def experiment_report(result: Result) -> Report:
    """The report of a finished experiment. `data` is the result for machines, the predictions included."""
    found, experiment = result.observed, result.experiment
    provenance = found.provenance
    name = provenance.get("model") or f"{len(result.sources)} models"
    return Report(
        title=f"{experiment.name} · {name} · {_how(result)}",
        verdict=f"{_VERDICTS[result.decision]} ({experiment.name}, {name}): {found.sentence}.",
        facts=(
            *_facts(result),
            *found.facts,
            *((number_type_fact(provenance, "attention rows in float32"),) if provenance.get("dtype") else ()),
            Fact("time", result.seconds, "s", source="the whole experiment"),
        ),
        tables=(_predictions(experiment), _held_against(result), *found.tables),
        figures=found.figures,
        caveats=(*(str(note) for note in provenance.get("notes", [])), *_caveats(result), *found.caveats),
        next_steps=_next_steps(result),
        data={
            "schema": SCHEMA,
            "experiment": experiment.name,
            "question": experiment.question,
            "model": provenance.get("model"),
            "sources": list(result.sources),
            "stands": result.decision,
            "prediction": experiment.prediction,
            "statistics": [_statistic(item, result) for item in result.expectations],
            "setting": _setting(result),
            "results": dict(found.data),
            "provenance": dict(provenance),
            "seconds": result.seconds,
        },
    )


def list_report() -> Report:
    """All experiments with what they ask."""
    return Report(
        title="Experiments",
        verdict=f"{len(EXPERIMENTS)} experiments, each with its predictions fixed before the run.",
        tables=(
            table(
                "Experiments",
                "name | question | prompts | length [tokens]",
                [(e.name, e.question, e.prompts, e.length) for e in EXPERIMENTS.values()],
                note="prompts and length are defaults, chosen for minutes on two cores with a model of 135 million parameters.",
            ),
        ),
        next_steps=(
            Step("experiment", {"name": "NAME"}, "What an experiment predicts"),
            Step("experiment", {"name": "random-init", "sources": ["smollm2"]}, "Run one"),
        ),
        data={"experiments": [_described(experiment) for experiment in EXPERIMENTS.values()]},
    )


def description_report(experiment: Experiment) -> Report:
    """What an experiment predicts, without running it."""
    sources = ["smollm2"] if experiment.sources == 1 else ["MODEL", "MODEL", "MODEL", "PROFILE.parquet", "…"]
    return Report(
        title=f"{experiment.name} · {experiment.prompts} prompts of {experiment.length:,} tokens",
        verdict=experiment.question,
        tables=(_predictions(experiment),),
        next_steps=(Step("experiment", {"name": experiment.name, "sources": sources}, "Run it"),),
        data=_described(experiment),
    )


def _described(experiment: Experiment) -> dict[str, Any]:
    names = ("name", "question", "prediction", "prompts", "length", "needs_rope", "sources")
    return {name: getattr(experiment, name) for name in names}


def _how(result: Result) -> str:
    if result.experiment.sources > 1:  # kept profiles have prompts of their own
        return f"{result.observed.data['length']:,} tokens"
    setting, about = result.setting, result.observed.provenance.get("corpus_about")
    return f"{setting.prompts} prompts of {setting.length:,} tokens" + (f" · {about}" if about else "")


def _facts(result: Result) -> list[Fact]:
    facts = []
    for item in result.expectations:
        estimate = result.observed.measured[item.statistic]
        if estimate.value is None:
            raise MeasurementError(f"{item.statistic} could not be computed: use more prompts or a longer `length`.")
        facts.append(Fact(item.statistic, round(estimate.value, 4), interval=estimate.ci, source="decides"))
    return facts


def _predictions(experiment: Experiment) -> Table:
    return table("Said before the run", ("", "prediction"), experiment.prediction.items())


def _held_against(result: Result) -> Table:
    rows = []
    for item in result.expectations:
        estimate = result.observed.measured[item.statistic]
        sides = zip((item.theory, item.null), item.agrees(estimate), strict=True)
        rows.append((item.statistic, estimate, *(cell for side in sides for cell in _side(*side))))
    return table(
        "Held against the measurement",
        "statistic | ~measured | theory says | holds | null says | holds",
        rows,
        note="A prediction stands if the 95 % interval of every statistic that it speaks of meets the range it gave; both: "
        "undecided.",
    )


def _side(said: Range | None, holds: bool | None) -> tuple[str | None, str | None]:
    """What one side says of a statistic, and whether it holds."""
    return None if said is None else str(said), None if holds is None else "yes" if holds else "no"


def _statistic(item: Expectation, result: Result) -> dict[str, Any]:
    estimate = result.observed.measured[item.statistic]
    theory, null = item.agrees(estimate)
    return {
        "name": item.statistic,
        **plain(estimate),
        "theory": None if item.theory is None else [item.theory.low, item.theory.high],
        "theory_holds": theory,
        "null": None if item.null is None else [item.null.low, item.null.high],
        "null_holds": null,
    }


def _setting(result: Result) -> dict[str, Any]:
    setting = result.setting
    names = ("prompts", "length", "seed", "corpus", "texts", "dtype", "d_min", "resamples")
    return {name: getattr(setting, name) for name in names} | {"texts": [path.name for path in setting.texts]}


def _caveats(result: Result) -> list[str]:
    found = []
    if result.experiment.sources == 1:
        found.append("One model: what stands here stands for this model.")
    if result.observed.provenance.get("beyond_trained"):
        found.append("The length is beyond the trained context: this is extrapolation.")
    return found


def _next_steps(result: Result) -> tuple[str, ...]:
    steps = []
    apart = any(item.theory != item.null for item in result.expectations)
    if result.decision == "undecided" and apart and result.experiment.sources == 1:
        steps.append(f"Narrow the intervals: `prompts` {4 * result.setting.prompts}.")
    steps.append("Keep the result: give `out`; show the figure: `html` or `figure`.")
    return tuple(steps)
