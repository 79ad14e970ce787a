"""A DecayProfile or a γ in, a KVPlan out; the cache that carries it out; what it costs in quality."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.compress.cache import PlannedCache
    from ropescope.compress.frame import Target
    from ropescope.compress.output_error import measure_output_errors
    from ropescope.compress.plan import KVPlan, LayerPlan
    from ropescope.compress.planning import plan_from_errors, plan_from_gamma, plan_from_profile, plan_uniform

_HOMES = {
    "KVPlan": "plan",
    "LayerPlan": "plan",
    "PlannedCache": "cache",
    "Target": "frame",
    "measure_output_errors": "output_error",
    "plan_from_errors": "planning",
    "plan_from_gamma": "planning",
    "plan_from_profile": "planning",
    "plan_uniform": "planning",
}

__all__ = [
    "KVPlan",
    "LayerPlan",
    "PlannedCache",
    "Target",
    "measure_output_errors",
    "plan_from_errors",
    "plan_from_gamma",
    "plan_from_profile",
    "plan_uniform",
]


# Planning needs numpy at most; only who runs a planned cache pays for torch and transformers.
__getattr__ = attributes(__name__, _HOMES)
