"""The server of the page: its files, the forms, quick answers in threads, long ones as jobs, and files that the page keeps."""

from __future__ import annotations

import asyncio
import hashlib
import html
import json
import re
import shutil
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ropescope.app.http.access import Access
from ropescope.app.web import backend
from ropescope.app.web.forms import catalogue, form
from ropescope.app.web.guards import Guard, refuse
from ropescope.app.web.jobs import PageRun, answered, fault
from ropescope.app.web.languages.catalogues import LANGUAGES
from ropescope.app.web.languages.translated import page_words
from ropescope.app.web.paths import Cleared, Paths
from ropescope.app.web.running import Jobs, TooManyError
from ropescope.errors import InputError, MissingExtraError, RopescopeError
from ropescope.questions.inputs import fields_of
from ropescope.questions.kinds import Output
from ropescope.questions.question import Question
from ropescope.questions.registry import find, known
from ropescope.report.figure import vega_script

PAGE: Final = Path(__file__).with_name("page")
MOST_REQUEST: Final = 8 << 20
MOST_FILE: Final = 2 << 30
SPARED: Final = 1 << 30
"""Bytes of the disk that files of the page leave free."""
QUICK_SECONDS: Final = 10.0
"""What takes longer goes on as a job, which tells how far it is and can be cancelled."""
MOST_WAIT: Final = 60.0
THREADS: Final = 4
_TYPES: Final = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
_BACKEND: Final = re.compile(r'<meta name="ropescope-backend" content="static">')
_GO_ON: Final = "Continue where it stopped"
_NOT_KEPT: Final = {"Cache-Control": "no-store"}


def make_app(access: Access, paths: Paths, jobs: Jobs) -> Starlette:
    """The server. paths: what may be read, and what the page holds."""
    served = Served(access, paths, jobs)
    return Starlette(
        routes=[
            Route("/", served.page),
            Route("/catalogue.json", served.catalogue),
            Route("/forms/{name}.json", served.form),
            Route("/languages/{name}.json", served.words),
            Route("/vega.js", served.vega),
            Route("/kept/{folder}/{name:path}", served.kept),
            Route("/api/problems", served.problems, methods=["POST"]),
            Route("/api/answer", served.answer, methods=["POST"]),
            Route("/api/jobs", served.job, methods=["POST"]),
            Route("/api/jobs/{job}/events", served.events),
            Route("/api/jobs/{job}/cancel", served.cancel, methods=["POST"]),
            Route("/api/folders", served.keep_folder, methods=["POST"]),
            Route("/api/files", served.keep_file, methods=["POST"]),
            Route("/{name:path}", served.file),
        ],
        middleware=[Middleware(Guard, access=access)],
        lifespan=served.lifespan,
    )


