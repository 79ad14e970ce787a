"""`ropescope extend lm-eval`."""

from __future__ import annotations

from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from ropescope.app.options import Device, Dtype, Html, Json, Revision, Source, TrustRemoteCode
from ropescope.app.working import needs_extra, progress_bar, terminate_as_interrupt
from ropescope.errors import MissingExtraError


def lm_eval(
    source: Source,
    to: Annotated[str, typer.Option("--to", metavar="N", help="Tokens to read, as 16384 or 16k (16,384).")],
    tasks: Annotated[str, typer.Option(metavar="A,B,…", help="lm-eval's names: niah_single_1, longbench_qasper, …")],
    methods: Annotated[
        str, typer.Option(metavar="A,B,…", help="As for extend evaluate: none, yarn, plan.json, …")
    ] = "none,yarn",
    limit: Annotated[int | None, typer.Option(min=1, help="Samples of each task; default: all.")] = None,
    lengths: Annotated[
        str | None, typer.Option(metavar="N,N,…", help="Lengths of the tasks that lm-eval generates (ruler).")
    ] = None,
    include: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Further task files (YAML).")] = None,
    trained: Annotated[
        str | None, typer.Option(metavar="N", help="Tokens it was trained at, where the files do not say.")
    ] = None,
    dtype: Dtype = "auto",
    device: Device = None,
    revision: Revision = None,
    trust_remote_code: TrustRemoteCode = False,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """Run lm-eval's tasks on a model whose context is extended. lm-eval downloads the data that its tasks ask for.

    Example: ropescope extend lm-eval smollm2 --to 16Ki --tasks niah_single_1 --lengths 16384 --limit 20
    """
    from ropescope.app.show import show_report
    from ropescope.questions.numbers import read_tokens
    from ropescope.extend.evaluate.candidates import candidates
    from ropescope.models.loadable import loadable
    from ropescope.report.report import Column, Report, Table

    target = read_tokens("--to", to, least=2)
    length = None if trained is None else read_tokens("--trained", trained, least=2)
    at = tuple(read_tokens("--lengths", part, least=2) for part in lengths.split(",")) if lengths else ()
    with needs_extra():
        if find_spec("lm_eval") is None:  # said before the weights are loaded
            raise MissingExtraError(
                "lm-eval's tasks need lm-eval, which is not installed: pip install 'ropescope[lm-eval]'."
            )
        candidates(loadable(source, revision), target, methods.split(","), trained=length)
        from ropescope.extend.evaluate.lm_eval_tasks import run_tasks
        from ropescope.measure.type_words import number_type_fact
        from ropescope.measure.weights import load
    with terminate_as_interrupt(), progress_bar() as (_, say):
        say(f"Loading {source}")
        weights = load(
            source, revision=revision, dtype=dtype, device=device, trust_remote_code=trust_remote_code
        )  # fmt: skip
        made = candidates(weights.model, target, methods.split(","), trained=length)
        say(f"Running lm-eval on {weights.on_what}")
        found = run_tasks(
            weights, made, tasks.split(","), limit=limit, folder=include,
            lengths=at,
        )  # fmt: skip
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
            Column("task"), Column("metric"), Column("method"), Column("value", format=".4g"),
            Column("standard error", format=".2g"),
        ),
        rows=rows,
        note="As lm-eval computes them; its limit, if one was given, is a part of each task's data.",
    )  # fmt: skip
    provenance = {"dtype": weights.dtype, "dtype_reason": weights.dtype_reason}
    report = Report(
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
    show_report(report, json=as_json, html=html)
