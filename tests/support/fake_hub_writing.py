"""The writing half of the small Hub: what huggingface_hub asks for to create a dataset and to commit to it."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fake_hub import FakeHub, Repo

GIT_ATTRIBUTES = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"
"""What the Hub puts into a repository that it creates."""


@dataclass(frozen=True)
class Account:
    """Who a token belongs to, and what it may do: "write" or "read"."""

    name: str
    organizations: tuple[str, ...] = ()
    role: str = "write"

    def may_write(self, namespace: str) -> bool:
        """Whether it may commit in a namespace."""
        return self.role == "write" and namespace in (self.name, *self.organizations)


def git_sha1(data: bytes) -> str:
    """What git calls a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def sibling(name: str, data: Any, *, blobs: bool) -> dict[str, Any]:
    """A file as the Hub lists it, with its hashes where they are asked for."""
    listed = {"rfilename": name, "size": data.size if hasattr(data, "size") else len(data)}
    if blobs and isinstance(data, bytes):
        listed["blobId"] = git_sha1(data)
        if name.endswith((".parquet", ".safetensors", ".gguf")):
            listed["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return listed


def body_of(request: BaseHTTPRequestHandler) -> bytes:
    """What was sent with a request, in one piece or in chunks."""
    if request.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return request.rfile.read(int(request.headers.get("Content-Length") or 0))
    pieces = []
    while size := int(request.rfile.readline().strip() or b"0", 16):
        pieces.append(request.rfile.read(size))
        request.rfile.readline()
    request.rfile.readline()
    return b"".join(pieces)


def answer_writing(hub: FakeHub, request: BaseHTTPRequestHandler) -> None:
    """Answer a POST or a PUT."""
    path, _, query = request.path.partition("?")
    body = body_of(request)
    hub.requests.append(f"{request.command} {path}")
    parts = [part.replace("%2F", "/") for part in path.strip("/").split("/")]
    if request.command == "PUT" and parts[0] == "lfs":
        assert hashlib.sha256(body).hexdigest() == parts[1]
        hub.objects[parts[1]] = body
        return hub.send(request, 200, b"", {}, head=False)
    if parts == ["api", "validate-yaml"]:
        return hub.json(request, {"errors": [], "warnings": []}, head=False)
    account = hub.account_of(request)
    if account is None:
        message = {"X-Error-Message": "Invalid credentials in Authorization header"}
        return hub.send(request, 401, b"", message, head=False)
    if parts == ["api", "repos", "create"]:
        return _create(hub, request, account, json.loads(body))
    batch = parts[-4:] == ["info", "lfs", "objects", "batch"]
    name = "/".join(parts[1:3]).removesuffix(".git") if batch else "/".join(parts[2:4])
    repo = hub.repos.get(f"datasets/{name}")
    if repo is None:
        return hub.send(request, 404, b"", {"X-Error-Code": "RepoNotFound"}, head=False)
    pull_request = "create_pr=1" in query
    if not (account.may_write(name.split("/")[0]) or (pull_request and account.role == "write") or batch):
        return hub.send(request, 403, b'{"error": "Forbidden"}', {}, head=False)
    sent = json.loads(body) if batch or parts[4] != "commit" else {}
    if batch:
        objects = [{**one, **_upload(hub, one["oid"])} for one in sent["objects"]]
        return hub.json(request, {"transfer": "basic", "objects": objects}, head=False)
    if parts[4] == "preupload":
        modes = [
            {
                "path": one["path"],
                "uploadMode": "lfs" if one["path"].endswith(".parquet") else "regular",
                "shouldIgnore": False,
            }
            for one in sent["files"]
        ]
        return hub.json(request, {"files": modes}, head=False)
    if parts[4] == "paths-info":
        return hub.json(request, hub.entries(repo, hub.commit(repo, parts[5]), sent["paths"]), head=False)
    return _commit(hub, request, repo, name, body, pull_request=pull_request)


def _upload(hub: FakeHub, oid: str) -> dict[str, Any]:
    return {} if oid in hub.objects else {"actions": {"upload": {"href": f"{hub.endpoint}/lfs/{oid}"}}}


def _create(hub: FakeHub, request: BaseHTTPRequestHandler, account: Account, asked: dict[str, Any]) -> None:
    from fake_hub import Repo

    namespace = asked.get("organization") or account.name
    name = f"{namespace}/{asked['name']}"
    if not account.may_write(namespace):
        return hub.send(request, 403, b'{"error": "Forbidden"}', {}, head=False)
    if f"datasets/{name}" in hub.repos:
        return hub.send(request, 409, b'{"error": "You already created this dataset repo"}', {}, head=False)
    private = asked.get("private") is True or asked.get("visibility") == "private"
    hub.repos[f"datasets/{name}"] = Repo({".gitattributes": GIT_ATTRIBUTES}, private=private)
    return hub.json(request, {"url": f"{hub.endpoint}/datasets/{name}"}, head=False)


def _commit(
    hub: FakeHub, request: BaseHTTPRequestHandler, repo: Repo, name: str, body: bytes, *, pull_request: bool
) -> None:
    happens = hub.on_commit() if hub.on_commit is not None else None
    if happens == "cut before":
        request.close_connection = True
        return None
    if isinstance(happens, int):
        return hub.send(request, happens, b'{"error": "refused"}', {}, head=False)
    lines = [json.loads(line) for line in body.splitlines()]
    parent = lines[0]["value"].get("parentCommit")
    if parent is not None and parent != repo.revisions["main"]:
        return hub.send(request, 412, b'{"error": "A commit has happened since"}', {}, head=False)
    files = dict(repo.files)
    for line in lines[1:]:
        value = line["value"]
        files[value["path"]] = (
            base64.b64decode(value["content"]) if line["key"] == "file" else hub.objects[value["oid"]]
        )
    made, url = repo.commit(files, pull_request=pull_request), f"{hub.endpoint}/datasets/{name}"
    hub.messages.append(lines[0]["value"]["summary"])
    if happens == "cut after":
        request.close_connection = True
        return None
    number = sum(ref.startswith("refs/pr/") for ref in repo.revisions)
    said = {"commitUrl": f"{url}/commit/{made}", "commitOid": made, "success": True}
    return hub.json(request, said | {"pullRequestUrl": f"{url}/discussions/{number}"}, head=False)
