"""The package kvpress, or a sentence that says why it cannot be had here.

To import it wraps every attention function that transformers knows by then (so that AdaKV can mask keys). Models that use
none of its presses compute what they did before.
"""

from __future__ import annotations

from importlib import import_module, metadata
from typing import Any

from packaging.requirements import Requirement

from ropescope.errors import MissingExtraError

INSTALL = "pip install 'ropescope[measure,peers]'"


def missing() -> str:
    """Why kvpress cannot be used here, as a sentence; empty if it can. Imports nothing heavy."""
    try:
        wanted = [Requirement(line) for line in metadata.requires("kvpress") or ()]
    except metadata.PackageNotFoundError:
        return f"This method is run from its authors' code in kvpress, which is not installed: {INSTALL}."
    for requirement in wanted:
        if requirement.name != "transformers":
            continue
        installed = metadata.version("transformers")
        if not requirement.specifier.contains(installed, prereleases=True):
            return (
                f"kvpress {metadata.version('kvpress')} needs transformers {requirement.specifier}, and {installed} is "
                f"installed: give it an environment of its own, {INSTALL}."
            )
    return ""


def kvpress() -> Any:
    """The package. Raises MissingExtraError where it is not installed, or with a transformers that it does not take."""
    why = missing()
    if why:
        raise MissingExtraError(why)
    return import_module("kvpress")
