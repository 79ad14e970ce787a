"""`ropescope experiment`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ropescope.app.options import (
    Column,
    Device,
    Dtype,
    Figures,
    Html,
    Json,
    Resume,
    Revision,
    TrustRemoteCode,
    require_column_read,
    require_used,
    text_files,
    writable,
)
from ropescope.app.working import needs_extra, progress_bar, terminate_as_interrupt


def experiment(
    name: Annotated[str, typer.Argument(help="An experiment; without one, the list of all.")] = "",
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE…",
            help="A model folder, a .gguf file, a Hub id or smollm2; theta-panel takes several, and kept profiles. "
            "Without one: what the experiment predicts.",
        ),
    ] = None,
    prompts: Annotated[int | None, typer.Option(min=1, help="Prompts; default: the experiment's own.")] = None,
    length: Annotated[
        str | None,
        typer.Option(metavar="N", help="Tokens in a prompt, as 2048 or 2k; default: the experiment's own."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of prompts, rows, resamples and random weights.")] = 0,
    corpus: Annotated[
        str, typer.Option(help="text (Python's language reference), random (tokens), or shuffled.")
    ] = "text",
    text: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            callback=text_files,
            help="Your own text: .txt, .md, .json, .jsonl, .csv, .tsv or .parquet, also with .gz; may repeat.",
        ),
    ] = None,
    column: Column = "text",
    dtype: Dtype = "auto",
    device: Device = None,
    revision: Revision = None,
    beyond_trained: Annotated[
        bool, typer.Option("--beyond-trained", help="Allow a length beyond the trained context.")
    ] = False,
    trust_remote_code: TrustRemoteCode = False,
    resume: Resume = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", callback=writable, help="Keep the result (the report as JSON).")
    ] = None,
    html: Html = None,
    figure: Figures = None,
    as_json: Json = False,
) -> None:
    """Run an experiment whose predictions are fixed beforehand: the theory's, the null's, and what decides.

    Examples: ropescope experiment · ropescope experiment length-sweep · ropescope experiment length-sweep smollm2
    """
    from ropescope.app.show import Files, show_report
    from ropescope.checks.numbers import read_tokens
    from ropescope.evidence.experiments.registry import find
    from ropescope.evidence.experiments.report import description_report, list_report

    figures = tuple(figure or ())
    require_column_read(column, text)
    if not name or not sources:
        require_used(
            {"--prompts": prompts is not None, "--length": length is not None, "--seed": seed != 0, "--corpus": corpus != "text",
             "--text": bool(text), "--dtype": dtype != "auto", "--device": device is not None, "--revision": revision is not None,
             "--beyond-trained": beyond_trained, "--trust-remote-code": trust_remote_code, "--resume": resume,
             "--out": out is not None},
            "an experiment and a SOURCE to run it on",
        )  # fmt: skip
        report = description_report(find(name)) if name else list_report()
        show_report(report, json=as_json, html=html, figures=figures)
        return
    find(name)
    with needs_extra():
        from ropescope.evidence.experiments.experiment import Setting
        from ropescope.evidence.experiments.report import experiment_report
        from ropescope.evidence.experiments.running import run_experiment
        from ropescope.report.files import write_whole
        from ropescope.report.json import to_json

    Files.checked(out, html, figures)
    setting = Setting(
        prompts=prompts or 0,
        length=0 if length is None else read_tokens("--length", length),
        seed=seed,
        corpus=corpus,
        texts=tuple(text or ()),
        column=column,
        dtype=dtype,
        device=device,
        revision=revision,
        beyond_trained=beyond_trained,
        trust_remote_code=trust_remote_code,
        resume=resume,
    )
    with needs_extra(), terminate_as_interrupt(), progress_bar() as (progress, say):
        result = run_experiment(name, sources, setting, progress=progress, log=say)
    report = experiment_report(result)
    if out is not None:
        print(f"result: {write_whole(out, to_json(report, whole=True))}", file=sys.stderr)
    show_report(report, json=as_json, html=html, figures=figures)
    result.clear()
