"""What the page sends: a question with its inputs, or a file; read as far as it is allowed to be, else refused."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Final, NamedTuple

from starlette.requests import ClientDisconnect, Request

from ropescope.app.web import backend
from ropescope.app.web.guards import refuse
from ropescope.questions.inputs import fields_of
from ropescope.questions.kinds import Output
from ropescope.questions.question import Question
from ropescope.questions.registry import known

MOST_REQUEST: Final = 8 << 20
MOST_FILE: Final = 2 << 30
SPARED: Final = 1 << 30
"""Bytes of the disk that files of the page leave free."""
MOST_WAIT: Final = 60.0
"""Seconds for a question, or for the next piece of a file, to come."""


class Asked(NamedTuple):
    """What the page asks, and in which language it is to be answered."""

    question: Question
    given: backend.Given
    language: str

    @property
    def is_long(self) -> bool:
        """Whether the answer may take long, or writes files: then it is a job from the start."""
        question, given = self.question, self.given
        if question.needs != "files" or any(given.get(name) for name in question.weights_with):
            return True
        return any(isinstance(one.kind, Output) and given.get(one.name) for one in fields_of(question.inputs_type))


class RefusedError(Exception):
    """A request that is not read further, and what is answered."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.response = refuse(status, sentence)


async def read_question(request: Request) -> Asked:
    """The question and its inputs. Raises RefusedError for what is no request of the page, and for one that is too large."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, "A request is JSON.")
    body = bytearray()
    try:
        async with asyncio.timeout(MOST_WAIT):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_REQUEST:
                    raise RefusedError(413, f"The request is larger than {MOST_REQUEST >> 20} MiB: give a file.")
        told = json.loads(body)
        question, given = told["question"], told["given"]
    except TimeoutError:
        raise RefusedError(408, f"The request did not arrive within {MOST_WAIT:g} seconds: ask again.") from None
    except (ValueError, TypeError, KeyError, RecursionError, ClientDisconnect):
        raise RefusedError(400, "The request is not a question with its inputs.") from None
    known_question = known().get(question) if isinstance(question, str) else None
    if known_question is None:
        raise RefusedError(404, "There is no such question.")
    if not isinstance(given, dict) or not all(_is_input(value) for value in given.values()):
        raise RefusedError(400, "Inputs are texts, lists of texts, true or false.")
    language = told.get("language", "en")
    return Asked(known_question, given, language if isinstance(language, str) else "en")


def _is_input(value: object) -> bool:
    return isinstance(value, str | bool) or (isinstance(value, list) and all(isinstance(one, str) for one in value))


async def receive(request: Request, path: Path) -> None:
    """Write the body to a file as it comes. Raises RefusedError for one that is too large, TimeoutError, OSError."""
    room = min(MOST_FILE, shutil.disk_usage(path.parent).free - SPARED)
    told = request.headers.get("content-length", "0")
    size, chunks = int(told) if told.isdecimal() else 0, request.stream().__aiter__()
    with path.open("xb") as file:
        while size <= room:
            try:
                chunk = await asyncio.wait_for(anext(chunks), MOST_WAIT)
            except StopAsyncIteration:
                return
            file.write(chunk)
            size = max(size, file.tell())
    limit = f"{room / 2**30:.0f} GiB" if room >= 2**30 else "the room that is left on the disk"
    raise RefusedError(
        413, f"The file is larger than {limit}: start the server with `files` its folder, and give its path."
    )
