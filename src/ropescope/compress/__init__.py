"""A DecayProfile or a γ in, a KVPlan out; the cache that carries it out; what it costs in quality."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.compress.cache.applying import planned_cache as planned_cache
    from ropescope.compress.cache.planned_cache import PlannedCache as PlannedCache
    from ropescope.compress.evaluate.from_weights import plan_from_weights as plan_from_weights
    from ropescope.compress.evaluate.methods.kvpress import KVPRESS_METHODS as KVPRESS_METHODS
    from ropescope.compress.kvpress.press import PlannedPress as PlannedPress
    from ropescope.compress.plan.kv_plan import KVPlan as KVPlan
    from ropescope.compress.plan.kv_plan import LayerPlan as LayerPlan
    from ropescope.compress.plan.output_error_measurement import measure_output_errors as measure_output_errors
    from ropescope.compress.plan.planning import plan_from_errors as plan_from_errors
    from ropescope.compress.plan.planning import plan_from_gamma as plan_from_gamma
    from ropescope.compress.plan.planning import plan_from_profile as plan_from_profile
    from ropescope.compress.plan.planning import plan_uniform as plan_uniform
    from ropescope.compress.plan.target import Target as Target
    from ropescope.compress.serving.server import PlannedServer as PlannedServer
    from ropescope.compress.serving.server import serve as serve
    from ropescope.compress.sparse_attention.calibration import calibrate_blasst as calibrate_blasst
    from ropescope.compress.sparse_attention.context import BlasstRun as BlasstRun
    from ropescope.compress.sparse_attention.context import blasst as blasst
else:
    # Planning needs numpy at most; only who runs a planned cache pays for torch and transformers.
    __getattr__, __dir__ = attributes(__name__)
