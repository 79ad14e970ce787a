"""Standard output and error: their reader may leave (`| head`), and the work goes on; an error is one sentence."""

from __future__ import annotations

import io
import os
import sys
from typing import NoReturn, TextIO


class _Leaving(io.FileIO):
    """A pipe that takes everything and says nothing once its reader is gone."""

    below: TextIO

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except BrokenPipeError:
            return memoryview(data).nbytes  # type: ignore[arg-type]


def let_readers_leave() -> None:
    """From here on a closed pipe is no error on standard output or error, neither while writing nor at exit."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # started with the descriptor closed
            setattr(sys, name, nowhere())
            continue
        buffer = getattr(stream, "buffer", None)
        raw = getattr(buffer, "raw", buffer)  # python -u puts no buffer between
        if isinstance(stream, io.TextIOWrapper) and type(raw) is io.FileIO:
            stream.flush()
            leaving = _Leaving(raw.fileno(), "wb", closefd=False)
            leaving.below = stream  # whose end would close the descriptor
            wrapper = io.TextIOWrapper(
                leaving if raw is buffer else io.BufferedWriter(leaving),
                encoding=stream.encoding,
                errors="replace",  # an old code page must not turn a γ into a traceback
                line_buffering=stream.line_buffering,
                write_through=stream.write_through,
            )
            setattr(sys, name, wrapper)


def nowhere() -> TextIO:
    """A stream for what nobody can read."""
    return open(os.devnull, "w", encoding="utf-8")


def fail(sentence: str, status: int) -> NoReturn:
    """End with one sentence on standard error and this status."""
    from ropescope.report.text import plain

    print(f"error: {plain(sentence)}", file=sys.stderr)
    sys.exit(status)
