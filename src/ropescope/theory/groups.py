"""Groups: the order in which formulas are shown, from the angles of RoPE to the nulls of a measurement."""

from __future__ import annotations

from collections.abc import Mapping

from ropescope.theory.formula import FORMULAS, Formula

GROUPS: Mapping[str, tuple[str, ...]] = {
    "RoPE geometry": ("geometry", "rope_scaling", "kernel", "base_bound"),
    "Decay": ("decay", "base_design"),
    "Maximum entropy": ("maxent",),
    "Thermodynamics": ("thermodynamics", "polylog", "regimes"),
    "Window": ("window", "soft_decay"),
    "Horizon": ("horizon",),
    "Decompositions": ("decomposition",),
    "Exponents and identities": ("exponents",),
    "Depth": ("depth",),
    "Nulls": ("nulls",),
}
"""The files of each group."""


def grouped() -> dict[str, tuple[Formula, ...]]:
    """Every formula once, by group, in the order of the files and of the functions within them."""
    return {
        group: tuple(f for room in rooms for f in FORMULAS.values() if f.room == room)
        for group, rooms in GROUPS.items()
    }
