"""Claims in, findings out. A claim whose raw files are missing is named and passed over, and the others run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter

from ropescope.errors import EvidenceError
from ropescope.evidence.evidence import Evidence
from ropescope.evidence.extract import extracts
from ropescope.evidence.verdicts.claim import Claim, Finding


@dataclass(frozen=True, slots=True)
class Entry:
    """A claim with its finding and the seconds that took, or with the raw files that are missing for it.

    `changed` are the raw files behind it that differ from the published ones.
    """

    claim: Claim
    finding: Finding | None
    seconds: float = 0.0
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


def recompute(
    claims: Iterable[Claim], evidence: Evidence, progress: Callable[[Claim], None] | None = None
) -> tuple[Entry, ...]:
    """An entry for each claim, in order; `progress` is told of each before it runs."""
    entries = []
    for one in claims:
        if progress is not None:
            progress(one)
        entries.append(_entry(one, evidence))
    return tuple(entries)


def _entry(claim: Claim, evidence: Evidence) -> Entry:
    known = extracts()
    if unknown := [name for name in claim.tables if name not in known]:
        raise EvidenceError(f"The claim {claim.id} names tables that no extract makes: {', '.join(unknown)}.")
    missing = tuple(file for name in claim.tables for file in evidence.missing(known[name]))
    if missing:
        return Entry(claim, None, missing=missing)
    start = perf_counter()
    finding = claim.function(evidence)
    return Entry(claim, finding, perf_counter() - start, changed=evidence.changed(claim.tables))
