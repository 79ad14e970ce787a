"""Registry: every claim by its id. A file put into `claims/` is found; nothing else lists it."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module

from ropescope.errors import EvidenceError
from ropescope.evidence.evidence import Evidence
from ropescope.evidence.verdicts.claim import Claim, Finding
from ropescope.questions.names import did_you_mean, shown

CURVES = "attention by distance of the published measurements"
"""The data of most claims."""

_CLAIMS: dict[str, Claim] = {}


def claim(
    id: str,
    *,
    subject: str,
    statement: str,
    published_in: str,
    data: str = CURVES,
    filter: str = "none",
    formula: str,
    verdict_rule: str,
    tables: tuple[str, ...] = ("panel",),
    measured_by: str = "",
) -> Callable[[Callable[[Evidence], Finding]], Callable[[Evidence], Finding]]:
    """Register a function as the recomputation of a claim. Raises EvidenceError for an id that is taken."""

    def register(function: Callable[[Evidence], Finding]) -> Callable[[Evidence], Finding]:
        if id in _CLAIMS and _CLAIMS[id].function.__qualname__ != function.__qualname__:
            raise EvidenceError(f"Two functions recompute the claim {id}.")
        _CLAIMS[id] = Claim(
            id, subject, statement, published_in, data, filter, formula, verdict_rule, tables, function, measured_by
        )
        return function

    return register


@cache
def all_claims() -> Mapping[str, Claim]:
    """Every claim by its id: C1, C1b, C2, … C23, then the others."""
    package = import_module("ropescope.evidence.claims")
    for module in pkgutil.iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_CLAIMS.items(), key=lambda item: _order(item[0])))


def find_claim(name: str) -> Claim:
    """The claim of that id, in upper or lower case. Raises EvidenceError with the nearest id for an unknown one."""
    known = {key.lower(): entry for key, entry in all_claims().items()}
    key = name.strip().lower()
    if key in known:
        return known[key]
    hint = did_you_mean(key, (claim.id for claim in known.values()), n=3)
    raise EvidenceError(f"No claim is called {shown(name)}.{hint} `claims` with `list` lists all {len(known)}.")


def _order(id: str) -> tuple[str, int, str]:
    """By letter, then by number, then by what follows: C2 before C10."""
    found = re.fullmatch(r"([A-Za-z]+)(\d*)(.*)", id)
    letters, number, rest = found.groups() if found else (id, "", "")
    return letters, int(number or 0), rest
