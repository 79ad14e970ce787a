"""From a source and a few wishes to a finished search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ropescope.errors import SourceError
from ropescope.extend.search.asking import Request
from ropescope.extend.search.result import SearchResult
from ropescope.extend.search.session import Progress, Search
from ropescope.measure.resuming import refuse_other_type
from ropescope.measure.weights import load
from ropescope.quality.journal import Journal
from ropescope.quality.texts import calibration_texts


def run(
    request: Request, *, progress: Progress | None = None, say: Callable[[str], None] | None = None
) -> tuple[SearchResult, Journal]:
    """Load and search; the journal holds what was tried, to be discarded once the plan is safe.

    Raises RopescopeError subclasses; KeyboardInterrupt only before the texts were read.
    """
    tell = say or (lambda _: None)
    tell(f"Loading {request.source}")
    weights = load(
        request.source, revision=request.revision, dtype=request.dtype, device=request.device,
        trust_remote_code=request.trust_remote_code,
    )  # fmt: skip
    if weights.tokenizer is None:
        raise SourceError(f"{weights.source.name} comes without a tokenizer, so no text can be read with it.")
    texts = calibration_texts(
        weights.tokenizer, request.target, request.texts, files=request.files, column=request.column
    )
    tell(f"Searching for {weights.on_what}")
    search = Search(
        weights, request.target, texts, request.minutes, request.method, trained=request.trained, seed=request.seed
    )
    journal = Journal(search.identity)
    if request.resume:
        refuse_other_type(journal)
    else:
        journal.discard()
    found = search.run(journal, progress=progress, say=say)
    return replace(found, provenance={**found.provenance, "source": request.source}), journal
