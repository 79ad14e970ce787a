"""Who may talk to the server: the page that it served, and nobody who reaches it through another page's browser.

A request needs a Host that is ours (else a name of a stranger could be pointed here), a browser that says the request comes
from this very page (Sec-Fetch-Site, else Origin), and for all that acts the token that only the page holds.
"""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from functools import cached_property
from hmac import compare_digest
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


@dataclass(frozen=True)
class Access:
    """Where the server listens, and the token that lets a page act."""

    host: str
    token: str

    @cached_property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)

    def is_ours(self, host: str) -> bool:
        """Whether a Host header names this server. A bare address is no name that a stranger could point here."""
        name = re.sub(r":\d{1,5}$", "", host).strip("[]").lower()
        try:
            address = ip_address(name)
        except ValueError:
            own = {"localhost"} if self.loopback else {"localhost", self.host.lower(), socket.gethostname().lower()}
            return name in own
        return address.is_loopback or not self.loopback

    def is_token(self, given: str) -> bool:
        """Whether it is the token, found in the same time for every wrong one."""
        return compare_digest(given.encode(), self.token.encode())

    def may_see_page(self, scope: Scope) -> bool:
        """Whether a request may have the page, which holds the token: with the token, or as the same user of this machine."""
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if any(map(self.is_token, query.get("token", ()))):
            return True
        return self.loopback and of_this_user(scope["client"], scope["server"])


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


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine and reached from nowhere else."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def of_this_user(client: tuple[str, int] | None, server: tuple[str, int] | None) -> bool:
    """Whether the other end of a connection within this machine is a process of the same user, or of root, as the kernel's table
    says; a machine may have many users. Where no table tells (not on Linux), yes."""
    if client is None or server is None:
        return True
    ports = f"{client[1]:04X}", f"{server[1]:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = [line.split() for line in Path(table).read_text("ascii").splitlines()[1:]]
        except (OSError, ValueError):
            continue
        for row in rows:
            if (row[1].rpartition(":")[2], row[2].rpartition(":")[2]) == ports:
                return int(row[7]) in (os.getuid(), 0)
    return True
