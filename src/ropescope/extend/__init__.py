"""A Model and a target length in, a RopePlan out; the plan on a loaded network; the settings that engines load."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.extend.plan import LayerTypePlan, RopePlan
    from ropescope.extend.planning import plan_extension

_HOMES = {"LayerTypePlan": "plan", "RopePlan": "plan", "plan_extension": "planning"}

__all__ = ["LayerTypePlan", "RopePlan", "plan_extension"]


# Planning is plain Python; only who applies a plan to a network pays for torch and transformers.
__getattr__ = attributes(__name__, _HOMES)
