"""The raw measurement files, where the environment names them; and a small folder that looks like them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ropescope.evidence.evidence import Evidence


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
