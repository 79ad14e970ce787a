"""A small Hub on localhost: enough of its HTTP interface for huggingface_hub to resolve, list and download."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ERRORS = {
    "gated": (403, "GatedRepo"),
    "gated-401": (401, "GatedRepo"),
    "missing": (404, "RepoNotFound"),
    "unauthorized": (401, "RepoNotFound"),
    "forbidden": (403, ""),
    "limited": (429, ""),
    "broken": (500, ""),
}


@dataclass(frozen=True)
class Large:
    """A file of `size` bytes that begins with `start` and is zeros from there on."""

    start: bytes
    size: int

    def part(self, first: int, count: int) -> bytes:
        """The bytes from `first`, `count` of them."""
        return self.start[first : first + count].ljust(count, b"\0")


@dataclass
class Repo:
    """A repository: its files, its branches and tags (to commits), what its card says, and how it misbehaves (a key of
    ERRORS, or "hang"). With a `token` it is gated: its files are for that token alone, and what it holds is told to everyone."""

    files: dict[str, bytes | Large] = field(default_factory=dict)
    revisions: dict[str, str] = field(default_factory=lambda: {"main": COMMIT})
    mood: str = ""
    card: dict[str, Any] = field(default_factory=dict)
    token: str = ""


class FakeHub:
    """The server; `repos` maps "models/org/name" or "datasets/org/name" to a Repo, `requests` lists what was asked, `sent`
    counts the bytes of each file that were sent. `file_mood` is how files alone misbehave; `ignore_range` answers every
    range with the whole file; `redirect` sends to another host for files, as the Hub does. `authorized` holds the
    Authorization of the last request to each host and kind."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.requests: list[str] = []
        self.sent: dict[str, int] = {}
        self.ignore_range = False
        self.file_mood = ""
        self.redirect = False
        self.authorized: dict[str, str | None] = {}
        self.release = threading.Event()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def do_GET(self) -> None:
                hub.answer(self, head=False)

            def do_HEAD(self) -> None:
                hub.answer(self, head=True)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def answer(self, request: BaseHTTPRequestHandler, *, head: bool) -> None:
        """Answer one request."""
        path = request.path.partition("?")[0]
        self.requests.append(f"{request.command} {path}")
        parts = [part.replace("%2F", "/") for part in path.strip("/").split("/")]
        asked = f"{request.headers.get('Host', '').partition(':')[0]} {'api' if parts[0] == 'api' else 'file'}"
        self.authorized[asked] = request.headers.get("Authorization")
        if self.redirect and "resolve" in parts and asked.startswith("127."):
            place = f"http://localhost:{self.server.server_address[1]}{request.path}"
            return self.send(request, 302, b"", {"Location": place}, head=head)
        if parts[0] == "api":
            kind, name, rest, api = parts[1], "/".join(parts[2:4]), parts[4:], True
        elif parts[0] == "datasets":
            kind, name, rest, api = "datasets", "/".join(parts[1:3]), parts[3:], False
        else:
            kind, name, rest, api = "models", "/".join(parts[:2]), parts[2:], False
        repo = self.repos.get(f"{kind}/{name}")
        mood = "missing" if repo is None else repo.mood
        if mood == "hang":
            self.release.wait(30)
            return None
        if mood:
            status, code = ERRORS[mood]
            return self.send(request, status, b"", {"X-Error-Code": code} if code else {}, head=head)
        assert repo is not None
        given = self.authorized[asked]
        if repo.token and given not in (None, f"Bearer {repo.token}"):
            return self.send(request, 401, b"", {}, head=head)
        if repo.token and given is None and not api:
            return self.send(request, 401, b"", {"X-Error-Code": "GatedRepo"}, head=head)
        revision = rest[1] if len(rest) > 1 else "main"
        commit = repo.revisions.get(revision, revision if revision in repo.revisions.values() else None)
        if commit is None:
            return self.send(request, 404, b"", {"X-Error-Code": "RevisionNotFound"}, head=head)
        if api and (not rest or rest[0] == "revision"):
            siblings = [{"rfilename": file, "size": size_of(data)} for file, data in repo.files.items()]
            info = {"id": name, "sha": commit, "siblings": siblings, "tags": [], "cardData": repo.card}
            return self.json(request, info, head=head)
        if api and rest[0] == "tree":
            tree = [
                {"type": "file", "path": file, "size": size_of(data), "oid": etag(data)}
                for file, data in repo.files.items()
            ]
            return self.json(request, tree, head=head)
        if rest[0] == "resolve" and self.file_mood:
            if self.file_mood == "hang":
                self.release.wait(30)
                return None
            status, code = ERRORS[self.file_mood]
            return self.send(request, status, b"", {"X-Error-Code": code} if code else {}, head=head)
        if rest[0] == "resolve":
            data = repo.files.get("/".join(rest[2:]))
            if data is None:
                return self.send(
                    request, 404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}, head=head
                )
            return self.file(request, data, commit, head=head)
        return self.send(request, 404, b"", {}, head=head)

    def file(self, request: BaseHTTPRequestHandler, data: bytes | Large, commit: str, *, head: bool) -> None:
        """A file, or the range of it that was asked for."""
        headers = {"X-Repo-Commit": commit, "ETag": f'"{etag(data)}"', "Accept-Ranges": "bytes"}
        wanted = request.headers.get("Range", "")
        first, last, status = 0, size_of(data) - 1, 200
        if wanted and not size_of(data) and not self.ignore_range:
            return self.send(request, 416, b"", {**headers, "Content-Range": "bytes */0"}, head=head)
        if wanted.startswith("bytes=") and not self.ignore_range:
            start, _, end = wanted.removeprefix("bytes=").partition("-")
            first, last, status = int(start or 0), min(int(end) if end else last, last), 206
            headers["Content-Range"] = f"bytes {first}-{last}/{size_of(data)}"
        if head:
            return self.send(request, status, b"", {**headers, "Content-Length": str(last - first + 1)}, head=True)
        request.send_response(status)
        for key, value in {**headers, "Content-Length": str(last - first + 1)}.items():
            request.send_header(key, value)
        request.end_headers()
        name = request.path.rpartition("/")[2]
        try:
            for place in range(first, last + 1, 1 << 16):
                count = min(1 << 16, last + 1 - place)
                request.wfile.write(data.part(place, count) if isinstance(data, Large) else data[place : place + count])
                self.sent[name] = self.sent.get(name, 0) + count
        except OSError:  # the client has hung up
            request.close_connection = True

    def json(self, request: BaseHTTPRequestHandler, value: object, *, head: bool) -> None:
        """A JSON answer."""
        self.send(request, 200, json.dumps(value).encode(), {"Content-Type": "application/json"}, head=head)

    def send(
        self, request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str], *, head: bool
    ) -> None:
        """Status, headers and, unless it is a HEAD request, the body."""
        request.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            request.send_header(key, value)
        request.end_headers()
        if not head:
            request.wfile.write(body)


def size_of(data: bytes | Large) -> int:
    """The bytes of a file."""
    return data.size if isinstance(data, Large) else len(data)


def etag(data: bytes | Large) -> str:
    """What tells one content from another."""
    return hashlib.sha1(repr((data.start, data.size)).encode() if isinstance(data, Large) else data).hexdigest()


@contextmanager
def running_hub() -> Iterator[FakeHub]:
    """A FakeHub that answers until the block is left."""
    hub = FakeHub()
    hub.thread.start()
    try:
        yield hub
    finally:
        hub.release.set()
        hub.server.shutdown()
        hub.server.server_close()
