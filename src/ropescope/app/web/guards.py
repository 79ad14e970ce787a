"""Who may talk to the server: the page that it served, and nobody who reaches it through another page's browser.

A request needs a Host that is ours (else a name of a stranger could be pointed here), a browser that says the request comes
from this very page (Sec-Fetch-Site, else Origin), and for all that acts the token that only the page holds.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ropescope.app.http.access import Access

TOKEN: Final = "X-Ropescope-Token"
HEADERS: Final = {
    # The page states its own, narrower policy in a <meta>; this one stands for every answer, and frames are only refused here.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Refuses requests that do not come from the page, and puts the headers on all that is answered."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refused = self.refusal(scope)
        await (refused or self.app)(scope, receive, with_headers)

    def refusal(self, scope: Scope) -> Response | None:
        """What a request is refused with; None where it may pass."""
        headers = Headers(scope=scope)
        path: str = scope["path"]
        if not self.access.is_ours(headers.get("host", "")):
            return PlainTextResponse("This server does not answer under that name.", 421)
        if not _from_page(scope["method"], path, headers):
            return refuse(403, "The request comes from another page.")
        if path.startswith("/api/") and not self.access.is_token(headers.get(TOKEN, "")):
            return refuse(403, "The page is of an earlier server: load it again.")
        if path == "/" and not self.access.may_see_page(scope):
            said = "Open the address that `ropescope web` printed: it holds the key to this page."
            return PlainTextResponse(said, 403, {"Cache-Control": "no-store"})
        return None


def refuse(status: int, sentence: str, field: str | None = None) -> JSONResponse:
    """An error as the page reads it."""
    error = {"message": sentence, "field": field, "missing": False}
    return JSONResponse({"error": error}, status, {"Cache-Control": "no-store"})


def _from_page(method: str, path: str, headers: Headers) -> bool:
    """Whether the browser says that this page asks, or a person who follows a link to the page; other programs say nothing."""
    site = headers.get("sec-fetch-site")
    if site in ("same-origin", "none"):
        return True
    if site is not None:
        link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        return method == "GET" and path == "/" and link
    origin = headers.get("origin")
    return origin is None or (urlsplit(origin).netloc or origin) == headers.get("host")
