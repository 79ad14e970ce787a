"""`ropescope extend evaluate`."""

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


def evaluate(
    source: Source,
    to: Annotated[str, typer.Option("--to", metavar="N", help="Tokens to read, as 16384 or 16k (16,384).")],
    methods: Annotated[
        str,
        typer.Option(
            metavar="A,B,…",
            help="none, linear, ntk, dynamic, yarn, llama3, alpha, rerope, auto; with options as yarn@factor=4 or alpha@alpha=4; "
            "a saved plan (plan.json); or truncated: unscaled, shown the last tokens alone.",
        ),
    ] = "none,truncated,ntk,yarn",
    texts: Annotated[int, typer.Option(min=0, help="Texts of each kind (prose, code, tables); 0: no loss.")] = 2,
    text: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", callback=text_files, help="Your own text: its second half is scored; may repeat."),
    ] = None,
    column: Column = "text",
    band: Annotated[str, typer.Option(metavar="N", help="Positions that a mean loss is taken over.")] = "2048",
    questions: Annotated[
        int, typer.Option(min=0, help="Planted facts asked for at each of five depths and each length; 0: none.")
    ] = 0,
    retrieval: Annotated[
        str, typer.Option(metavar="A,B,…", help="How facts are asked for: passkey, multi-key, key-value.")
    ] = "passkey",
    lengths: Annotated[
        str | None,
        typer.Option(metavar="N,N,…", help="Where facts and tasks are tried; default: four up to the target."),
    ] = None,
    tasks: Annotated[
        str,
        typer.Option(
            metavar="A,B,…",
            help="Generated tasks in the manner of RULER: niah-single, niah-multikey, niah-multivalue, variable-tracking, "
            "common-words; or all.",
        ),
    ] = "",
    samples: Annotated[int, typer.Option(min=1, help="Samples of each generated task at each length.")] = 5,
    trained: Annotated[
        str | None, typer.Option(metavar="N", help="Tokens it was trained at, where the files do not say.")
    ] = None,
    dtype: Dtype = "auto",
    device: Device = None,
    revision: Revision = None,
    trust_remote_code: TrustRemoteCode = False,
    resume: Resume = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", callback=writable, help="Keep the numbers (JSON).")
    ] = None,
    html: Html = None,
    figure: Figures = None,
    as_json: Json = False,
) -> None:
    """Score ways to read N tokens: loss by position on held-out text, and what is found in long contexts.

    Example: ropescope extend evaluate smollm2 --to 16Ki --methods none,ntk,yarn --questions 4 --figure bands.svg
    """
    from ropescope.app.show import Files, keep_and_show
    from ropescope.questions.numbers import read_tokens

    files = Files.checked(out, html, figure)
    require_column_read(column, text)
    require_used({"--retrieval": retrieval != "passkey" and not questions}, "--questions")
    require_used({"--samples": samples != 5 and not tasks}, "--tasks")
    require_used({"--lengths": lengths is not None and not (questions or tasks)}, "--questions or --tasks")
    require_used({"--text": bool(text) and not texts, "--band": band != "2048" and not texts}, "--texts above 0")
    from ropescope.extend.evaluate.asking import Request, check_first
    from ropescope.extend.evaluate.tasks import TASKS

    request = Request(
        source=source,
        target=read_tokens("--to", to, least=2),
        methods=tuple(methods.split(",")),
        trained=None if trained is None else read_tokens("--trained", trained, least=2),
        texts=texts,
        files=tuple(text or ()),
        column=column,
        band=read_tokens("--band", band, least=2),
        questions=questions,
        retrieval=tuple(dict.fromkeys(retrieval.split(","))),  # type: ignore[arg-type]  # checked by Request
        lengths=tuple(read_tokens("--lengths", part, least=2) for part in lengths.split(",")) if lengths else (),
        tasks=tuple(TASKS) if tasks == "all" else tuple(part for part in tasks.split(",") if part),
        samples=samples,
        dtype=dtype,
        device=device,
        revision=revision,
        trust_remote_code=trust_remote_code,
        resume=resume,
    )
    check_first(request)
    with needs_extra():
        from ropescope.extend.evaluate.report import evaluation_report
        from ropescope.extend.evaluate.request import run
    with terminate_as_interrupt(), progress_bar() as (progress, say):
        outcome = run(request, progress=progress, say=say)
    keep_and_show(
        files,
        lambda path: (outcome.result.save(path),),
        lambda kept: evaluation_report(outcome.result, kept_in=kept),
        what="evaluation",
        again="nothing is scored again",
        json=as_json,
    )
    outcome.discard_journal()
