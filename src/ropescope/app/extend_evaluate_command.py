"""`ropescope extend evaluate`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ropescope.app.options import Figures, Html, Json, Revision, Source
from ropescope.app.working import needs_extra, progress_bar, terminate_as_interrupt
from ropescope.errors import ExtendError, ReportError

if TYPE_CHECKING:
    from ropescope.extend.evaluate.request import Outcome


def evaluate(
    source: Source,
    to: Annotated[str, typer.Option("--to", metavar="N", help="Tokens to read, as 16384, 16k or 16Ki.")],
    methods: Annotated[
        str,
        typer.Option(
            metavar="A,B,…",
            help="none, linear, ntk, dynamic, yarn, llama3, alpha, auto; with options as yarn@factor=4 or alpha@alpha=4; or a "
            "saved plan (plan.json).",
        ),
    ] = "none,ntk,yarn",
    texts: Annotated[int, typer.Option(min=0, help="Texts of each kind (prose, code, tables); 0: no loss.")] = 2,
    text: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Your own text: its second half is scored; may repeat."),
    ] = None,
    band: Annotated[int, typer.Option(min=2, help="Positions that a mean loss is taken over.")] = 2048,
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
    dtype: Annotated[str, typer.Option(help="bfloat16, float16 or float32; losses are always fp32.")] = "bfloat16",
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, …; default: the GPU if there is one.")] = None,
    revision: Revision = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code from the model's repository. Only if you trust it.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted evaluation of the same settings.")
    ] = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep the numbers (JSON).")] = None,
    html: Html = None,
    figure: Figures = None,
    as_json: Json = False,
) -> None:
    """Score ways to read N tokens: loss by position on held-out text, and what is found in long contexts.

    Example: ropescope extend evaluate smollm2 --to 16Ki --methods none,ntk,yarn --questions 4 --figure bands.svg
    """
    from ropescope.app.extend_command import tokens
    from ropescope.report.figure import check_suffix

    figures = tuple(figure or ())
    for path in figures:
        check_suffix(path)
    with needs_extra():
        from ropescope.extend.evaluate.request import RETRIEVAL, Request, run
        from ropescope.extend.evaluate.tasks import TASKS
        from ropescope.measure.instrument import require_writable
    require_writable(tuple(path for path in (out, html, *figures) if path is not None))
    asked = tuple(task for task in RETRIEVAL if task in retrieval.split(","))
    unknown = [name for name in retrieval.split(",") if name not in RETRIEVAL]
    if unknown:
        raise ExtendError(f"--retrieval {unknown[0]!r}: take some of {', '.join(RETRIEVAL)}.")
    request = Request(
        source=source,
        target=tokens("--to", to),
        methods=tuple(methods.split(",")),
        trained=None if trained is None else tokens("--trained", trained),
        texts=texts,
        files=tuple(text or ()),
        band=band,
        questions=questions,
        retrieval=asked,
        lengths=tuple(tokens("--lengths", part) for part in lengths.split(",")) if lengths else (),
        tasks=tuple(TASKS) if tasks == "all" else tuple(part for part in tasks.split(",") if part),
        samples=samples,
        dtype=dtype,
        device=device,
        revision=revision,
        trust_remote_code=trust_remote_code,
        resume=resume,
    )
    with terminate_as_interrupt(), progress_bar() as (progress, say):
        outcome = run(request, progress=progress, say=say)
    _show(outcome, out, html, figures, as_json)


def _show(outcome: Outcome, out: Path | None, html: Path | None, figures: tuple[Path, ...], as_json: bool) -> None:
    from ropescope.app.show import show_report
    from ropescope.extend.evaluate.report import evaluation_report

    failure: ReportError | None = None
    if out is not None:
        try:
            print(f"evaluation: {outcome.result.save(out)}", file=sys.stderr)
        except ReportError as error:
            failure = error  # the answer is shown all the same; the file is all that is missing
    kept = None if out is None or failure is not None else str(out)
    report = evaluation_report(outcome.result, kept_in=kept)
    show_report(report, json=as_json, html=html, figures=figures)
    if failure is not None:
        raise ReportError(f"{failure} Nothing is lost: with --resume nothing is scored again.") from failure
    outcome.discard_journal()
