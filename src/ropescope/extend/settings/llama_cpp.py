"""llama.cpp: flags for what it can be told, a converted config for the rest of what it can do."""

from __future__ import annotations

from typing import Final

from ropescope.extend.plan.frequencies import above_the_rule
from ropescope.extend.plan.rope_plan import LayerTypePlan, RopePlan
from ropescope.extend.settings.gguf_file import why_not
from ropescope.extend.settings.setting import EngineSettings, command, is_gguf, number

READ_FROM: Final = (
    "common/arg.cpp, src/llama-context.cpp and conversion/ of llama.cpp commit 0c1e57098 (llama-cpp-python 0.3.36); "
    "build 11549 (xllamacpp) was run with them"
)
YARN_BUILD: Final = "b10754"
"""The first build (3 September 2026) that was seen to serve YaRN beyond the trained length by its flags alone: llama.cpp pull
request 28030, merged after 30 August 2026, and github.com/meta-models/meta-oss-cookbook/issues/37, which ran it."""
VERSIONS: Final = "commit 0c1e57098"
_CONVERT: Final = (
    "write the config with `save_config` FOLDER, put the weights and the tokenizer beside it, and convert that folder with "
    "convert_hf_to_gguf.py"
)
WRITTEN: Final = "`save_gguf` FILE writes a copy of the file that holds it."
_IN_TENSORS: Final = ("llama3", "longrope")
"""Scalings that a GGUF file holds as a tensor of factors: flags would come on top of it."""


def settings(plan: RopePlan, source: str) -> EngineSettings:
    """The flags of llama-server, or what has to be done where there are none."""
    cannot = _cannot(plan)
    architecture = str(plan.extras.get("architecture") or "")
    in_file = architecture != "" and not why_not(plan, architecture)
    if cannot and in_file:
        cannot = f"{cannot.split(':')[0]}: {WRITTEN}"
    if cannot:
        return EngineSettings("llama.cpp", VERSIONS, READ_FROM, "shell", "", (cannot,))
    scaled = next((entry for entry in plan.layer_types if entry.changed), plan.layer_types[0])
    file = source if is_gguf(source) else "MODEL.gguf"
    flags: list[tuple[str, object]] = [("-m", file), ("-c", plan.target_length), *_flags(plan, scaled)]
    remarks: list[str] = []
    if file == "MODEL.gguf":
        remarks.append("MODEL.gguf stands for the converted model.")
    if _needs_length(plan):
        name = plan.extras.get("architecture") or "ARCH"
        flags.append(("--override-kv", f"{name}.context_length=int:{plan.target_length}"))
        remarks.append(
            "--override-kv is needed because llama-server cuts every slot to the trained length unless the scaling is YaRN"
            + ("; ARCH is general.architecture of the file, often the model type." if name == "ARCH" else ".")
        )
    above = above_the_rule(scaled.parameters) if scaled.changed else None
    if above is not None:
        name = architecture or "ARCH"
        flags.append(("--override-kv", f"{name}.rope.scaling.attn_factor=float:{number(above)}"))
        remarks.append(
            "llama.cpp computes YaRN's attention factor as 0.1 ln s + 1; --override-kv sets it to the "
            f"{scaled.attention_factor:g} that this model states"
            + ("; ARCH is general.architecture of the file, often the model type." if name == "ARCH" else ".")
        )
    if plan.method == "yarn":
        remarks.append(_least_build(plan, architecture or "ARCH"))
    if in_file:
        remarks.append("`save_gguf` FILE writes a copy of the file that needs only -c of these flags.")
    if scaled.changed and plan.extras.get("mixed"):
        remarks.append(
            "llama.cpp keeps the file's base and scale in sliding-window layers; transformers scales all layers."
        )
    if scaled.changed and scaled.parameters.get("truncate") is False:
        remarks.append("llama.cpp rounds the ends of YaRN's ramp to whole pairs; this model's config does not.")
    return EngineSettings(
        "llama.cpp", VERSIONS, READ_FROM, "shell", command("llama-server", flags=flags), tuple(remarks)
    )


def _flags(plan: RopePlan, entry: LayerTypePlan) -> list[tuple[str, object]]:
    parameters = entry.parameters
    if not entry.changed:
        return []
    if plan.method == "linear":
        return [("--rope-scaling", "linear"), ("--rope-scale", number(parameters["factor"]))]
    if plan.method in ("ntk", "alpha"):
        return [("--rope-freq-base", number(entry.theta))]
    ramp = [
        (f"--yarn-{name.replace('_', '-')}", number(float(parameters[name])))
        for name, usual in (("beta_fast", 32.0), ("beta_slow", 1.0))
        if float(parameters.get(name) or usual) != usual
    ]
    return [
        ("--rope-scaling", "yarn"),
        ("--rope-scale", number(entry.factor)),
        ("--yarn-orig-ctx", plan.trained_length),
        *ramp,
    ]


def _least_build(plan: RopePlan, architecture: str) -> str:
    return (
        f"Needs llama.cpp build {YARN_BUILD} or newer. Older builds of llama-server cut every slot to the trained "
        f"length; add --override-kv {architecture}.context_length=int:{plan.target_length} there."
    )


def _needs_length(plan: RopePlan) -> bool:
    return plan.target_length > plan.native_length and plan.method != "yarn"


def _cannot(plan: RopePlan) -> str:
    if not plan.changes:
        return ""
    native = plan.native_method
    if plan.method == "dynamic":
        return "llama.cpp has no dynamic scaling: use `method` ntk or yarn."
    if plan.method == "longrope":
        return "llama.cpp has no flag for LongRoPE's factors: the converter writes them for Phi models only."
    if plan.method == "searched":
        return "llama.cpp has no flag for a factor of each pair: name a GGUF file as the source, which can hold them."
    if plan.method == "llama3":
        return f"llama.cpp has no flag for Llama 3.1's ramp: a file holds it as factors, so {_CONVERT}."
    if native in _IN_TENSORS:
        return f"A GGUF file of this model holds {native} factors, and flags would scale on top of them: {_CONVERT}."
    return ""
