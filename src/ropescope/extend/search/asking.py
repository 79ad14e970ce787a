"""What to search for, checked as far as arguments and files tell, before torch is imported and weights are loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ropescope.errors import ExtendError
from ropescope.extend.search.shape import shape_of
from ropescope.extend.search.spans import spans
from ropescope.models.loadable import loadable
from ropescope.models.text_files import check_texts


@dataclass(frozen=True, slots=True)
class Request:
    """What to search for, from `method` (yarn or rerope). texts: how many to search on, the kinds in turn; `files` replace
    them by the user's own."""

    source: str
    target: int
    minutes: float = 10.0
    method: str = "yarn"
    texts: int = 3
    files: tuple[Path, ...] = ()
    column: str = "text"
    trained: int | None = None
    seed: int = 0
    dtype: str = "auto"
    device: str | None = None
    revision: str | None = None
    trust_remote_code: bool = False
    resume: bool = False


def check_first(request: Request) -> None:
    """Raise now what arguments and files tell of a search that cannot be made. No weights are read."""
    if not 0 < request.minutes < float("inf"):
        raise ExtendError(f"--minutes is {request.minutes:g}: give a number above 0.")
    # The first half is searched on; no tokenizer makes more tokens than bytes.
    check_texts(request.files, request.column, least_bytes=2 * (request.target - 2))
    shape = shape_of(
        loadable(request.source, request.revision, reads_text=not request.trust_remote_code),
        request.target,
        request.method,
        request.trained,
    )
    spans(shape.start.trained_length, request.target)
