"""A small server for the page alone: its files, forms and answers, with a backend of a few lines in the place of server.js."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import ropescope.app.web
from ropescope.app.web import backend, forms
from ropescope.questions.registry import find

PAGE = Path(ropescope.app.web.__file__).parent / "page"
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json"}

BACKEND = """
import { formAddress } from "./backend.js";
const send = (address, body, more = {}) => fetch(address, { method: "POST", body, ...more }).then((found) => found.json());
const pages = {
  kind: "server",
  catalogue: () => fetch("./catalogue.json").then((found) => found.json()),
  form: (name) => fetch(formAddress(name)).then((found) => found.json()),
  problems: (question, given) => send("./problems", JSON.stringify({ question, given })),
  answer: (question, given, watch) =>
    window.fake?.answer?.(question, given, watch) ??
    send("./answer", JSON.stringify({ question, given }), { signal: watch.signal }),
  keepFile: async (file, source) => {
    await window.fake?.keep?.();
    return send(`./keep?${new URLSearchParams({ name: file.name, source })}`, file);
  },
  keepFolder: async (name, files) => {
    for (const one of files) await send(`./keep?${new URLSearchParams({ name: one.path, folder: name })}`, one.file);
    return send("./keep?" + new URLSearchParams({ folder: name }), "");
  },
  can: (form) => window.fake?.can?.(form) ?? { ok: true },
  prepare: async () => {},
};
export const connect = async () => pages;
"""


class Served:
    """Where the page is. fake: functions in the place of the backend's for pages that are opened from now on, as JavaScript."""

    def __init__(self, address: str) -> None:
        self.address, self.fake = address, ""


@contextmanager
def served() -> Iterator[Served]:
    """The page, with a folder of its own for the files that it keeps."""
    with tempfile.TemporaryDirectory() as folder:
        handler = type("Handler", (_Handler,), {"kept": Path(folder), "names": {}})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        handler.told = told = Served(f"http://127.0.0.1:{server.server_port}/")
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield told
        finally:
            server.shutdown()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kept: Path
    names: dict[str, str]
    told: Served

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path == "/server.js":
            self._send(f"window.fake = {self.told.fake or 'undefined'};\n{BACKEND}".encode(), ".js", "no-store")
        elif path == "/catalogue.json":
            self._send(forms.catalogue())
        elif path == "/vega.js":
            from ropescope.report.figure import vega_script

            self._send(vega_script().encode(), ".js")
        elif path.startswith("/forms/"):
            self._send(forms.form(find(path.removeprefix("/forms/").removesuffix(".json").replace("_", " "))))
        else:
            file = PAGE / ("index.html" if path == "/" else path[1:])
            body = file.read_bytes().replace(
                b'name="ropescope-backend" content="static"', b'name="ropescope-backend" content="server"'
            )
            self._send(body, file.suffix)

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers["content-length"]))
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/keep":
            self._send(self._keep(asked, body))
            return
        given = json.loads(body)
        if url.path == "/problems":
            self._send(backend.problems(given["question"], given["given"]))
        else:
            self._send(backend.answer(given["question"], given["given"], names=self.names))

    def _keep(self, asked: dict[str, str], body: bytes) -> str:
        if "folder" in asked:
            path = self.kept / asked["folder"]
            if "name" in asked:
                (path / asked["name"]).parent.mkdir(parents=True, exist_ok=True)
                (path / asked["name"]).write_bytes(body)
        else:
            name = asked["name"]
            config = asked["source"] == "true" and name.endswith(".json") and not name.endswith(".index.json")
            path = Path(tempfile.mkdtemp(dir=self.kept)) / Path(name).stem / ("config.json" if config else name)
            path.parent.mkdir()
            path.write_bytes(body)
        self.names[str(path)] = asked.get("folder", asked.get("name", ""))
        return str(path)

    def _send(self, body: Any, suffix: str = ".json", keep: str = "max-age=3600") -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", KINDS[suffix])
        self.send_header("content-length", str(len(data)))
        self.send_header("cache-control", keep if self.command == "GET" else "no-store")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing: a test's output is its own."""
