"""Launch: the command for one way of serving, with the reason of every flag and whether it fits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ropescope.checks.fit_caveats import caveats, gib
from ropescope.checks.serving.engines.engine import find_engine, read_flags
from ropescope.checks.serving.fitting.fit import Fit, fit, working_split
from ropescope.checks.serving.fitting.on_devices import device_data, on_devices, on_each
from ropescope.checks.serving.fitting.ways_to_fit import ways_to_fit
from ropescope.checks.serving.inputs import HeldInputs, read_serving
from ropescope.checks.serving.launch.commands import command
from ropescope.checks.serving.launch.published_files import of_gguf, published, require_runs_gguf
from ropescope.checks.serving.launch.settings import Command
from ropescope.checks.serving.opening import open_one
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.support.context_limit import context_problem
from ropescope.errors import DomainError
from ropescope.questions.domains import Flag
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Text
from ropescope.questions.question import Run
from ropescope.report.report import Column, Fact, Report, Table


@dataclass(frozen=True, kw_only=True)
class LaunchInputs(HeldInputs):
    """A way of serving, and what to do where it does not fit."""

    gguf: str | None = asked(
        Text(metavar="FILE|REPO"),
        "A GGUF file, or a repository as org/name:Q4_K_M, to run.",
        default=None,
        group="model",
    )
    rescue: bool = asked(Flag(), "If it does not fit, take the cheapest way out.", default=False, group="load")


def answer(inputs: LaunchInputs, run: Run) -> Report:
    """The command that serves a model: every flag is one the engine has, with its reason, and whether it fits."""
    if inputs.gguf is not None:
        inputs = replace(inputs, engine=inputs.engine or "llama.cpp")
        require_runs_gguf(find_engine(inputs.engine or "").name)
    model, inputs = open_one(inputs)
    return launch_report(read_serving(model, inputs), gguf=inputs.gguf, rescue=inputs.rescue)


def launch_report(serving: Serving, *, gguf: str | None = None, rescue: bool = False) -> Report:
    """The command (`lead`), every setting with its reason, and whether it fits.

    `gguf` is a GGUF file or repository to run instead (llama.cpp, Ollama); with `rescue` the cheapest way out is taken where
    it does not fit. `data["refused"]` says why the engine would not start with such a context. Raises DomainError for what
    the engine cannot run, and with `rescue` where no change helps.
    """
    changed, unread = "", None
    if gguf is not None:
        serving, unread = of_gguf(serving, gguf)
    if rescue:
        serving, changed = _rescued(serving)
    else:
        serving, changed = _with_split(serving)
    serving = published(serving)
    found = fit(serving)
    if found.outcome == "does not run":
        raise DomainError(f"{serving.model.name} {found.outcome_in_words} {on_devices(serving)}: {found.problem}")
    made, refused = command(serving, unread), context_problem(serving)
    engine = serving.engine
    source = str(read_flags()[engine.name]["source"])
    rows = tuple((row.flag, row.value, row.why) for row in made.settings)
    return Report(
        title=f"{serving.model.name} with {engine.name} on {on_devices(serving)}",
        verdict=_verdict(found, changed, refused),
        facts=(
            Fact("engine", f"{engine.name} {engine.version}", "", "published", f"flags from {source}"),
            Fact("needed", found.demand.total / 2**30, "GiB", "formula", "as `fit` counts it"),
            Fact("may be used", found.budget.n_bytes / 2**30, "GiB", found.budget.basis, found.budget.source),
        ),
        tables=(Table("Settings", (Column("setting"), Column("value"), Column("why")), rows),),
        caveats=(*(f"First: {step}" for step in made.before if "\n" not in step), *made.remarks, *caveats(serving)),
        next_steps=() if found.ok or refused else ("`rescue` gives the command with the cheapest way out.",),
        data=_data(serving, made, found, changed, source, refused),
        holds=False if refused else found.answer,
        lead=made.script,
    )


def _with_split(serving: Serving) -> tuple[Serving, str]:
    """With a split that works, where the user gave a number of devices alone."""
    found = working_split(serving)
    return found, "" if found is serving else f"split as {found.split.options}"


def _rescued(serving: Serving) -> tuple[Serving, str]:
    if fit(serving).ok:
        return serving, ""
    for way in ways_to_fit(serving):
        try:
            command(way.serving)
        except DomainError:  # weights that were quantised already are not quantised otherwise
            continue
        return way.serving, way.change
    raise DomainError(f"{serving.model.name} does not fit {on_devices(serving)}, and no way out was found.")


def _verdict(found: Fit, changed: str, refused: str) -> str:
    serving = found.serving
    need, allowed = gib(found.demand.total), gib(found.budget.n_bytes)
    what = f"{serving.model.name} at {serving.context_tokens:,} tokens × {serving.batch:,}"
    each = on_each(serving)
    told = f" (changed: {changed})" if changed else ""
    if found.problem:
        return f"{what} {found.outcome_in_words} {on_devices(serving)}: {found.problem}"
    if refused:
        return f"{what} cannot be served on {on_devices(serving)}. {refused}"
    if found.outcome == "may fit":
        return (
            f"{what} needs at least {need} of {allowed}{each} on {on_devices(serving)}{told}: that is a lower bound, since "
            "its files say more than was understood."
        )
    if found.ok:
        return f"{what} fits {on_devices(serving)}{told}: {need} of {allowed}{each}."
    lack = f"{what} does not fit {on_devices(serving)} ({need} of {allowed}{each})"
    if serving.engine.name in ("llama.cpp", "ollama") and serving.device.vendor != "cpu":
        return f"{lack}: {serving.engine.name} will move a part to system memory, and be slower."
    return f"{lack}: expect this command to fail."


def _data(serving: Serving, made: Command, found: Fit, changed: str, source: str, refused: str) -> dict[str, Any]:
    return {
        "model": serving.model.name,
        "engine": serving.engine.name,
        "engine_version": serving.engine.version,
        "flags_from": source,
        "language": made.language,
        "command": made.script,
        "settings": [{"flag": row.flag, "value": row.value, "why": row.why} for row in made.settings],
        "before": list(made.before),
        "remarks": list(made.remarks),
        "changed": changed,
        "fits": False if refused else found.answer,
        "refused": refused,
        "lower_bound": list(found.demand.lacks),
        "warnings": list(caveats(serving)),
        "outcome": found.outcome,
        "total_bytes": found.demand.total,
        "budget_bytes": found.budget.n_bytes,
        "device": serving.device.name,
        "detected": serving.device.detected,
        "devices": device_data(serving),
        "count": serving.count,
        "context_tokens": serving.context_tokens,
        "batch": serving.batch,
        "precision": serving.precision,
        "cache_type": serving.cache_type.label,
    }
