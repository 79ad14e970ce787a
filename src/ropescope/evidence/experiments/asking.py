"""An experiment, as a question: which there are, what one predicts, or one run on a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ropescope.errors import InputError
from ropescope.evidence.experiments.registry import find
from ropescope.evidence.experiments.report import description_report, list_report
from ropescope.measure.asking import CORPORA, CORPORA_HELP
from ropescope.questions.domains import Flag, Whole
from ropescope.questions.inputs import asked, to_values
from ropescope.questions.kinds import ListOf, Source, Text, Tokens
from ropescope.questions.question import Run
from ropescope.questions.shared import Loading, OnCluster, OwnText, Resumable
from ropescope.report.report import Report
from ropescope.runs.where import carry_out

if TYPE_CHECKING:
    from ropescope.evidence.experiments.running import Result


@dataclass(frozen=True, kw_only=True)
class ExperimentInputs(OwnText, Loading, Resumable, OnCluster):
    """An experiment, the models it is run on, and how."""

    name: str | None = asked(Text(), "An experiment; without one, the list of all.", default=None, placed=True)
    sources: tuple[str, ...] = asked(
        ListOf(Source()),
        "A model folder, a .gguf file, a Hub id or smollm2; theta-panel takes several, kept profiles, folders of both, and "
        "atlas for all profiles that you have added. Without one: what the experiment predicts.",
        default=(),
        placed=True,
    )
    prompts: int | None = asked(Whole(1, 10**6), "Prompts; default: the experiment's own.", default=None)
    length: int | None = asked(
        Tokens(), "Tokens in a prompt, as 2048 or 2k; default: the experiment's own.", default=None
    )
    seed: int = asked(Whole(0, 2**63), "Seed of prompts, rows, resamples and random weights.", default=0)
    corpus: str = asked(CORPORA, CORPORA_HELP, default="text")
    revision: str | None = asked(Text(), "Branch, tag or commit of a Hub model.", default=None)
    beyond_trained: bool = asked(Flag(), "Allow a length beyond the trained context.", default=False)


def answer(inputs: ExperimentInputs, run: Run) -> Report:
    """What was predicted, what was measured, and which prediction stands."""
    if not inputs.sources:
        unread = [name for name in to_values(inputs) if name != "name"]
        if unread:
            raise InputError(
                unread[0],
                f"`{unread[0]}` is given and not read: it goes with an experiment and `sources` to run it on.",
            )
        return list_report() if inputs.name is None else description_report(find(inputs.name))
    experiment = find(inputs.name or "")
    from ropescope.evidence.experiments.report import experiment_report

    with run.working():
        workers = (inputs.prompts or experiment.prompts) if experiment.shared else 1
        done = carry_out(observed, inputs, run, pieces=workers)
    result = done.value
    run.when_shown(result.clear)
    return done.told(experiment_report(result))


def observed(inputs: ExperimentInputs, run: Run) -> Result:
    """The finished experiment. Raises as `run_experiment`."""
    from ropescope.evidence.experiments.experiment import Setting
    from ropescope.evidence.experiments.running import run_experiment

    setting = Setting(
        prompts=inputs.prompts or 0,
        length=inputs.length or 0,
        seed=inputs.seed,
        corpus=inputs.corpus,
        texts=inputs.text,
        column=inputs.column,
        dtype=inputs.dtype,
        device=inputs.device,
        revision=inputs.revision,
        beyond_trained=inputs.beyond_trained,
        trust_remote_code=inputs.trust_remote_code,
        resume=inputs.resume,
    )
    return run_experiment(find(inputs.name or "").name, inputs.sources, setting, progress=run.progress, log=run.say)
