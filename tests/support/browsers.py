"""Chromium for tests that look at a page, where it is installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync"
).split()


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser of Playwright that drives the system's chromium; skips where one of them is missing."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("No chromium: apt-get install --no-install-recommends chromium")
    api = pytest.importorskip("playwright.sync_api", reason="No playwright: pip install playwright")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()
