"""Standard output and error whose reader may leave (`| head`): what is still written goes nowhere, and the work goes on."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO


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
