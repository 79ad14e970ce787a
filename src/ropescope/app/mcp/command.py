"""`ropescope mcp`: serve every question to agents, or write the skill file for agents that have a shell."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from ropescope.errors import MissingExtraError, ReportError
from ropescope.questions.registry import left_out

PORT: Final = 8775


@click.command(
    "mcp",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: ropescope mcp --files models --files texts",
)
@click.option(
    "--files",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    metavar="FOLDER",
    help="What agents may read, and where they may write; may repeat.  [default: the current folder]",
)
@click.option("--http", is_flag=True, help="Serve over HTTP, with a token, instead of standard input and output.")
@click.option("--host", metavar="HOST", help="With --http: the address to listen on.  [default: 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(1, 65535), help=f"With --http: the port.  [default: {PORT}, or the next free one]"
)
@click.option(
    "--skill", type=click.Path(path_type=Path), metavar="FILE", help="Write the skill file, and serve nothing."
)
def command(files: tuple[Path, ...], http: bool, host: str | None, port: int | None, skill: Path | None) -> None:
    """Every question for agents, by the Model Context Protocol.

    A client starts this command and talks to it on standard input and output. With --http it listens on this machine for clients
    that send its token, which is that of ROPESCOPE_MCP_TOKEN, or a new one that is printed.
    """
    if skill is not None:
        if files or http or host or port:
            raise ReportError("--skill writes a file and serves nothing: leave out the other options.")
        from ropescope.app.mcp.skill import text
        from ropescope.report.files import write_whole

        print(f"Wrote {write_whole(skill, text())}")
        return
    if not http and (host or port):
        raise ReportError(f"--{'host' if host else 'port'} is given and not read: it goes with --http.")
    try:
        from ropescope.app.mcp.serving import serve_http, serve_stdio
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"mcp needs {error.name}, which is not installed: pip install 'ropescope[mcp]'."
        ) from error
    for one in left_out():
        print(one.sentence, file=sys.stderr)
    folders = [folder.resolve() for folder in files or (Path.cwd(),)]
    try:
        if http:
            from ropescope.app.http.listening import listen

            where = host or "127.0.0.1"
            serve_http(listen(where, port, PORT), where, folders)
        else:
            serve_stdio(folders)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
