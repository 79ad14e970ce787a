"""`ropescope extend search`."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from ropescope.app.options import Figures, Html, Json, Revision, Source
from ropescope.app.working import needs_extra, progress_bar, terminate_as_interrupt
from ropescope.errors import ReportError


def search(
    source: Source,
    to: Annotated[str, typer.Option("--to", metavar="N", help="Tokens to read, as 16384, 16k or 16Ki.")],
    minutes: Annotated[
        float, typer.Option(min=0.01, help="How long; half of it and more goes into reading the texts where N is long.")
    ] = 10.0,
    texts: Annotated[int, typer.Option(min=1, help="Texts to search on (prose, code and tables in turn).")] = 3,
    text: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Your own text: its first half is searched on; may repeat."),
    ] = None,
    trained: Annotated[
        str | None, typer.Option(metavar="N", help="Tokens it was trained at, where the files do not say.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the plans that are tried.")] = 0,
    dtype: Annotated[str, typer.Option(help="bfloat16, float16 or float32; losses are always fp32.")] = "bfloat16",
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, …; default: the GPU if there is one.")] = None,
    revision: Revision = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code from the model's repository. Only if you trust it.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what an earlier search has tried.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the plan (JSON), for `extend evaluate`.")
    ] = None,
    html: Html = None,
    figure: Figures = None,
    as_json: Json = False,
) -> None:
    """Search for a factor of every rotary pair that reads N tokens better than YaRN, without training.

    Example: ropescope extend search smollm2 --to 16Ki --minutes 10 --out plan.json
    """
    from ropescope.app.extend_command import tokens
    from ropescope.app.show import show_report
    from ropescope.report.figure import check_suffix

    figures = tuple(figure or ())
    for path in figures:
        check_suffix(path)
    with needs_extra():
        if find_spec("cma") is None:  # said before the weights are loaded
            raise ModuleNotFoundError("No module named 'cma'", name="cma")
        from ropescope.extend.search.report import search_report
        from ropescope.extend.search.request import Request, run
        from ropescope.measure.instrument import require_writable
    require_writable(tuple(path for path in (out, html, *figures) if path is not None))
    request = Request(
        source=source,
        target=tokens("--to", to),
        minutes=minutes,
        texts=texts,
        files=tuple(text or ()),
        trained=None if trained is None else tokens("--trained", trained),
        seed=seed,
        dtype=dtype,
        device=device,
        revision=revision,
        trust_remote_code=trust_remote_code,
        resume=resume,
    )
    with terminate_as_interrupt(), progress_bar() as (progress, say):
        result, journal = run(request, progress=progress, say=say)
    failure: ReportError | None = None
    if out is not None:
        try:
            print(f"plan: {result.plan.save(out)}", file=sys.stderr)
        except ReportError as error:
            failure = error  # the answer is shown all the same; the file is all that is missing
    kept = None if out is None or failure is not None else str(out)
    show_report(search_report(result, kept_in=kept), json=as_json, html=html, figures=figures)
    if failure is not None:
        raise ReportError(f"{failure} Nothing is lost: with --resume no plan is tried again.") from failure
    if kept is not None and not result.partial:
        journal.discard()
