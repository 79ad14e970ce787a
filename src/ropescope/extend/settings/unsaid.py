"""Engines and a plan that no config can say: transformers has it put on a loaded network, the others do not have it."""

from __future__ import annotations

from ropescope.extend.plan.rope_plan import METHOD_NAMES, RopePlan
from ropescope.extend.settings.setting import EngineSettings

_APPLIED = """from pathlib import Path

from ropescope.extend import RopePlan

RopePlan.load(Path("plan.json")).apply(model)"""


def settings(plan: RopePlan, engine: str) -> EngineSettings:
    """What to do in an engine: lines of Python for transformers, for others the reason why there are none."""
    if engine == "transformers":
        remark = "plan.json is what `out` plan.json keeps. Far keys are turned again for every token, which makes decoding slower."
        return EngineSettings(engine, "5.2 and newer", "5.23.0, run by the tests", "python", _APPLIED, (remark,))
    remark = (
        f"{METHOD_NAMES[plan.method]} is another attention, not another frequency: no setting of {engine} says it. Use `method` "
        "yarn there, or factors that `extend search` finds."
    )
    return EngineSettings(
        engine,
        "any version",
        "the options from which the settings of the other methods are made",
        "shell",
        "",
        (remark,),
    )
