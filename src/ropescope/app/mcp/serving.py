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

import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import ASGIApp

from ropescope.app.folders import Folders, make_places_absolute
from ropescope.app.mcp.answers import Answers
from ropescope.app.mcp.guard import Guard
from ropescope.app.mcp.kept import Kept
from ropescope.app.mcp.server import make_server
from ropescope.app.web.guards import Access

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
        config = uvicorn.Config(
            make_app(make_server(answers), access),
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=2,
            limit_concurrency=200,
        )
        name = socket.gethostname() if host in ("0.0.0.0", "::", "") else host
        address = f"http://{f'[{name}]' if ':' in name else name}:{listening.getsockname()[1]}/mcp"
        told = f"of {TOKEN}" if given else access.token
        _Server(config, answers, f"ropescope is at {address}\nToken: {told}", access.loopback).run([listening])


def make_app(server: Server[Any], access: Access) -> ASGIApp:
    """The server over HTTP; the guard stands in for the checks that the SDK would make, for any address that is listened on."""
    checked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    return Guard(server.streamable_http_app(host=access.host, transport_security=checked), access)


class _Server(uvicorn.Server):
    """A server that says when it is up, and ends what is worked on when it ends."""

    def __init__(self, config: uvicorn.Config, answers: Answers, told: str, loopback: bool) -> None:
        super().__init__(config)
        self._answers, self._told, self._loopback = answers, told, loopback

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self._told, file=sys.stderr)
        print(f"It may use files in {self._answers.folders}. Ctrl-C ends it.", file=sys.stderr)
        if not self._loopback:
            print("Whoever has the token can ask, and the connection is not encrypted.", file=sys.stderr)
        sys.stderr.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._answers.close()
        await super().shutdown(sockets)


@contextmanager
def _answers(folders: Sequence[Path]) -> Iterator[Answers]:
    make_places_absolute()
    with tempfile.TemporaryDirectory(prefix="ropescope-mcp-", ignore_cleanup_errors=True) as empty:
        yield Answers(Folders(folders), Kept(), Path(empty).resolve())
