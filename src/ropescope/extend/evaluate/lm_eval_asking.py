"""lm-eval's tasks on a model whose context is extended, as a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ropescope.extend.evaluate.candidates import candidates
from ropescope.models.loadable import loadable
from ropescope.network.type_words import number_type_fact
from ropescope.questions.domains import Whole
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import File, ListOf, Text, Tokens
from ropescope.questions.question import Run
from ropescope.questions.shared import Loading, OneModel
from ropescope.report.report import Column, Report, Table

if TYPE_CHECKING:
    from ropescope.extend.evaluate.lm_eval_tasks import Metric
    from ropescope.network.loading.weights import Weights


@dataclass(frozen=True, kw_only=True)
class LmEvalInputs(OneModel, Loading):
    """Which tasks, under which methods."""

    to: int = asked(Tokens(least=2), "Target length in tokens, as 16384 or 16k (16,384).")
    tasks: tuple[str, ...] = asked(ListOf(Text()), "Task names of lm-eval: niah_single_1, longbench_qasper, …")
    methods: tuple[str, ...] = asked(
        ListOf(Text()), "Methods as in extend evaluate: none, yarn, plan.json, …", default=("none", "yarn")
    )
    limit: int | None = asked(Whole(1, 10**9), "Samples per task; default: all.", default=None)
    lengths: tuple[int, ...] = asked(
        ListOf(Tokens(least=2)), "Context lengths of the tasks that lm-eval generates (ruler).", default=()
    )
    include: Path | None = asked(File(metavar="FOLDER"), "Folder with more task files (YAML).", default=None)
    trained: int | None = asked(
        Tokens(least=2), "Trained length in tokens, if the files do not state it.", default=None
    )


def answer(inputs: LmEvalInputs, run: Run) -> Report:
    """What lm-eval reports of each task under each method."""
    if find_spec("lm_eval") is None:  # said before the weights are loaded
        raise ModuleNotFoundError("No module named 'lm_eval'", name="lm-eval")
    candidates(loadable(inputs.source, inputs.revision), inputs.to, inputs.methods, trained=inputs.trained)
    from ropescope.extend.evaluate.lm_eval_tasks import run_tasks
    from ropescope.network.loading.asked import load_asked

    with run.working():
        weights = load_asked(inputs, run.say)
        made = candidates(weights.model, inputs.to, inputs.methods, trained=inputs.trained)
        run.say(f"Running lm-eval on {weights.on_what}")
        found = run_tasks(
            weights, made, inputs.tasks, limit=inputs.limit, folder=inputs.include, lengths=inputs.lengths
        )
    return _report(weights, inputs.to, found)


def _report(weights: Weights, target: int, found: Sequence[Metric]) -> Report:
    first = found[0] if found else None
    verdict = (
        "lm-eval reported no numbers for these tasks."
        if first is None
        else f"{weights.model.name} at {target:,} tokens: {first.task} {first.name} is {first.value:.4g} under {first.method}."
    )
    rows = tuple((metric.task, metric.name, metric.method, metric.value, metric.standard_error) for metric in found)
    table = Table(
        title="lm-eval's tasks",
        columns=(
            Column("task"),
            Column("metric"),
            Column("method"),
            Column("value", format=".4g"),
            Column("standard error", format=".2g"),
        ),
        rows=rows,
        note="As lm-eval computes them; a limit takes a part of each task's data.",
    )
    provenance = {"dtype": weights.dtype, "dtype_reason": weights.dtype_reason}
    return Report(
        title=f"lm-eval on {weights.model.name} at {target:,} tokens",
        verdict=verdict,
        facts=(number_type_fact(provenance),),
        tables=(table,) if rows else (),
        data={
            "schema": "ropescope.extend.lm-eval/1",
            "metrics": [asdict(metric) for metric in found],
            "provenance": provenance,
        },
    )
