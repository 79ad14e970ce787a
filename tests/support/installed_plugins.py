"""Packages with entry points, put where Python finds them as pip would: the package, and its metadata in a dist-info folder."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path

STRIDED = Path(__file__).parents[1] / "plugins" / "ropescope-strided"


def install(source: Path, site: Path) -> None:
    """Put the package of a pyproject.toml into the folder `site`, with the entry points that are written there."""
    project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
    package = project["name"].replace("-", "_")
    shutil.copytree(source / package, site / package)
    register(site, project["name"], project["version"], project["entry-points"])


def made(site: Path, name: str, source: str, entries: Mapping[str, Mapping[str, str]]) -> None:
    """A package of one module."""
    (site / f"{name.replace('-', '_')}.py").write_text(source)
    register(site, name, "1.0", entries)


def register(site: Path, name: str, version: str, entries: Mapping[str, Mapping[str, str]]) -> None:
    """The metadata that an installer writes."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in each.items()) for group, each in entries.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
