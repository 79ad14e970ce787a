"""`ropescope compress evaluate`."""

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
    read_share,
    require_column_read,
    require_used,
    text_files,
    writable,
)
from ropescope.app.working import needs_extra, progress_bar, terminate_as_interrupt
from ropescope.errors import EvaluationError


def evaluate(
    source: Source,
    methods: Annotated[
        str,
        typer.Option(
            metavar="A,B,…",
            help="planned, windows (planned, nothing picked), uniform, snapkv, pyramidkv, tova, knorm, keydiff, random; from "
            "their authors' code where kvpress is installed, and then adakv, expected-attention and streamingllm too.",
        ),
    ] = "planned,uniform,snapkv",
    budgets: Annotated[
        str, typer.Option(metavar="B,B,…", help="Shares of the cache to hold, as 15% or 0.15.")
    ] = "15%,30%,45%,60%",
    max_loss: Annotated[
        str, typer.Option(metavar="S", help="How much loss may be added, as a share of the loss with the whole cache.")
    ] = "1%",
    length: Annotated[
        str | None,
        typer.Option(
            metavar="N", help="Tokens of a text, as 8192 or 8k (8,192); default: those of the plan, else 2048."
        ),
    ] = None,
    texts: Annotated[int, typer.Option(min=1, help="Texts of each kind (prose, code, tables).")] = 4,
    text: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            callback=text_files,
            help="Your own text: its first half is planned on, its second scored; may repeat.",
        ),
    ] = None,
    column: Column = "text",
    scored: Annotated[int, typer.Option(min=2, help="Tokens of each text that come behind the cut.")] = 64,
    needle: Annotated[
        bool, typer.Option("--needle", help="Ask for planted facts too, before the cut and after it.")
    ] = False,
    questions: Annotated[int, typer.Option(min=1, help="Questions at each of five depths, with --needle.")] = 4,
    plan: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A plan made before: scored too, at its own budget.")
    ] = None,
    profile: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Plan from this profile; default: measure the weights.")
    ] = None,
    time: Annotated[bool, typer.Option("--time", help="Time prefill and decoding beside DynamicCache.")] = False,
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
    """Score what smaller caches cost: added loss on held-out text for each method and budget, and which budget is enough.

    Example: ropescope compress evaluate smollm2 --budgets 15%,30%,60% --needle --figure tradeoff.svg
    """
    from ropescope.app.show import Files, keep_and_show
    from ropescope.questions.numbers import read_tokens

    files = Files.checked(out, html, figure)
    require_column_read(column, text)
    require_used({"--questions": questions != 4 and not needle}, "--needle")
    swept, limit = _shares("--budgets", budgets), read_share("--max-loss", max_loss)
    from ropescope.compress.evaluate.asking import Request, check_first

    request = Request(
        source=source,
        methods=tuple(methods.split(",")),
        budgets=swept,
        length=None if length is None else read_tokens("--length", length),
        new=scored,
        texts=texts,
        files=tuple(text or ()),
        column=column,
        questions=questions if needle else 0,
        plan=plan,
        profile=profile,
        time=time,
        dtype=dtype,
        device=device,
        revision=revision,
        trust_remote_code=trust_remote_code,
        resume=resume,
    )
    with needs_extra():
        check_first(request)
        from ropescope.compress.evaluate.report import tradeoff_report
        from ropescope.compress.evaluate.request import run
    with terminate_as_interrupt(), progress_bar() as (progress, say):
        outcome = run(request, progress=progress, say=say)
    keep_and_show(
        files,
        lambda path: (outcome.result.save(path),),
        lambda kept: tradeoff_report(outcome.result, limit=limit, kept_in=kept),
        what="evaluation",
        again="no text is scored again",
        json=as_json,
    )
    outcome.discard_journal()


def _shares(option: str, given: str) -> tuple[float, ...]:
    found = sorted({read_share(option, part) for part in given.split(",")})
    if found[-1] >= 1:
        raise EvaluationError(f"{option} {given!r}: a budget of the whole cache is what all others are compared with.")
    return tuple(found)
