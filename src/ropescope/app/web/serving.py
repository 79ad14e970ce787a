"""Serve the page until Ctrl-C: a private folder, an address with what it needs, the browser, and a clean end."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Final

import uvicorn

from ropescope.app.folders import make_places_absolute
from ropescope.app.web.guards import Access
from ropescope.app.web.paths import Paths
from ropescope.app.web.private_folder import private_folder
from ropescope.app.web.running import Jobs
from ropescope.app.web.server import make_app, warm
from ropescope.app.working import terminate_as_interrupt

_DISPLAYS: Final = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME")


class Server(uvicorn.Server):
    """A server that says when it is up, and ends its jobs first when it ends: their answers hold connections open."""

    def __init__(self, config: uvicorn.Config, jobs: Jobs, up: Callable[[], object]) -> None:
        super().__init__(config)
        self._jobs, self._up = jobs, up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self._up()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End."""
        await self._jobs.close()
        await super().shutdown(sockets)


def serve(listening: socket.socket, host: str, folders: Sequence[Path], *, browse: bool) -> None:
    """Serve the page on a socket until the process is interrupted. folders: what may be read."""
    with private_folder() as private:
        empty = private.resolve() / "empty"
        empty.mkdir()
        access = Access(host, secrets.token_urlsafe(24))
        jobs = Jobs(empty)
        config = uvicorn.Config(
            make_app(access, Paths(folders, private), jobs),
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=2,
            limit_concurrency=200,
        )
        address = _address(access, listening.getsockname()[1])

        def up() -> None:
            print(f"ropescope is at {address}", file=sys.stderr)
            print(f"It may read files in {', '.join(map(str, folders))}. Ctrl-C ends it.", file=sys.stderr)
            if not access.loopback:
                print("Whoever has this address can ask, and the connection is not encrypted.", file=sys.stderr)
            sys.stderr.flush()
            threading.Thread(target=warm, daemon=True).start()
            if browse and _has_display():
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

        make_places_absolute()
        server = Server(config, jobs, up)
        if hangup := getattr(signal, "SIGHUP", None):
            signal.signal(hangup, server.handle_exit)
        # A relative name in a question must not find a file that the page may not read.
        with chdir(empty), terminate_as_interrupt():
            server.run([listening])


def _address(access: Access, port: int) -> str:
    host = socket.gethostname() if access.host in ("0.0.0.0", "::", "") else access.host
    bare = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    return bare if access.loopback else f"{bare}?token={access.token}"


def _has_display() -> bool:
    """Whether a browser would open a window; without a display it would take the terminal."""
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in _DISPLAYS)
