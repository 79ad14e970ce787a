"""A DecayProfile or a γ in, a KVPlan out; the cache that carries it out; what it costs in quality."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.compress.blasst_calibration import calibrate_blasst as calibrate_blasst
    from ropescope.compress.blasst_context import BlasstRun as BlasstRun
    from ropescope.compress.blasst_context import blasst as blasst
    from ropescope.compress.cache import PlannedCache as PlannedCache
    from ropescope.compress.closed_forms import plan_from_horizon as plan_from_horizon
    from ropescope.compress.frame import Target as Target
    from ropescope.compress.from_weights import plan_from_weights as plan_from_weights
    from ropescope.compress.output_error import measure_output_errors as measure_output_errors
    from ropescope.compress.peers.press import PlannedPress as PlannedPress
    from ropescope.compress.plan import KVPlan as KVPlan
    from ropescope.compress.plan import LayerPlan as LayerPlan
    from ropescope.compress.planning import plan_from_errors as plan_from_errors
    from ropescope.compress.planning import plan_from_gamma as plan_from_gamma
    from ropescope.compress.planning import plan_from_profile as plan_from_profile
    from ropescope.compress.planning import plan_uniform as plan_uniform
else:
    # Planning needs numpy at most; only who runs a planned cache pays for torch and transformers.
    __getattr__, __dir__ = attributes(__name__)
