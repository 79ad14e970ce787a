"""What ropescope needs of other packages, read from its own metadata, and what is installed of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from packaging.requirements import Requirement

State = Literal["ok", "missing", "too old", "too new"]

CORE: Final = "core"
FOR: Final[Mapping[str, str]] = {
    CORE: "every command",
    "measure": "everything that runs weights",
    "evidence": "claims and statistics",
    "figures": "SVG and PNG figures, and the page as files",
    "lm-eval": "tasks of lm-eval on an extended model",
    "peft": "LoRA adapters as weights",
    "quantized": "quantised planned caches",
    "peers": "methods of kvpress, in an environment of their own",
    "templates": "llama.cpp beside jinja2 in template",
    "tokenizers": "fast tokenizers, SentencePiece and tiktoken",
    "schemas": "grammars of JSON schemas",
    "prices": "list prices of API models",
    "arena": "a second estimate of ratings",
    "web": "the page",
    "mcp": "questions for agents",
    "ray": "work shared on Ray",
    "proofs": "proofs by sympy and z3",
}
"""What each extra is for. One that is not here, as dev and docs, is for work on ropescope itself."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package that ropescope uses. installed: its version, "" where there is none. wanted: the versions that do. extras: what it
    is for, the core or extras."""

    name: str
    installed: str
    wanted: str
    extras: tuple[str, ...]
    state: State


@dataclass(frozen=True, slots=True)
class Extra:
    """An extra: `packages` with those of the extras that it brings."""

    name: str
    packages: tuple[Package, ...]

    @property
    def missing(self) -> tuple[Package, ...]:
        """What is not installed of it."""
        return tuple(package for package in self.packages if package.state == "missing")

    @property
    def unfit(self) -> tuple[Package, ...]:
        """What is installed in a version that does not do."""
        return tuple(package for package in self.packages if package.state in ("too old", "too new"))


@dataclass(frozen=True, slots=True)
class Installed:
    """version: of ropescope, by its metadata; "" where it has none."""

    version: str
    extras: tuple[Extra, ...]

    @property
    def packages(self) -> tuple[Package, ...]:
        """Each package once, the core's first."""
        return tuple({package.name: package for extra in self.extras for package in extra.packages}.values())


def installed() -> Installed:
    """What is installed of what ropescope needs; nothing where ropescope itself was not installed but lies in a folder."""
    if sys.platform == "emscripten":  # a browser's Python has no metadata to read
        return Installed("", ())
    from importlib.metadata import PackageNotFoundError, metadata, version

    try:
        about = metadata("ropescope")
    except PackageNotFoundError:
        return Installed("", ())
    from packaging.requirements import Requirement

    needed: dict[str, list[Requirement]] = {CORE: []}
    provided = about.get_all("Provides-Extra") or []
    needed |= {name: [] for name in FOR if name in provided}
    for text in about.get_all("Requires-Dist") or []:
        one = Requirement(text)
        for name, found in needed.items():
            # A requirement of the core holds whatever the extra, and then it is the core's alone.
            if name == CORE or "extra" in str(one.marker):
                extra = "" if name == CORE else name
                if one.marker is None or one.marker.evaluate({"extra": extra}):
                    found.append(one)

    def versions(name: str) -> str:
        try:
            return version(name)
        except PackageNotFoundError:
            return ""

    wholes = {name: tuple(_whole(name, needed)) for name in needed}
    names = {name: frozenset(one.name.lower() for one in requirements) for name, requirements in wholes.items()}
    wanted: dict[str, Requirement] = {}
    for one in (one for requirements in wholes.values() for one in requirements):
        key = one.name.lower()
        if key in wanted:
            wanted[key].specifier &= one.specifier
        else:
            wanted[key] = Requirement(f"{one.name}{one.specifier}")
    made = {
        key: Package(one.name, had, str(one.specifier), _users(key, names), _state(had, one))
        for key, one in wanted.items()
        for had in (versions(one.name),)
    }
    extras = tuple(
        Extra(name, tuple({one.name.lower(): made[one.name.lower()] for one in requirements}.values()))
        for name, requirements in wholes.items()
    )
    return Installed(about["Version"], extras)


def _whole(name: str, needed: Mapping[str, list[Requirement]]) -> Iterator[Requirement]:
    """The requirements of an extra, and of the extras of ropescope that it asks for."""
    for one in needed.get(name, ()):
        if one.name.lower() != "ropescope":
            yield one
        for other in one.extras if one.name.lower() == "ropescope" else ():
            yield from _whole(other, needed)


def _users(package: str, names: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """The extras that bring a package, without those that bring all of another extra: metadata names its packages again."""
    users = [name for name, held in names.items() if package in held]
    return tuple(name for name in users if not any(names[other] < names[name] for other in users))


def _state(had: str, wanted: Requirement) -> State:
    if not had:
        return "missing"
    if wanted.specifier.contains(had, prereleases=True):
        return "ok"
    from packaging.version import Version

    floors = [Version(one.version) for one in wanted.specifier if one.operator in (">=", ">", "~=", "==")]
    return "too old" if any(Version(had) < floor for floor in floors) else "too new"
