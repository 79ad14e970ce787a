"""A folder served as a static host serves it, and away for a while: Python's own server, on localhost."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any


class Site:
    """A served folder. `asked` lists the paths that were asked for; while it is `away`, nothing is answered."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        self.away = False
        site = self

        class Handler(SimpleHTTPRequestHandler):
            extensions_map = SimpleHTTPRequestHandler.extensions_map | {
                ".mjs": "text/javascript",
                ".wasm": "application/wasm",
            }

            def do_GET(self) -> None:
                site.asked.append(self.path)
                if site.away:
                    self.close_connection = True
                else:
                    with suppress(ConnectionError):  # a page that is left
                        super().do_GET()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        self.address = f"http://127.0.0.1:{self._server.server_port}/"
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def served(folder: Path) -> Iterator[Site]:
    """`folder` at an address of its own."""
    site = Site(folder)
    try:
        yield site
    finally:
        site.close()
