"""Who may use the server over HTTP: whoever has its token, from a client and not from a page of another address."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ropescope.app.http.access import Access


class Guard:
    """Refuses a foreign Host (421), a foreign Origin (403), and a request without the token (401)."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self.refusal(Headers(scope=scope)) if scope["type"] == "http" else None
        await (refused or self.app)(scope, receive, send)

    def refusal(self, headers: Headers) -> Response | None:
        """What a request is refused with; None where it may pass."""
        if not self.access.is_ours(headers.get("host", "")):
            return PlainTextResponse("This server does not answer under that name.", 421)
        if not _from_here(headers.get("origin"), headers.get("host", "")):
            return PlainTextResponse("The request comes from a page of another address.", 403)
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not self.access.is_token(token.strip()):
            said = "Send the token that the server was started with: Authorization: Bearer TOKEN."
            return PlainTextResponse(said, 401, {"WWW-Authenticate": "Bearer"})
        return None


def _from_here(origin: str | None, host: str) -> bool:
    """Whether no page asks, or one of this server's own address."""
    try:
        return origin is None or urlsplit(origin).netloc == host
    except ValueError:  # no address at all
        return False
