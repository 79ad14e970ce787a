"""A small Hub on localhost: enough of its HTTP interface for huggingface_hub to resolve, list, download and commit."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fake_hub_writing import Account, answer_writing, sibling

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
    private: bool = False
    before: dict[str, dict[str, bytes | Large]] = field(default_factory=dict)

    def at(self, commit: str) -> dict[str, bytes | Large]:
        """The files at a commit; `files` are those of main."""
        return self.before.get(commit, self.files)

    def commit(self, files: dict[str, bytes | Large], *, pull_request: bool = False) -> str:
        """Commit `files`, on main or as a pull request; the new commit."""
        made = hashlib.sha1(
            repr((sorted(files.items(), key=lambda one: one[0]), len(self.before))).encode()
        ).hexdigest()
        if pull_request:
            number = 1 + sum(ref.startswith("refs/pr/") for ref in self.revisions)
            self.revisions[f"refs/pr/{number}"], self.before[made] = made, files
        else:
            self.before[self.revisions["main"]] = self.files
            self.revisions["main"], self.files = made, files
        return made


class FakeHub:
    """The server; `repos` maps "models/org/name" or "datasets/org/name" to a Repo, `requests` lists what was asked, `sent`
    counts the bytes of each file that were sent. `file_mood` is how files alone misbehave; `ignore_range` answers every
    range with the whole file; `redirect` sends to another host for files, as the Hub does. `authorized` holds the
    Authorization of the last request to each host and kind. `accounts` are who may write, by their tokens; `on_commit` is
    called before a commit is taken and may say how it goes wrong: "cut before", "cut after" or a status."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.requests: list[str] = []
        self.sent: dict[str, int] = {}
        self.ignore_range = False
        self.file_mood = ""
        self.redirect = False
        self.authorized: dict[str, str | None] = {}
        self.release = threading.Event()
        self.accounts: dict[str, Account] = {}
        self.objects: dict[str, bytes] = {}
        self.messages: list[str] = []
        self.on_commit: Callable[[], str | int | None] | None = None
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def do_GET(self) -> None:
                hub.answer(self, head=False)

            def do_HEAD(self) -> None:
                hub.answer(self, head=True)

            def do_POST(self) -> None:
                answer_writing(hub, self)

            do_PUT = do_POST

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
        if parts == ["api", "whoami-v2"]:
            return self.whoami(request)
        if parts[0] == "api":
            kind, name, rest, api = parts[1], "/".join(parts[2:4]), parts[4:], True
        elif parts[0] == "datasets":
            kind, name, rest, api = "datasets", "/".join(parts[1:3]), parts[3:], False
        else:
            kind, name, rest, api = "models", "/".join(parts[:2]), parts[2:], False
        repo = self.repos.get(f"{kind}/{name}")
        hidden = repo is not None and repo.private and self.account_of(request) is None
        mood = "missing" if repo is None or hidden else repo.mood
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
        known = {*repo.revisions.values(), *repo.before}
        commit = repo.revisions.get(revision, revision if revision in known else None)
        if commit is None:
            return self.send(request, 404, b"", {"X-Error-Code": "RevisionNotFound"}, head=head)
        if api and (not rest or rest[0] == "revision"):
            blobs = "blobs=" in request.path
            siblings = [sibling(file, data, blobs=blobs) for file, data in repo.at(commit).items()]
            info = {"id": name, "sha": commit, "siblings": siblings, "tags": [], "cardData": repo.card}
            info["private"] = repo.private
            return self.json(request, info, head=head)
        if api and rest[0] == "tree":
            tree = [
                {"type": "file", "path": file, "size": size_of(data), "oid": etag(data)}
                for file, data in repo.at(commit).items()
            ]
            return self.json(request, tree, head=head)
        if rest[0] == "resolve" and self.file_mood:
            if self.file_mood == "hang":
                self.release.wait(30)
                return None
            status, code = ERRORS[self.file_mood]
            return self.send(request, status, b"", {"X-Error-Code": code} if code else {}, head=head)
        if rest[0] == "resolve":
            data = repo.at(commit).get("/".join(rest[2:]))
            if data is None:
                return self.send(
                    request, 404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}, head=head
                )
            return self.file(request, data, commit, head=head)
        return self.send(request, 404, b"", {}, head=head)

    def account_of(self, request: BaseHTTPRequestHandler) -> Account | None:
        """Whose token came with a request."""
        return self.accounts.get((request.headers.get("Authorization") or "").removeprefix("Bearer "))

    def whoami(self, request: BaseHTTPRequestHandler) -> None:
        """Who the token belongs to, and what it may do."""
        account = self.account_of(request)
        if account is None:
            return self.send(request, 401, b'{"error": "Invalid username or password."}', {}, head=False)
        organizations = [{"name": name} for name in account.organizations]
        token = {"role": account.role, "displayName": "a token"}
        return self.json(
            request, {"name": account.name, "orgs": organizations, "auth": {"accessToken": token}}, head=False
        )

    def commit(self, repo: Repo, revision: str) -> str:
        """The commit that a revision means."""
        return repo.revisions.get(revision, revision)

    def entries(self, repo: Repo, commit: str, paths: list[str]) -> list[dict[str, Any]]:
        """What the repository holds at `paths`: files and folders."""
        found: list[dict[str, Any]] = []
        files = repo.at(commit)
        for path in paths:
            if path in files:
                found.append({"type": "file", "path": path, "size": size_of(files[path]), "oid": etag(files[path])})
            elif any(name.startswith(f"{path.rstrip('/')}/") for name in files):
                found.append({"type": "directory", "path": path.rstrip("/"), "oid": "0" * 40})
        return found

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
