"""The server of the page: quick answers in threads, long ones as jobs, and files that the page keeps."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ropescope.app.http.access import Access
from ropescope.app.web import backend
from ropescope.app.web.guards import Guard, refuse
from ropescope.app.web.jobs import PageRun, answered, fault
from ropescope.app.web.page_files import NOT_KEPT, PageFiles, plain_json
from ropescope.app.web.paths import Cleared, Paths
from ropescope.app.web.requests import Asked, RefusedError, read_question, receive
from ropescope.app.web.running import Jobs, TooManyError
from ropescope.errors import InputError, RopescopeError
from ropescope.questions.inputs import fields_of
from ropescope.questions.registry import find

QUICK_SECONDS: Final = 10.0
"""What takes longer goes on as a job, which tells how far it is and can be cancelled."""
THREADS: Final = 4
_GO_ON: Final = "Continue where it stopped"


def make_app(access: Access, paths: Paths, jobs: Jobs) -> Starlette:
    """The server. paths: what may be read, and what the page holds."""
    page = PageFiles(access)
    served = Served(page, paths, jobs)
    return Starlette(
        routes=[
            Route("/", page.shell),
            Route("/catalogue.json", page.catalogue),
            Route("/forms/{name}.json", page.form),
            Route("/languages/{name}.json", page.words),
            Route("/vega.js", page.vega),
            Route("/kept/{folder}/{name:path}", served.kept),
            Route("/api/problems", served.problems, methods=["POST"]),
            Route("/api/answer", served.answer, methods=["POST"]),
            Route("/api/jobs", served.job, methods=["POST"]),
            Route("/api/jobs/{job}/events", served.events),
            Route("/api/jobs/{job}/cancel", served.cancel, methods=["POST"]),
            Route("/api/folders", served.keep_folder, methods=["POST"]),
            Route("/api/files", served.keep_file, methods=["POST"]),
            Route("/{name:path}", page.file),
        ],
        middleware=[Middleware(Guard, access=access)],
        lifespan=served.lifespan,
    )


class Served:
    """What the addresses of questions, jobs and kept files answer."""

    def __init__(self, page: PageFiles, paths: Paths, jobs: Jobs) -> None:
        self._page, self._paths, self._jobs = page, paths, jobs
        self._threads = anyio.CapacityLimiter(THREADS)

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Jobs are watched while the server runs, and ended with it."""
        loop = asyncio.get_running_loop()
        watch = loop.create_task(self._jobs.watch())
        drawing = loop.create_task(self._page.prepare())
        try:
            yield
        finally:
            watch.cancel()
            drawing.cancel()
            await self._jobs.close()

    async def problems(self, request: Request) -> Response:
        """What is wrong with the inputs so far, by field."""
        try:
            asked = await read_question(request)
        except RefusedError as refused:
            return refused.response
        found = backend.problems(asked.question.name, asked.given, asked.language)
        return JSONResponse(found, headers=NOT_KEPT)

    async def answer(self, request: Request) -> Response:
        """The answer, or the job that works on it."""
        try:
            asked = await read_question(request)
            if asked.is_long:
                return self._start(asked)
            cleared = self._paths.clear(asked.question, asked.given)
        except RefusedError as refused:
            return refused.response
        except RopescopeError as error:
            return _told(error)
        work = partial(self._quick, self._request(asked, cleared), cleared)
        with anyio.move_on_after(QUICK_SECONDS):
            made = await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._threads)
            return Response(made, media_type="application/json", headers=NOT_KEPT)
        return self._start(asked)

    async def job(self, request: Request) -> Response:
        """A job that answers the question, however short it may be."""
        try:
            return self._start(await read_question(request))
        except RefusedError as refused:
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
            text = plain_json(made)
        except Exception as error:
            traceback.print_exc()
            text = plain_json({"error": fault(error)})
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
        return JSONResponse({"job": job.id}, 202, NOT_KEPT)

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
            headers={**NOT_KEPT, "X-Accel-Buffering": "no"},
        )

    async def cancel(self, request: Request) -> Response:
        """End a job with what is finished; the answer comes to those who follow it."""
        job = self._jobs.find(request.path_params["job"])
        if job is not None and not job.done:
            job.cancel()
        return JSONResponse({"cancelled": job is not None}, headers=NOT_KEPT)

    # Files

    async def kept(self, request: Request) -> Response:
        """A file that an answer made. Its address is known to the page alone."""
        path = self._paths.result(request.path_params["folder"], request.path_params["name"])
        if path is None:
            return refuse(404, "The page does not hold that file any more.")
        policy = {"Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'"}
        return FileResponse(path, filename=path.name, media_type="application/octet-stream", headers=NOT_KEPT | policy)

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
            await receive(request, path)
        except (RefusedError, ClientDisconnect, OSError, TimeoutError) as error:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            if folder is None:
                self._paths.forget(handle)
            return error.response if isinstance(error, RefusedError) else refuse(400, "The file did not arrive whole.")
        return _path(handle)


def warm() -> None:
    """Import what most answers import, before the first is asked for."""
    with suppress(Exception):
        for name in ("show", "fit", "ask"):
            fields_of(find(name).inputs_type)
            _ = find(name).function
        backend.answer("compute", {"name": "gamma_pade", "arguments": ["theta=10000", "length=2048"]})


def _told(error: RopescopeError) -> Response:
    return JSONResponse({"error": backend.told(error)}, headers=NOT_KEPT)


def _path(handle: str) -> Response:
    return JSONResponse({"path": handle}, headers=NOT_KEPT)
