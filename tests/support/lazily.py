"""A package that tests need and that is slow to import: skip where it is not installed, import it where a test first uses it.

`pytest.importorskip` imports it while tests are collected, in every process, whichever of them runs the tests.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest


class _Package:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._name), name)


def lazily(name: str, reason: str = "") -> Any:
    """The package. Skips the module of tests that asks for it where it is not installed."""
    if find_spec(name) is None:
        pytest.skip(reason or f"{name} is not installed", allow_module_level=True)
    return _Package(name)
