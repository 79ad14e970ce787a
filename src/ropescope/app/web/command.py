"""`ropescope web`: serve the page on this machine, or build it as files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from ropescope.errors import MissingExtraError, ReportError

PORT: Final = 8765


@click.command(
    "web",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: ropescope web --files models --files texts",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), help=f"The port.  [default: {PORT}, or the next free one]")
@click.option(
    "--files",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    metavar="FOLDER",
    help="What the page may read; may repeat.  [default: the current folder]",
)
@click.option("--no-browser", is_flag=True, help="Do not open the browser.")
@click.option(
    "--build", type=click.Path(path_type=Path), metavar="FOLDER", help="Write the page as files for any web server."
)
@click.option(
    "--pyodide",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="With --build: the npm package of Pyodide, if it is not to be fetched.",
)
def command(
    host: str, port: int | None, files: tuple[Path, ...], no_browser: bool, build: Path | None, pyodide: Path | None
) -> None:
    """Every question on a page in your browser.

    The server answers on this machine alone, with your files and your access to the Hub. With --build, the page is written as
    files instead; Python then runs in the browser, for every question that needs no weights.
    """
    if build is not None:
        if port or files or no_browser:
            raise ReportError("--build writes files and serves nothing: leave out --port, --files and --no-browser.")
        _build(build, pyodide)
        return
    if pyodide is not None:
        raise ReportError("--pyodide is given and not read: it goes with --build.")
    try:
        from ropescope.app.http.listening import listen
        from ropescope.app.web.serving import serve
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"web needs {error.name}, which is not installed: pip install 'ropescope[web]'."
        ) from error
    listening = listen(host, port, PORT)
    try:
        serve(listening, host, [folder.resolve() for folder in files or (Path.cwd(),)], browse=not no_browser)
    except KeyboardInterrupt:  # how uvicorn tells that it ended by Ctrl-C
        print("Stopped.", file=sys.stderr)


def _build(folder: Path, pyodide: Path | None) -> None:
    from ropescope.app.web.build import build

    built = build(folder, pyodide)
    size = sum(built.sizes.values()) / 1e6
    print(f"Wrote {len(built.sizes)} files ({size:.1f} MB) to {built.folder}: any web server can serve them.")
