"""What the rooms may import, as far as import-linter cannot tell: it counts an import inside a function as any other."""

from __future__ import annotations

import subprocess
import sys

LIGHT = ("questions", "theory", "models", "report", "published", "checks", "app")
HEAVY = {
    "torch",
    "transformers",
    "numpy",
    "scipy",
    "pyarrow",
    "huggingface_hub",
    "pandas",
    "vl_convert",
    "statsmodels",
    "sympy",
}

EVERY_MODULE = """
import importlib, pkgutil, sys
for room in {rooms}:
    package = importlib.import_module(f"ropescope.{{room}}")
    for found in pkgutil.walk_packages(package.__path__, f"ropescope.{{room}}."):
        importlib.import_module(found.name)
print(*(sorted({heavy} & set(sys.modules))))
"""
OVERVIEW = """
import sys
from ropescope.app.start import main
sys.argv = ["ropescope", "--help"]
try:
    main()
finally:
    print(*sorted({"click", "dataclasses", "inspect", "rich", "jinja2"} & set(sys.modules)), "seen", file=sys.stderr)
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, env=environment(), check=True
    )


def environment() -> dict[str, str]:
    """Without `site`, whose .pth files import what they like; packages are found all the same."""
    import os

    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def test_every_module_of_the_light_rooms_imports_nothing_heavy() -> None:
    assert run(EVERY_MODULE.format(rooms=LIGHT, heavy=HEAVY)).stdout.split() == []


def test_the_overview_is_told_before_anything_is_imported_that_it_does_not_need() -> None:
    told = run(OVERVIEW)
    assert "Whether a model fits a device" in told.stdout and told.stderr.split() == ["seen"]
