"""What Python in the browser does for the page: plain text in, plain text out, and what is said on the way.

The worker passes JSON and takes JSON, so that no object lives on both sides.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from ropescope.app.web import backend
from ropescope.page_requests import Reply, allowing
from ropescope.questions.question import Run

Post = Callable[[str, str], object]
"""Takes "say" or "progress", and what was said as JSON."""


class Posting(Run):
    """A run that tells the page how far it is."""

    def __init__(self, post: Post) -> None:
        self._post = post

    def say(self, line: str) -> None:
        self._post("say", json.dumps(line))

    def progress(self, done: int, planned: int, what: str) -> None:
        self._post("progress", json.dumps([done, planned, what]))


def answer(asked: str, post: Post, request: Callable[[str, str], Any]) -> str:
    """The answer to `asked`, a JSON object with name, given, names, the language to answer in, and the repositories (hub) that
    the user lets it ask about.

    request: asks a server, by address and range; gives an object with status, body, refusal and signed.
    """
    run = Posting(post)

    def send(address: str, part: str) -> Reply:
        run.say(f"Asking {address.partition('?')[0]} …")
        found = request(address, part)
        return Reply(int(found.status), found.body.to_bytes(), str(found.refusal), bool(found.signed))

    told: dict[str, Any] = json.loads(asked)
    with allowing(send, map(_repository, told["hub"])):
        names = {**told["names"], os.getcwd(): "this page"}  # the folder that an error about a missing path names
        return json.dumps(backend.answer(told["name"], told["given"], run, names, told.get("language", "en")))


def practise(asked: str) -> None:
    """Answer `asked`, a JSON object with name and given, for nobody: what that imports and reads is there for the next."""
    told: dict[str, Any] = json.loads(asked)
    backend.answer(told["name"], told["given"])


def _repository(source: str) -> str:
    """org/name of org/name@revision and org/name/file.gguf."""
    return "/".join(source.partition("@")[0].split("/")[:2])


def problems(asked: str) -> str:
    """What is wrong with the inputs given so far, by field."""
    told: dict[str, Any] = json.loads(asked)
    return json.dumps(backend.problems(told["name"], told["given"], told.get("language", "en")))
