"""Where a server listens, the token that lets others use it, and which names and processes are this machine's own."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from functools import cached_property
from hmac import compare_digest
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qs

from starlette.types import Scope


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

    def address(self, port: int) -> str:
        """Where others reach the server, without a path: "http://127.0.0.1:8765"."""
        name = socket.gethostname() if self.host in ("0.0.0.0", "::", "") else self.host
        return f"http://{f'[{name}]' if ':' in name else name}:{port}"

    def is_token(self, given: str) -> bool:
        """Whether it is the token, found in the same time for every wrong one."""
        return compare_digest(given.encode(), self.token.encode())

    def may_see_page(self, scope: Scope) -> bool:
        """Whether a request may have the page, which holds the token: with the token, or as the same user of this machine."""
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if any(map(self.is_token, query.get("token", ()))):
            return True
        return self.loopback and of_this_user(scope["client"], scope["server"])


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
