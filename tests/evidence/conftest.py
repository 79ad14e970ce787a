"""The raw measurement files, where the environment names them; and a small folder that looks like them."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ropescope.evidence.evidence import Evidence

if TYPE_CHECKING:
    from ropescope.evidence.verdicts.claim import Finding
    from ropescope.evidence.verdicts.recompute import Entry


@pytest.fixture(scope="session")
def raw_folder() -> Path:
    """The folder that ROPESCOPE_MEASUREMENTS names."""
    named = os.environ.get("ROPESCOPE_MEASUREMENTS")
    if not named:
        pytest.skip("set ROPESCOPE_MEASUREMENTS to the raw measurement files (the published repository's folder data/)")
    return Path(named)


@pytest.fixture(scope="session")
def shipped() -> Evidence:
    """The figures that come with the package."""
    return Evidence()


@pytest.fixture(scope="session")
def entry(shipped: Evidence) -> Callable[[str], Entry]:
    """The entry of a claim by its id, recomputed once for all tests."""
    from ropescope.evidence.verdicts.recompute import recompute
    from ropescope.evidence.verdicts.registry import find_claim

    return cache(lambda id: recompute([find_claim(id)], shipped)[0])


@pytest.fixture(scope="session")
def finding(entry: Callable[[str], Entry]) -> Callable[[str], Finding | None]:
    """What was found for a claim, by its id."""
    return lambda id: entry(id).finding
