"""A DecayProfile or a γ in, a KVPlan out; the cache that carries it out; what it costs in quality."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.compress.blasst_calibration import calibrate_blasst
    from ropescope.compress.blasst_context import BlasstRun, blasst
    from ropescope.compress.cache import PlannedCache
    from ropescope.compress.closed_forms import plan_from_horizon
    from ropescope.compress.frame import Target
    from ropescope.compress.from_weights import plan_from_weights
    from ropescope.compress.output_error import measure_output_errors
    from ropescope.compress.peers.press import PlannedPress
    from ropescope.compress.plan import KVPlan, LayerPlan
    from ropescope.compress.planning import plan_from_errors, plan_from_gamma, plan_from_profile, plan_uniform

_HOMES = {
    "BlasstRun": "blasst_context",
    "KVPlan": "plan",
    "LayerPlan": "plan",
    "PlannedCache": "cache",
    "PlannedPress": "peers.press",
    "Target": "frame",
    "blasst": "blasst_context",
    "calibrate_blasst": "blasst_calibration",
    "measure_output_errors": "output_error",
    "plan_from_errors": "planning",
    "plan_from_gamma": "planning",
    "plan_from_horizon": "closed_forms",
    "plan_from_profile": "planning",
    "plan_from_weights": "from_weights",
    "plan_uniform": "planning",
}

__all__ = [
    "BlasstRun",
    "KVPlan",
    "LayerPlan",
    "PlannedCache",
    "PlannedPress",
    "Target",
    "blasst",
    "calibrate_blasst",
    "measure_output_errors",
    "plan_from_errors",
    "plan_from_gamma",
    "plan_from_horizon",
    "plan_from_profile",
    "plan_from_weights",
    "plan_uniform",
]


# Planning needs numpy at most; only who runs a planned cache pays for torch and transformers.
__getattr__ = attributes(__name__, _HOMES)
