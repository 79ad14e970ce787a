"""A socket to listen on: the port that was asked for, or the first free one."""

from __future__ import annotations

import errno
import os
import socket
from typing import Final

from ropescope.errors import ReportError

_TRIED: Final = 20


def listen(host: str, port: int | None, first: int) -> socket.socket:
    """A socket on the port, or where none was asked for on the first free one from `first` on. Raises ReportError."""
    last = first + _TRIED
    for number in (port,) if port is not None else range(first, last):
        try:
            family, kind, protocol, _, where = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
            listening = socket.socket(family, kind, protocol)
        except OSError as error:
            raise ReportError(f"{host} is no address of this machine ({error.strerror}): leave out --host.") from error
        try:
            if os.name != "nt":  # there it would share a port that is taken
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(where)
            listening.listen(128)
            return listening
        except OSError as error:
            listening.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise ReportError(f"{host} cannot be listened on ({error.strerror}): leave out --host.") from error
    if port is not None:
        raise ReportError(f"Port {port} is taken: leave out --port for the next free one, or name another.")
    raise ReportError(f"The ports {first} to {last - 1} are taken: name a free one with --port.")
