"""The settings with which an engine carries a plan out: windows in some layers, everything in the others."""

from __future__ import annotations

from typing import Any

from ropescope.compress.engines.carried import NAMES, VERSIONS, Windows, period_of, windows_in
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.errors import PlanError
from ropescope.extend.settings.long_rope import vllm_of_model
from ropescope.extend.settings.setting import EngineSettings, command, is_gguf, one_line
from ropescope.models.model import Model

_APPLIED = """from pathlib import Path

from ropescope.compress import KVPlan

plan = KVPlan.load(Path("plan.json"))
model.generate(**inputs, past_key_values=plan.cache(model))"""


def settings_for(plan: KVPlan, model: Model, engine: str, source: str) -> EngineSettings:
    """What tells `engine` the plan for `model`, which users name `source`. Raises PlanError for a plan that it cannot be told,
    or a source that it does not load."""
    if engine == "transformers":
        return EngineSettings(engine, "5.2 and newer", "5.23.0, run by the tests", "python", _APPLIED)
    windows = windows_in(engine, model)
    if windows is None:
        raise PlanError(f"{NAMES[engine]} {VERSIONS[engine]} gives layers of {model.model_type} no window.")
    size, full = _two_kinds(plan, model)
    write = _by_layer_types if windows.by == "layer_types" else _by_period
    return write(plan, model, engine, source, windows, size, full)


def overrides(model: Model, size: int, full: frozenset[int]) -> dict[str, Any]:
    """The fields of the config that give all layers but `full` a window of `size` tokens."""
    kinds = ["full_attention" if layer.index in full else "sliding_attention" for layer in model.layers]
    beside = {"use_sliding_window": True, "max_window_layers": len(kinds)} if model.model_type in _QWEN else {}
    return {"layer_types": kinds, "sliding_window": size, **beside}


_QWEN = ("qwen2", "qwen3")
"""Their config class drops the window unless `use_sliding_window` is set, and vLLM refuses two kinds of layers unless
`max_window_layers` is their number."""


def _two_kinds(plan: KVPlan, model: Model) -> tuple[int, frozenset[int]]:
    """(window, layers that keep everything) of a plan. Raises PlanError for one that keeps more kinds of layers apart."""
    if plan.sinks or plan.looks_at_text:
        raise PlanError("Engines keep no first tokens beside a window, and pick none: plan with `engine`.")
    full, sizes = set(), {layer.window_tokens for layer in model.layers if layer.kind == "sliding"}
    for layer in plan.planned_layers:
        if min(layer.windows) >= plan.length:
            full.add(layer.index)
        else:
            sizes |= set(layer.windows)
    if len(sizes) != 1:
        raise PlanError("Engines are told one window for all layers that have one: plan with `engine`.")
    return int(next(iter(sizes)) or 0), frozenset(full)


def _by_layer_types(
    plan: KVPlan, model: Model, engine: str, source: str, windows: Windows, size: int, full: frozenset[int]
) -> EngineSettings:
    if is_gguf(source):
        raise PlanError(f"{NAMES[engine]} is told by the config, which {source} has not: name the original model.")
    told = overrides(model, size, full)
    flags = [*windows.flags, ("--hf-overrides", one_line(told)), ("--max-model-len", plan.length)]
    remark = f"vLLM frees whole blocks of 16 tokens behind the window, and needs no other setting: {windows.read_from}."
    return EngineSettings(
        engine,
        VERSIONS[engine],
        windows.read_from,
        "shell",
        command("vllm", "serve", source, flags=flags),
        (remark, *vllm_of_model(model, plan.length)),
        told,
    )


def _by_period(
    plan: KVPlan, model: Model, engine: str, source: str, windows: Windows, size: int, full: frozenset[int]
) -> EngineSettings:
    architecture = model.model_type
    told = {
        f"{architecture}.attention.sliding_window": size,
        f"{architecture}.attention.sliding_window_pattern": period_of(full),
    }
    file = source if is_gguf(source) else "MODEL.gguf"
    flags = [
        ("-m", file),
        ("-c", plan.length),
        *(("--override-kv", f"{key}=int:{value}") for key, value in told.items()),
    ]
    remarks = [
        "Sliding layers hold their window and a micro-batch (-ub), in whole 256 tokens; --swa-full would hold everything.",
        "A file that lists its sliding layers one by one is not overridden by this: convert it without the list.",
    ]
    if file == "MODEL.gguf":
        remarks.append("MODEL.gguf stands for the converted model.")
    return EngineSettings(
        engine, VERSIONS[engine], windows.read_from, "shell", command("llama-server", flags=flags), tuple(remarks), told
    )
