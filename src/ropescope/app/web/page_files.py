"""The page's own files: its shell, scripts and styles, the forms of questions, its words, and what draws figures."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ropescope.app.http.access import Access
from ropescope.app.web import backend
from ropescope.app.web.forms import catalogue, form
from ropescope.app.web.guards import refuse
from ropescope.app.web.languages.catalogues import LANGUAGES
from ropescope.app.web.languages.translated import page_words
from ropescope.errors import MissingExtraError, RopescopeError
from ropescope.questions.registry import find, known
from ropescope.report.figure import vega_script

PAGE: Final = Path(__file__).with_name("page")
NOT_KEPT: Final = {"Cache-Control": "no-store"}
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


class PageFiles:
    """What each address of the page's own answers."""

    def __init__(self, access: Access) -> None:
        self._access = access
        # Only these names are files of the page: no other path is ever made of what a request says.
        found = (path for path in PAGE.rglob("*") if path.suffix in _TYPES and path.name != "index.html")
        self._files = {path.relative_to(PAGE).as_posix(): path for path in found}
        # A page of files that was at this address before asks for it, and would stay without it.
        self._files["sw.js"] = self._files.pop("sw_leaves.js")
        self._made: dict[str, bytes] = {}

    async def prepare(self) -> None:
        """Make what draws figures before the first one is asked for: its first bundle takes seconds."""
        with suppress(MissingExtraError):
            self._made["vega"] = await anyio.to_thread.run_sync(lambda: vega_script().encode())

    async def shell(self, request: Request) -> Response:
        """The shell, told that a server answers it, and the token to ask with."""
        token = html.escape(self._access.token)
        told = {"backend": "server", "token": token, "languages": " ".join(LANGUAGES)}
        metas = "\n".join(f'<meta name="ropescope-{name}" content="{content}">' for name, content in told.items())
        shell, count = _BACKEND.subn(metas, (PAGE / "index.html").read_text("utf-8"))
        assert count == 1
        return Response(shell, media_type="text/html", headers=NOT_KEPT)

    async def file(self, request: Request) -> Response:
        """A file of the page."""
        path = self._files.get(request.path_params["name"])
        if path is None:
            return refuse(404, "There is no such file.")
        return _versioned(request, path.read_bytes(), _TYPES[path.suffix])

    async def catalogue(self, request: Request) -> Response:
        """Every question."""
        return await self._once(request, "catalogue", lambda: plain_json(catalogue()))

    async def form(self, request: Request) -> Response:
        """The form of one question."""
        name = request.path_params["name"].replace("_", " ")
        if name not in known():
            return refuse(404, "There is no such question.")
        try:
            return await self._once(request, f"form {name}", lambda: plain_json(form(find(name))))
        except RopescopeError as error:
            return JSONResponse({"error": backend.told(error)}, 409, NOT_KEPT)

    async def words(self, request: Request) -> Response:
        """What the page says, in another language."""
        name = request.path_params["name"]
        if name not in LANGUAGES:
            return refuse(404, "The page does not speak that language.")
        return await self._once(request, f"words {name}", lambda: plain_json(page_words(name)))

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


def _versioned(request: Request, content: bytes, kind: str) -> Response:
    """Content that the browser keeps until it changes."""
    version = f'"{hashlib.sha256(content).hexdigest()[:24]}"'
    headers = {"ETag": version, "Cache-Control": "no-cache"}
    if version in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind, headers=headers)


def plain_json(value: Any) -> bytes:
    """`value` as JSON. Raises ValueError for a number that is NaN or infinite."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")
