"""Commands of the evidence: panel and claims. They read options, ask for a Report and show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ropescope.app.options import Figures, Html, Json, require_used
from ropescope.errors import MissingExtraError

if TYPE_CHECKING:
    from ropescope.evidence.verdicts.claim import Claim

Data = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", help="Raw measurement files (a clone of the published repository) to recompute from."
    ),
]


def panel(
    model: Annotated[str | None, typer.Option(metavar="TEXT", help="Models whose name contains this.")] = None,
    corpus: Annotated[str | None, typer.Option(help="text, random or unstated.")] = None,
    positions: Annotated[str | None, typer.Option(help="rope, learned or alibi.")] = None,
    family: Annotated[str | None, typer.Option(metavar="NAME", help="Pythia, Qwen2.5, Llama, …")] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Repeats, training steps and changed bases too, not the paper's measurements alone."
        ),
    ] = False,
    data: Data = None,
    html: Html = None,
    figure: Figures = None,
    as_json: Json = False,
) -> None:
    """Show the published measurements, refitted: γ with its interval, the prediction, the null of the protocol.

    Example: ropescope panel --family Pythia --corpus text
    """
    from ropescope.app.show import show_report

    with _needs_extra():
        from ropescope.evidence.evidence import Evidence
        from ropescope.evidence.panel.filter import Filter
        from ropescope.evidence.panel.report import panel_report

    chosen = Filter(model=model, corpus=corpus, positions=positions, family=family, everything=everything)
    show_report(panel_report(Evidence(data), chosen), json=as_json, html=html, figures=tuple(figure or ()))


def claims(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="C1, C4, …; none for all.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the claims without recomputing them.")] = False,
    data: Data = None,
    html: Html = None,
    figure: Figures = None,
    as_json: Json = False,
) -> None:
    """Recompute published claims from the published measurements: number, interval, baselines, verdict.

    Examples: ropescope claims · ropescope claims C1 · ropescope claims C1 C4 --data ./tafagent
    """
    from ropescope.app.show import show_report

    require_used({"--data": data is not None and listing}, "claims that are recomputed, not with --list")
    with _needs_extra():
        import statsmodels  # noqa: F401  (not every claim needs it, but whoever lacks it should hear so at once)

        from ropescope.evidence.evidence import Evidence
        from ropescope.evidence.verdicts.recompute import recompute
        from ropescope.evidence.verdicts.registry import all_claims as known
        from ropescope.evidence.verdicts.registry import find_claim
        from ropescope.evidence.verdicts.report import claim_report, claims_report, list_report

    asked = [find_claim(one) for one in dict.fromkeys(ids or ())] or list(known().values())
    if listing:
        report = list_report(asked)
    else:
        evidence = Evidence(data)
        with _progress(len(asked), quiet=as_json) as tell:
            entries = recompute(asked, evidence, tell)
        one = len(asked) == 1
        report = claim_report(entries[0], evidence.origin) if one else claims_report(entries, evidence.origin)
    show_report(report, json=as_json, html=html, figures=tuple(figure or ()))


@contextmanager
def _progress(count: int, *, quiet: bool) -> Iterator[Callable[[Claim], None]]:
    """A bar on stderr that names the claim being recomputed, when a person is looking; nothing when `quiet`."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("Reading the measurements", total=count)
        started = 0

        def tell(claim: Claim) -> None:
            nonlocal started
            bar.update(task, description=f"Recomputing {claim.id}", completed=started)
            started += 1

        yield tell


@contextmanager
def _needs_extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"Recomputing the evidence needs {(error.name or 'a package').partition('.')[0]}: pip install 'ropescope[evidence]'."
        ) from error
