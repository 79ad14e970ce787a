"""`ropescope atlas`: rank, add, show, remove, export."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from ropescope.app.options import Figures, Html, Json
from ropescope.errors import FormatError, MissingExtraError

Store = Annotated[
    Path | None,
    typer.Option("--store", metavar="FILE", help="The atlas; default: $ROPESCOPE_HOME or your data folder."),
]

atlas = typer.Typer(
    help="Rank measured profiles, those that may be compared; without a command: the ranking.",
    rich_markup_mode=None,
    no_args_is_help=False,
)


@atlas.callback(invoke_without_command=True)
def rank(
    context: typer.Context, store: Store = None, html: Html = None, figure: Figures = None, as_json: Json = False
) -> None:
    """Rank the profiles of the atlas, each group of the same protocol, length and corpus apart."""
    if context.invoked_subcommand is not None:
        context.obj = store
        return
    with _needs_extra():
        from ropescope.evidence.atlas_report import ranking_report

        rows, path = _read(store)
        report = ranking_report(rows, path)
    _show(report, html, figure, as_json)


@atlas.command()
def add(
    context: typer.Context,
    profiles: Annotated[list[Path], typer.Argument(metavar="PROFILE...", help="Kept by `ropescope measure --out`.")],
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Add kept profiles, with their controls.

    A control that lies beside its profile goes in with it; a measurement that is there already is not added twice.
    """
    with _needs_extra():
        from ropescope.evidence.atlas_add import add_profiles
        from ropescope.evidence.atlas_store import default_store

        report = add_profiles(profiles, store or context.obj or default_store())
    _show(report, None, None, as_json)


@atlas.command()
def show(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="A model of the atlas, or the first characters of a profile's hash.")],
    store: Store = None,
    html: Html = None,
    figure: Figures = None,
    as_json: Json = False,
) -> None:
    """Show one model: every reading, its layers, its curves."""
    with _needs_extra():
        from ropescope.evidence.atlas_show import model_report

        rows, path = _read(store or context.obj)
        report = model_report(rows, model, path)
    _show(report, html, figure, as_json)


@atlas.command()
def remove(
    context: typer.Context,
    profile: Annotated[str, typer.Argument(help="The first characters (six at least) of a profile's hash.")],
    store: Store = None,
) -> None:
    """Take one profile out again; `atlas show` gives its hash."""
    with _needs_extra():
        from ropescope.evidence.atlas_add import remove_profile

        rows, path = _read(store or context.obj)
        print(remove_profile(rows, profile, path))


@atlas.command()
def export(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="The folder to write: README.md and data/*.parquet.")],
    licence: Annotated[
        str | None, typer.Option("--license", metavar="ID", help="As the Hub writes it: cc-by-4.0, apache-2.0, …")
    ] = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Write a folder that is ready to be a Hub dataset."""
    with _needs_extra():
        from ropescope.evidence.atlas_export import export_atlas

        rows, _ = _read(store or context.obj)
        report = export_atlas(rows, folder, licence=licence)
    _show(report, None, None, as_json)


def _read(store: Path | None) -> tuple[Any, Path]:
    from ropescope.evidence.atlas_store import default_store, read_atlas

    if store is not None and not store.exists():
        raise FormatError(
            f"{store} does not exist: add a profile to it with `ropescope atlas add PROFILE --store {store}`."
        )
    path = store or default_store()
    return read_atlas(path), path


def _show(report: Any, html: Path | None, figures: list[Path] | None, as_json: bool) -> None:
    from ropescope.app.show import show_report

    show_report(report, json=as_json, html=html, figures=tuple(figures or ()))


@contextmanager
def _needs_extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"The atlas needs {error.name}, which is not installed: pip install 'ropescope[measure]'."
        ) from error
