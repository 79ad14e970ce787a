"""A server that says when it is up, and ends what is worked on before it ends: unfinished answers hold connections open."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable

import uvicorn
from starlette.types import ASGIApp


class Server(uvicorn.Server):
    """Serves an application on a socket. up: called when it listens. close: ends what is worked on."""

    def __init__(self, app: ASGIApp, up: Callable[[], object], close: Callable[[], Awaitable[object]]) -> None:
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=2,
            limit_concurrency=200,
        )
        super().__init__(config)
        self._up, self._close = up, close

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self._up()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End."""
        await self._close()
        await super().shutdown(sockets)
