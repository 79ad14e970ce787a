"""The whole registry: every file of formulas imported, and the order in which they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from ropescope.theory.formula import FORMULAS, Formula

GROUPS: Mapping[str, tuple[str, ...]] = {
    "RoPE geometry": ("geometry", "rope_scaling", "kernel", "base_bound"),
    "Decay": ("decay", "base_design"),
    "Maximum entropy": ("maxent",),
    "Thermodynamics": ("thermodynamics", "polylog", "regimes"),
    "Window": ("window", "soft_decay"),
    "Horizon": ("horizons",),
    "Decompositions": ("decomposition",),
    "Exponents and identities": ("exponents",),
    "Depth": ("depth",),
    "Nulls": ("nulls",),
}
"""The files of each group, from the angles of RoPE to the nulls of a measurement."""

# A formula enters the registry when its file is imported; here, and only here, the registry is known to be whole.
for _room in (room for rooms in GROUPS.values() for room in rooms):
    import_module(f"ropescope.theory.{_room}")


def grouped() -> dict[str, tuple[Formula, ...]]:
    """Every formula once, by group, in the order of the files and of the functions within them."""
    return {
        group: tuple(f for room in rooms for f in FORMULAS.values() if f.room == room)
        for group, rooms in GROUPS.items()
    }


__all__ = ["FORMULAS", "GROUPS", "grouped"]
