"""A Model and a target length in, a RopePlan out; the plan on a loaded network; the settings that engines load."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.extend.plan.planning import plan_extension as plan_extension
    from ropescope.extend.plan.rope_plan import LayerTypePlan as LayerTypePlan
    from ropescope.extend.plan.rope_plan import RopePlan as RopePlan
else:
    # Planning is plain Python; only who applies a plan to a network pays for torch and transformers.
    __getattr__, __dir__ = attributes(__name__)
