"""`ropescope web` in a process of its own, and requests to it as its page sends them."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ropescope.cache_home import cache_home
from ropescope.errors import MissingExtraError
from ropescope.report.figure import vega_script


class Running:
    """`ropescope web` in a process, and the page that it gave."""

    def __init__(self, folder: Path, temporary: Path, *options: str, **more: str) -> None:
        _keep_vega(temporary / "home")
        environment = {**os.environ, "TMPDIR": str(temporary), "ROPESCOPE_HOME": str(temporary / "home"),
                       "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", **more}  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ropescope", "web", "--no-browser", *options],
            cwd=folder, env=environment, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stderr is not None
        told = self.process.stderr.readline()
        found = re.search(r"http://([\w.-]+):(\d+)/(.*)", told)
        assert found is not None, told + self.process.stderr.read()
        self.port, self.query = int(found[2]), found[3].strip()
        page = self.request("GET", f"/{self.query}")[1].decode()
        self.token = re.findall(r'ropescope-token" content="([^"]+)"', page)[0]

    def open(self, method: str, path: str, body: Any = None, **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {"Content-Type": "application/json", "X-Ropescope-Token": getattr(self, "token", ""), **headers}
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        response = connection.getresponse()
        response.connection_of_test = connection  # type: ignore[attr-defined]
        return response

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        response = self.open(method, path, body)
        return response.status, response.read()

    def begin(self, question: str, given: dict[str, Any]) -> str:
        job: str = json.loads(self.request("POST", "/api/answer", {"question": question, "given": given})[1])["job"]
        return job

    def lines(self, job: str, after: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
        response = self.open("GET", f"/api/jobs/{job}/events", **{"Last-Event-ID": str(after)})
        assert response.headers["Content-Type"].startswith("text/event-stream")
        number = 0
        for raw in response:
            if raw.startswith(b"id: "):
                number = int(raw[4:])
            elif raw.startswith(b"data: "):
                yield number, json.loads(raw[6:])
        response.connection_of_test.close()  # type: ignore[attr-defined]

    def end(self, by: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(by)
        return self.process.wait(60)


def _keep_vega(home: Path) -> None:
    """What draws figures, from this user's home: a new home would bundle it again, which takes seconds."""
    home.mkdir(parents=True, exist_ok=True)
    with suppress(MissingExtraError):
        vega_script()
        for kept in cache_home().glob("vega-*.js"):
            shutil.copy(kept, home)


@contextmanager
def running(folder: Path, temporary: Path, *options: str, **more: str) -> Iterator[Running]:
    """A server that ends with the block. more: variables of its environment."""
    server = Running(folder, temporary, *options, **more)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.end()
        server.process.stderr.close()  # type: ignore[union-attr]
