"""Serve a client on standard input and output, or clients over HTTP, until they leave or the process is interrupted."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import ASGIApp

from ropescope.app.folders import Folders, make_places_absolute
from ropescope.app.http.access import Access
from ropescope.app.http.server import Server as HttpServer
from ropescope.app.mcp.answers import Answers
from ropescope.app.mcp.guard import Guard
from ropescope.app.mcp.kept import Kept
from ropescope.app.mcp.server import make_server

TOKEN: Final = "ROPESCOPE_MCP_TOKEN"


def serve_stdio(folders: Sequence[Path]) -> None:
    """Serve the client that started this process. folders: what may be used."""

    async def serve() -> None:
        with _answers(folders) as answers:
            _end_on_signals(answers)
            server = make_server(answers)
            try:
                async with stdio_server() as (reads, writes):
                    await server.run(reads, writes, server.create_initialization_options())
            finally:
                await answers.close()

    asyncio.run(serve())


def _end_on_signals(answers: Answers) -> None:
    """End what is worked on, and the process at once: the thread that waits for the client's next line cannot be interrupted."""

    async def end() -> None:
        await answers.close()
        shutil.rmtree(answers.empty, ignore_errors=True)
        os._exit(0)

    loop, ending = asyncio.get_running_loop(), []
    for one in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(one, lambda: ending.append(loop.create_task(end())))


def serve_http(listening: socket.socket, host: str, folders: Sequence[Path]) -> None:
    """Serve clients on a socket. folders: what may be used. The token is that of the environment, else a new one, which is told."""
    given = os.environ.get(TOKEN, "")
    access = Access(host, given or secrets.token_urlsafe(24))
    with _answers(folders) as answers:
        at = f"ropescope is at {access.address(listening.getsockname()[1])}/mcp"

        def up() -> None:
            print(f"{at}\nToken: {f'of {TOKEN}' if given else access.token}", file=sys.stderr)
            print(f"It may use files in {answers.folders}. Ctrl-C ends it.", file=sys.stderr)
            if not access.loopback:
                print("Whoever has the token can ask, and the connection is not encrypted.", file=sys.stderr)
            sys.stderr.flush()

        HttpServer(make_app(make_server(answers), access), up, answers.close).run([listening])


def make_app(server: Server[Any], access: Access) -> ASGIApp:
    """The server over HTTP; the guard stands in for the checks that the SDK would make, for any address that is listened on."""
    checked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    return Guard(server.streamable_http_app(host=access.host, transport_security=checked), access)


@contextmanager
def _answers(folders: Sequence[Path]) -> Iterator[Answers]:
    make_places_absolute()
    with tempfile.TemporaryDirectory(prefix="ropescope-mcp-", ignore_cleanup_errors=True) as empty:
        yield Answers(Folders(folders), Kept(), Path(empty).resolve())
