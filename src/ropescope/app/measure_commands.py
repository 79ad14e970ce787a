"""`ropescope measure` and `ropescope show-profile`."""

from __future__ import annotations

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
    Source,
    TrustRemoteCode,
    require_column_read,
    require_used,
    text_files,
    writable,
)
from ropescope.app.working import needs_extra, progress_bar, terminate_as_interrupt
from ropescope.errors import MeasurementError

DMin = Annotated[int, typer.Option("--d-min", min=1, help="Shortest distance in the fit, in tokens.")]
Protocol = Annotated[
    str, typer.Option("--protocol", help="Which reading leads: fixed (one length) or legacy (as published).")
]


def measure(
    source: Source,
    length: Annotated[str, typer.Option(metavar="N", help="Context length in tokens, as 2048 or 2k.")] = "2048",
    prompts: Annotated[int, typer.Option(help="Prompts to measure.")] = 12,
    precision: Annotated[
        float | None, typer.Option(help="Add prompts until the standard error of γ is this small.")
    ] = None,
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
    dataset: Annotated[str | None, typer.Option(metavar="HUB_ID", help="Text from a dataset on the Hub.")] = None,
    column: Column = "text",
    control: Annotated[
        str | None, typer.Option(metavar="random-init", help="Measure the same network with random weights too.")
    ] = None,
    protocol: Protocol = "fixed",
    rows: Annotated[int, typer.Option(help="Query rows read in each prompt.")] = 64,
    sinks: Annotated[int, typer.Option(help="First tokens counted as sinks, left out of the decay.")] = 4,
    d_min: DMin = 10,
    seed: Annotated[int, typer.Option(min=0, help="Seed of prompts, rows and resamples.")] = 0,
    dtype: Dtype = "auto",
    device: Device = None,
    chunk: Annotated[
        str | None, typer.Option(metavar="N", help="Run prompts through in chunks of this many tokens.")
    ] = None,
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples.")] = 2000,
    max_prompts: Annotated[int, typer.Option(help="Stop adding prompts for --precision here.")] = 512,
    revision: Revision = None,
    beyond_trained: Annotated[
        bool, typer.Option("--beyond-trained", help="Allow a length beyond the trained context.")
    ] = False,
    trust_remote_code: TrustRemoteCode = False,
    resume: Resume = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", callback=writable, help="Keep the profile (Parquet).")
    ] = None,
    html: Html = None,
    figure: Figures = None,
    as_json: Json = False,
) -> None:
    """Measure how a model's attention falls with distance, per layer and head, with errors and a null."""
    from ropescope.app.show import Files, keep_and_show
    from ropescope.questions.numbers import read_tokens

    files = Files.checked(out, html, figure)
    require_column_read(column, text, other=dataset is not None)
    require_used({"--max-prompts": max_prompts != 512 and precision is None}, "--precision")
    with needs_extra():
        from ropescope.measure.protocol import FixedLength
        from ropescope.measure.request import Plan, Request, check_first
    legacy = _is_legacy(protocol)
    request = Request(
        source=source,
        revision=revision,
        plan=Plan(
            protocol=FixedLength(length=read_tokens("--length", length), rows=rows, sinks=sinks),
            prompts=prompts,
            precision=precision,
            max_prompts=max_prompts,
            d_min=d_min,
            chunk_tokens=None if chunk is None else read_tokens("--chunk", chunk),
            beyond_trained=beyond_trained,
            legacy_length=legacy,
        ),
        corpus=corpus,  # type: ignore[arg-type]  # checked by Request, which names the choices
        texts=tuple(text or ()),
        dataset=dataset,
        column=column,
        seed=seed,
        dtype=dtype,
        device=device,
        control=control,
        trust_remote_code=trust_remote_code,
        resume=resume,
        resamples=resamples,
        legacy_first=legacy,
    )
    check_first(request)
    with needs_extra():
        from ropescope.measure.instrument import run
    with terminate_as_interrupt(), progress_bar() as (progress, say):
        outcome = run(request, progress=progress, say=say, keep_journal=True)
    keep_and_show(
        files, outcome.save, outcome.report, what="profile", again="no prompt is measured again", json=as_json
    )
    outcome.discard_journal()


def show_profile(
    profile: Annotated[Path, typer.Argument(help="A profile that `ropescope measure --out` has kept.")],
    protocol: Protocol = "fixed",
    d_min: DMin = 10,
    html: Html = None,
    figure: Figures = None,
    as_json: Json = False,
) -> None:
    """Show a kept profile again; a control beside it (NAME.control.parquet) is shown with it."""
    from ropescope.app.show import show_report

    with needs_extra():
        from ropescope.measure.instrument import show

    outcome = show(profile, d_min=d_min, legacy_first=_is_legacy(protocol))
    show_report(outcome.report(kept_in=""), json=as_json, html=html, figures=tuple(figure or ()))


def _is_legacy(protocol: str) -> bool:
    if protocol not in ("fixed", "legacy"):
        raise MeasurementError(f"--protocol must be fixed or legacy, not {protocol!r}.")
    return protocol == "legacy"
