"""The command line. Each command asks, hands over, and shows; what it needs is imported when it runs."""

from __future__ import annotations

import errno
import os
import sys
from typing import Annotated

import typer

from ropescope import __version__
from ropescope.app.atlas_command import atlas
from ropescope.app.compress_command import compress
from ropescope.app.evidence_commands import claims, panel
from ropescope.app.experiment_command import experiment
from ropescope.app.extend_command import extend
from ropescope.app.measure_commands import measure, show_profile
from ropescope.app.model_commands import compare, show
from ropescope.app.predict_command import predict
from ropescope.app.published_command import evidence
from ropescope.app.serving_commands import fit, launch, speed
from ropescope.app.streams import let_readers_leave, nowhere
from ropescope.app.theory_commands import compute, formulas, plot, prove
from ropescope.errors import RopescopeError

app = typer.Typer(
    name="ropescope",
    help="How far a transformer attends: predicted from its files, measured on its weights, with errors and nulls.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        print(f"ropescope {__version__}")
        raise typer.Exit


@app.callback()
def ropescope(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """How far a transformer attends: predicted from its files, measured on its weights, with errors and nulls."""


# What a model is, and what it takes to serve it.
app.command("show")(show)
app.command("compare")(compare)
app.command("fit")(fit)
app.command("speed")(speed)
app.command("launch")(launch)
# How far it attends.
app.command("measure")(measure)
app.command("show-profile")(show_profile)
app.command("predict")(predict)
# What to do about it.
app.add_typer(compress, name="compress")
app.add_typer(extend, name="extend")
# The theory.
app.command("formulas")(formulas)
app.command("compute")(compute)
app.command("prove")(prove)
app.command("plot")(plot)
# The evidence.
app.command("claims")(claims)
app.command("panel")(panel)
app.command("experiment")(experiment)
app.command("evidence")(evidence)
app.add_typer(atlas, name="atlas")


def main() -> None:
    """Run the command line; errors meant for the user are shown as one sentence, and set the exit status."""
    # typer reads arguments through pydantic, which would search every installed package for plugins on the way.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    let_readers_leave()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except RopescopeError as error:
        _fail(str(error), 2)
    except KeyboardInterrupt:
        _fail("Interrupted before anything was finished.", 130)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.stdout = nowhere()  # what could not be written would be tried again at exit
        _fail("Standard output cannot be written (no space left on the device).", 2)


def _fail(sentence: str, status: int) -> None:
    from ropescope.report.text import plain

    print(f"error: {plain(sentence)}", file=sys.stderr)
    sys.exit(status)
