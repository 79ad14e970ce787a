"""`ropescope extend search`."""

from __future__ import annotations

from importlib.util import find_spec
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
    text_files,
    writable,
)
from ropescope.app.working import needs_extra, progress_bar, terminate_as_interrupt


def search(
    source: Source,
    to: Annotated[str, typer.Option("--to", metavar="N", help="Tokens to read, as 16384 or 16k (16,384).")],
    minutes: Annotated[
        float, typer.Option(min=0.01, help="How long; half of it and more goes into reading the texts where N is long.")
    ] = 10.0,
    method: Annotated[
        str,
        typer.Option(
            help="What is varied: yarn, a factor of every pair; rerope, what reads near and how slowly distance grows."
        ),
    ] = "yarn",
    texts: Annotated[int, typer.Option(min=1, help="Texts to search on (prose, code and tables in turn).")] = 3,
    text: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", callback=text_files, help="Your own text: its first half is searched on; may repeat."
        ),
    ] = None,
    column: Column = "text",
    trained: Annotated[
        str | None, typer.Option(metavar="N", help="Tokens it was trained at, where the files do not say.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the plans that are tried.")] = 0,
    dtype: Dtype = "auto",
    device: Device = None,
    revision: Revision = None,
    trust_remote_code: TrustRemoteCode = False,
    resume: Resume = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", callback=writable, help="Keep the plan (JSON), for `extend evaluate`."),
    ] = None,
    html: Html = None,
    figure: Figures = None,
    as_json: Json = False,
) -> None:
    """Search for a plan that reads N tokens better than YaRN (or Leaky ReRoPE) does by rule, without training.

    Example: ropescope extend search smollm2 --to 16Ki --minutes 10 --out plan.json
    """
    from ropescope.app.show import Files, keep_and_show
    from ropescope.questions.numbers import read_tokens

    files = Files.checked(out, html, figure)
    require_column_read(column, text)
    with needs_extra():
        if find_spec("cma") is None:  # said before the weights are loaded
            raise ModuleNotFoundError("No module named 'cma'", name="cma")
    from ropescope.extend.search.asking import Request, check_first

    request = Request(
        source=source,
        target=read_tokens("--to", to, least=2),
        minutes=minutes,
        method=method,
        texts=texts,
        files=tuple(text or ()),
        column=column,
        trained=None if trained is None else read_tokens("--trained", trained, least=2),
        seed=seed,
        dtype=dtype,
        device=device,
        revision=revision,
        trust_remote_code=trust_remote_code,
        resume=resume,
    )
    check_first(request)
    with needs_extra():
        from ropescope.extend.search.report import search_report
        from ropescope.extend.search.request import run
    with terminate_as_interrupt(), progress_bar() as (progress, say):
        result, journal = run(request, progress=progress, say=say)
    kept = keep_and_show(
        files,
        lambda path: (result.plan.save(path),),
        lambda kept: search_report(result, kept_in=kept),
        what="plan",
        again="no plan is tried again",
        json=as_json,
    )
    if kept and not result.partial:
        journal.discard()
