"""The engines and their versions: which writer makes the settings of which."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from ropescope.errors import ExtendError
from ropescope.extend.plan.rope_plan import METHOD_NAMES, RopePlan
from ropescope.extend.settings import llama_cpp, ollama, sglang, transformers, vllm
from ropescope.extend.settings.setting import EngineSettings
from ropescope.questions.names import did_you_mean, shown

Writer = Callable[[RopePlan, str], EngineSettings]
Version = tuple[int, ...]

WRITERS: Final[Mapping[str, tuple[tuple[Version, Writer], ...]]] = {
    "transformers": (((5,), transformers.with_rope_parameters), ((4, 43), transformers.with_rope_scaling)),
    "vllm": (((0, 12), vllm.with_rope_parameters), ((0, 11, 1), vllm.with_rope_scaling), ((0, 8), vllm.with_flags)),
    "sglang": (((0, 5, 10), sglang.with_rope_parameters), ((0, 4), sglang.with_rope_scaling)),
    "llama.cpp": (((), llama_cpp.settings),),
    "ollama": (((), ollama.settings),),
}
"""Engine → (first version, writer), newest first; () where versions are not told apart."""

ENGINE_NAMES: Final = tuple(WRITERS)

_APPLIED = """from pathlib import Path

from ropescope.extend import RopePlan

RopePlan.load(Path("plan.json")).apply(model)"""


def all_settings(plan: RopePlan, source: str) -> tuple[EngineSettings, ...]:
    """The settings for the newest version of every engine, and for transformers before 5 where it has words for them."""
    found = [settings_for(plan, source, name) for name in ENGINE_NAMES]
    if not plan.in_config:
        return tuple(found)
    with suppress(ExtendError):  # the newer form says more; who asks for the older one by its version is told
        found.insert(1, transformers.with_rope_scaling(plan, source))
    return tuple(found)


def settings_for(plan: RopePlan, source: str, engine: str) -> EngineSettings:
    """The settings for `engine`: a name ("vllm"), or a name and a version ("vllm@0.10.2"); `source` names the model.

    Raises ExtendError for an engine or a version that is not known.
    """
    name, stated = _named(engine)
    if not plan.in_config:
        return _outside_config(plan, name)
    known = WRITERS[name]
    if not stated:
        return known[0][1](plan, source)
    version = _version(name, stated, known[-1][0])
    for first, writer in known:
        if version >= first:
            return writer(plan, source)
    oldest = ".".join(map(str, known[-1][0]))
    raise ExtendError(f"{name} {stated} is too old: ropescope writes settings for {name} {oldest} and newer.")


def _outside_config(plan: RopePlan, engine: str) -> EngineSettings:
    """What to do in an engine: lines of Python for transformers, for others the reason why there are none."""
    if engine == "transformers":
        remark = "`out` writes plan.json. Far keys are rotated again for every token, so decoding is slower."
        return EngineSettings(engine, "5.2 and newer", "5.23.0, run by the tests", "python", _APPLIED, (remark,))
    remark = (
        f"{METHOD_NAMES[plan.method]} works in transformers only; {engine} has no setting for it. Use `method` yarn, "
        "or factors from `extend search`."
    )
    return EngineSettings(
        engine,
        "any version",
        "the options from which the settings of the other methods are made",
        "shell",
        "",
        (remark,),
    )


def only_transformers(engines: Sequence[str]) -> bool:
    """Whether nothing but transformers is named, in the present version: what runs there may be put on a loaded network.

    Raises ExtendError for an engine that is not known.
    """
    return bool(engines) and all(_named(engine) == ("transformers", "") for engine in engines)


def _named(engine: str) -> tuple[str, str]:
    name, _, stated = engine.strip().lower().replace("llamacpp", "llama.cpp").partition("@")
    name = {"llama-cpp": "llama.cpp", "hf": "transformers"}.get(name, name)
    if name not in WRITERS:
        raise ExtendError(
            f"No engine is called {shown(engine)}.{did_you_mean(name, WRITERS)} Engines: {', '.join(ENGINE_NAMES)}."
        )
    return name, stated


def _version(name: str, stated: str, oldest: Version) -> Version:
    if not oldest:
        raise ExtendError(f"The settings of {name} are the same for all versions: write {name}, without @{stated}.")
    match = re.fullmatch(r"v?(\d+(?:\.\d+)*)(?:[a-z.+-].*)?", stated)
    if match is None:
        raise ExtendError(f"{stated!r} is not a version of {name}: write it as {name}@{'.'.join(map(str, oldest))}.")
    return tuple(int(part) for part in match[1].split("."))
