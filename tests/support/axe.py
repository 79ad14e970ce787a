"""What axe-core finds on a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

OPEN = "document.querySelectorAll('details').forEach((one) => (one.open = true))"
"""Opens every group of a form and the data of every figure."""


def script() -> str:
    """The script of axe-core; skips where it is missing."""
    package = pytest.importorskip("axe_playwright_python", reason="No axe-core: pip install axe-playwright-python")
    return (Path(package.__file__).parent / "axe.min.js").read_text()


def violations(page: Any, axe: str, only: str = "") -> list[str]:
    """What axe finds, each with its element; `only` names one rule."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(axe)
    rule = f", runOnly: ['{only}']" if only else ""
    found = page.evaluate(f"() => axe.run(document, {{ resultTypes: ['violations']{rule} }})")["violations"]
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:200]}" for one in found for node in one["nodes"]
    ]