class Served:
    """What each address answers."""

    def __init__(self, access: Access, paths: Paths, jobs: Jobs) -> None:
        self._access, self._paths, self._jobs = access, paths, jobs
        # Only these names are files of the page: no other path is ever made of what a request says.
        found = (path for path in PAGE.rglob("*") if path.suffix in _TYPES and path.name != "index.html")
        self._files = {path.relative_to(PAGE).as_posix(): path for path in found}
        # A page of files that was at this address before asks for it, and would stay without it.
        self._files["sw.js"] = self._files.pop("sw_leaves.js")
        self._made: dict[str, bytes] = {}
        self._threads = anyio.CapacityLimiter(THREADS)

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Jobs are watched while the server runs, and ended with it."""
        loop = asyncio.get_running_loop()
        watch = loop.create_task(self._jobs.watch())
        drawing = loop.create_task(self._prepare())
        try:
            yield
        finally:
            watch.cancel()
            drawing.cancel()
            await self._jobs.close()

    async def _prepare(self) -> None:
        """Make what draws figures before the first one is asked for: its first bundle takes seconds."""
        with suppress(MissingExtraError):
            self._made["vega"] = await anyio.to_thread.run_sync(lambda: vega_script().encode())

    # The page

    async def page(self, request: Request) -> Response:
        """The shell, told that a server answers it, and the token to ask with."""
        token = html.escape(self._access.token)
        told = {"backend": "server", "token": token, "languages": " ".join(LANGUAGES)}
        metas = "\n".join(f'<meta name="ropescope-{name}" content="{content}">' for name, content in told.items())
        shell, count = _BACKEND.subn(metas, (PAGE / "index.html").read_text("utf-8"))
        assert count == 1
        return Response(shell, media_type="text/html", headers=_NOT_KEPT)

    async def file(self, request: Request) -> Response:
        """A file of the page."""
        path = self._files.get(request.path_params["name"])
        if path is None:
            return refuse(404, "There is no such file.")
        return _versioned(request, path.read_bytes(), _TYPES[path.suffix])

    async def catalogue(self, request: Request) -> Response:
        """Every question."""
        return await self._once(request, "catalogue", lambda: _json(catalogue()))

    async def form(self, request: Request) -> Response:
        """The form of one question."""
        name = request.path_params["name"].replace("_", " ")
        if name not in known():
            return refuse(404, "There is no such question.")
        try:
            return await self._once(request, f"form {name}", lambda: _json(form(find(name))))
        except RopescopeError as error:
            return JSONResponse({"error": backend.told(error)}, 409, _NOT_KEPT)

    async def words(self, request: Request) -> Response:
        """What the page says, in another language."""
        name = request.path_params["name"]
        if name not in LANGUAGES:
            return refuse(404, "The page does not speak that language.")
        return await self._once(request, f"words {name}", lambda: _json(page_words(name)))

    async def vega(self, request: Request) -> Response:
        """The program that draws figures, from the package that draws them on the command line."""
        try:
            return await self._once(request, "vega", lambda: vega_script().encode(), "text/javascript")
        except MissingExtraError as error:
            return refuse(404, str(error))

    async def _once(
        self, request: Request, name: str, make: Callable[[], bytes], kind: str = "application/json"
    ) -> Response:
        if name not in self._made:
            self._made[name] = await anyio.to_thread.run_sync(make)
        return _versioned(request, self._made[name], kind)

    async def kept(self, request: Request) -> Response:
        """A file that an answer made. Its address is known to the page alone."""
        path = self._paths.result(request.path_params["folder"], request.path_params["name"])
        if path is None:
            return refuse(404, "The page does not hold that file any more.")
        policy = {"Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'"}
        return FileResponse(path, filename=path.name, media_type="application/octet-stream", headers=_NOT_KEPT | policy)

    # Answers

    async def problems(self, request: Request) -> Response:
        """What is wrong with the inputs so far, by field."""
        try:
            asked = await _asked(request)
        except _Refused as refused:
            return refused.response
        found = backend.problems(asked.question.name, asked.given, asked.language)
        return JSONResponse(found, headers=_NOT_KEPT)

    async def answer(self, request: Request) -> Response:
        """The answer, or the job that works on it."""
        try:
            asked = await _asked(request)
            if _is_long(asked):
                return self._start(asked)
            cleared = self._paths.clear(asked.question, asked.given)
        except _Refused as refused:
            return refused.response
        except RopescopeError as error:
            return _told(error)
        work = partial(self._quick, self._request(asked, cleared), cleared)
        with anyio.move_on_after(QUICK_SECONDS):
            made = await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._threads)
            return Response(made, media_type="application/json", headers=_NOT_KEPT)
        return self._start(asked)

    async def job(self, request: Request) -> Response:
        """A job that answers the question, however short it may be."""
        try:
            return self._start(await _asked(request))
        except _Refused as refused:
            return refused.response

    def _request(self, asked: Asked, cleared: Cleared) -> dict[str, Any]:
        return {
            "question": asked.question.name,
            "given": cleared.given,
            "names": cleared.names,
            "out": None if cleared.kept is None else str(cleared.kept),
            "language": asked.language,
            "folders": [str(folder) for folder in self._paths.reach],
        }

    def _quick(self, request: dict[str, Any], cleared: Cleared) -> bytes:
        run = PageRun(request)
        made = answered(request, run)
        made["files"] = self._paths.results(cleared)
        try:
            text = _json(made)
        except Exception as error:
            traceback.print_exc()
            text = _json({"error": fault(error)})
        run.ended()
        return text

    def _start(self, asked: Asked) -> Response:
        key = json.dumps([asked.question.name, asked.given, asked.language], sort_keys=True)
        try:
            job = self._jobs.going(key)
            if job is None:
                cleared = self._paths.clear(asked.question, asked.given)
                finished = partial(self._finished, asked, cleared)
                job = self._jobs.start(key, asked.question.needs, self._request(asked, cleared), finished)
        except TooManyError as error:
            return refuse(429, str(error))
        except RopescopeError as error:
            return _told(error)
        return JSONResponse({"job": job.id}, 202, _NOT_KEPT)

    def _finished(self, asked: Asked, cleared: Cleared, cancelled: bool, made: dict[str, Any]) -> dict[str, Any]:
        if cancelled and "report" in made and "resume" in {one.name for one in fields_of(asked.question.inputs_type)}:
            again = {"why": _GO_ON, "question": asked.question.name, "inputs": {**asked.given, "resume": True}}
            others = [step for step in made["report"]["steps"] if step["question"] or "`resume`" not in step["why"]]
            made["report"]["steps"] = [again, *others]
        return {**made, "files": self._paths.results(cleared)}

    async def events(self, request: Request) -> Response:
        """What a job says, after the line that was read last, and its answer."""
        job = self._jobs.find(request.path_params["job"])
        last = request.headers.get("last-event-id", "0")
        if job is None or not last.isdecimal():
            return refuse(404, "That answer is not kept any more: ask again.")
        return StreamingResponse(
            job.follow(int(last[:18])),
            media_type="text/event-stream",
            headers={**_NOT_KEPT, "X-Accel-Buffering": "no"},
        )

    async def cancel(self, request: Request) -> Response:
        """End a job with what is finished; the answer comes to those who follow it."""
        job = self._jobs.find(request.path_params["job"])
        if job is not None and not job.done:
            job.cancel()
        return JSONResponse({"cancelled": job is not None}, headers=_NOT_KEPT)

    # Files

    async def keep_folder(self, request: Request) -> Response:
        """A new folder, and how it is called."""
        try:
            return _path(self._paths.place_folder(request.query_params.get("name", "folder")))
        except InputError as error:
            return refuse(409, str(error), error.field)

    async def keep_file(self, request: Request) -> Response:
        """Keep a file, and tell how it is called; with `folder`, in one that is held."""
        query = request.query_params
        name, folder = query.get("name", "file"), query.get("folder")
        try:
            if folder is None:
                handle, path = self._paths.place(name, as_source=query.get("source") == "1")
            else:
                handle, path = folder, self._paths.place_in(folder, name)
        except InputError as error:
            return refuse(409, str(error), error.field)
        try:
            await _receive(request, path)
        except (_Refused, ClientDisconnect, OSError, TimeoutError) as error:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            if folder is None:
                self._paths.forget(handle)
            return error.response if isinstance(error, _Refused) else refuse(400, "The file did not arrive whole.")
        return _path(handle)


class Asked(NamedTuple):
    """What the page asks, and in which language it is to be answered."""

    question: Question
    given: backend.Given
    language: str


class _Refused(Exception):
    """A request that is not read further, and what is answered."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.response = refuse(status, sentence)


