"""Serve the page until Ctrl-C: a private folder, an address with what it needs, the browser, and a clean end."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path
from typing import Final

from ropescope.app.folders import make_places_absolute
from ropescope.app.http.access import Access
from ropescope.app.http.server import Server
from ropescope.app.web.paths import Paths
from ropescope.app.web.private_folder import private_folder
from ropescope.app.web.running import Jobs
from ropescope.app.web.server import make_app, warm
from ropescope.app.working import terminate_as_interrupt
from ropescope.questions.registry import left_out

_DISPLAYS: Final = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME")


def serve(listening: socket.socket, host: str, folders: Sequence[Path], *, browse: bool) -> None:
    """Serve the page on a socket until the process is interrupted. folders: what may be read."""
    with private_folder() as private:
        empty = private.resolve() / "empty"
        empty.mkdir()
        access = Access(host, secrets.token_urlsafe(24))
        jobs = Jobs(empty)
        bare = access.address(listening.getsockname()[1]) + "/"
        address = bare if access.loopback else f"{bare}?token={access.token}"

        def up() -> None:
            print(f"ropescope is at {address}", file=sys.stderr)
            print(f"It may read files in {', '.join(map(str, folders))}. Ctrl-C ends it.", file=sys.stderr)
            if not access.loopback:
                print("Whoever has this address can ask, and the connection is not encrypted.", file=sys.stderr)
            for one in left_out():
                print(one.sentence, file=sys.stderr)
            sys.stderr.flush()
            threading.Thread(target=warm, daemon=True).start()
            if browse and _has_display():
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

        make_places_absolute()
        server = Server(make_app(access, Paths(folders, private), jobs), up, jobs.close)
        if hangup := getattr(signal, "SIGHUP", None):
            signal.signal(hangup, server.handle_exit)
        # A relative name in a question must not find a file that the page may not read.
        with chdir(empty), terminate_as_interrupt():
            server.run([listening])


def _has_display() -> bool:
    """Whether a browser would open a window; without a display it would take the terminal."""
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in _DISPLAYS)