def warm() -> None:
    """Import what most answers import, before the first is asked for."""
    with suppress(Exception):
        for name in ("show", "fit", "ask"):
            fields_of(find(name).inputs_type)
            _ = find(name).function
        backend.answer("compute", {"name": "gamma_pade", "arguments": ["theta=10000", "length=2048"]})


async def _asked(request: Request) -> Asked:
    """The question and its inputs. Raises _Refused for what is no request of the page, and for one that is too large."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise _Refused(415, "A request is JSON.")
    body = bytearray()
    try:
        async with asyncio.timeout(MOST_WAIT):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_REQUEST:
                    raise _Refused(413, f"The request is larger than {MOST_REQUEST >> 20} MiB: give a file.")
        told = json.loads(body)
        question, given = told["question"], told["given"]
    except (ValueError, TypeError, KeyError, RecursionError, TimeoutError, ClientDisconnect):
        raise _Refused(400, "The request is not a question with its inputs.") from None
    known_question = known().get(question) if isinstance(question, str) else None
    if known_question is None:
        raise _Refused(404, "There is no such question.")
    if not isinstance(given, dict) or not all(_is_input(value) for value in given.values()):
        raise _Refused(400, "Inputs are texts, lists of texts, true or false.")
    language = told.get("language", "en")
    return Asked(known_question, given, language if isinstance(language, str) else "en")


def _is_input(value: object) -> bool:
    return isinstance(value, str | bool) or (isinstance(value, list) and all(isinstance(one, str) for one in value))


def _is_long(asked: Asked) -> bool:
    """Whether it may take long, or writes files: then it is a job from the start."""
    question, given = asked.question, asked.given
    if question.needs != "files" or any(given.get(name) for name in question.weights_with):
        return True
    return any(isinstance(one.kind, Output) and given.get(one.name) for one in fields_of(question.inputs_type))


async def _receive(request: Request, path: Path) -> None:
    """Write the body to a file as it comes. Raises _Refused for one that is too large, TimeoutError, OSError."""
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
    raise _Refused(
        413, f"The file is larger than {limit}: start the server with `files` its folder, and give its path."
    )


def _versioned(request: Request, content: bytes, kind: str) -> Response:
    """Content that the browser keeps until it changes."""
    version = f'"{hashlib.sha256(content).hexdigest()[:24]}"'
    headers = {"ETag": version, "Cache-Control": "no-cache"}
    if version in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind, headers=headers)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")


def _told(error: RopescopeError) -> Response:
    return JSONResponse({"error": backend.told(error)}, headers=_NOT_KEPT)


def _path(handle: str) -> Response:
    return JSONResponse({"path": handle}, headers=_NOT_KEPT)
