"""Whether an engine runs a model of this kind, and weights of a format, on a device at all, and which engines do.

The facts are those of `kernels.csv`, read from the engines' sources at the versions of `engine_flags.json`: the least
compute capability on NVIDIA's devices, "yes", "no" or the targets on others, nothing where no source says.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Final

from ropescope.checks.serving.devices.device import Device
from ropescope.checks.serving.engines.engine import ENGINES, Engine
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.splits.weight_blocks import method_of
from ropescope.checks.serving.support.architectures import architecture_problem, architecture_remarks
from ropescope.checks.serving.weights.precisions import PLAIN, STORED

_SAME: Final[Mapping[str, str]] = {
    "gptq_marlin": "gptq",
    "awq_marlin": "awq",
    "auto_awq": "awq",
    "auto_gptq": "gptq",
    "auto_round": "auto-round",
    "inc": "auto-round",
    "compressed_tensors": "compressed-tensors",
    "modelopt_fp4": "nvfp4",
    "w4a4_nvfp4": "nvfp4",
    "bitsandbytes_4bit": "bitsandbytes",
    "bitsandbytes_8bit": "bitsandbytes",
    "nf4": "bitsandbytes",
    "modelopt_fp8": "fp8",
}
_FOREIGN: Final[Mapping[str, str]] = {
    "mlx": "mlx-lm on Apple devices",
    "exl2": "ExLlamaV2 (TabbyAPI)",
    "exl3": "ExLlamaV3 (TabbyAPI)",
    "aqlm": "transformers",
    "bitnet": "transformers",
    "eetq": "transformers",
    "higgs": "transformers",
    "hqq": "transformers",
    "quanto": "transformers",
    "spqr": "transformers",
    "vptq": "transformers",
}
"""Formats that vLLM and SGLang have no loader for, and what runs them."""

_NO_FLOAT16: Final = frozenset({"gemma2", "gemma3", "gemma3_text", "glm4"})
"""Model types that vLLM runs in float32 where bfloat16 is missing (`_FLOAT16_NOT_SUPPORTED_MODELS` of config/model.py)."""

FIRST_BF16: Final = (8, 0)
"""The first compute capability with bfloat16 (`check_if_supports_dtype` of vLLM's platforms/cuda.py)."""


_FIRST_UNITS: Final[Mapping[str, tuple[int, int]]] = {
    "fp8": (8, 9),
    "nvfp4": (10, 0),
    "mxfp4": (10, 0),
    "mxfp8": (10, 0),
}
"""The first compute capability that multiplies in a format: Ada and Hopper (8.9) in FP8, Blackwell in the others."""


def support_problem(serving: Serving) -> str:
    """Why the engine does not run these weights on this device, in a sentence, and which engines do; "" if it does."""
    if serving.unequal:
        alone = (
            replace(serving, device=one, count=1, unequal=(), parallel=None) for one in dict.fromkeys(serving.unequal)
        )
        return next(filter(None, map(support_problem, alone)), "")
    cause = _cause(serving) or architecture_problem(serving)
    return f"{cause} {_others(serving)}".rstrip() if cause else _attention_cause(serving)


def support_remarks(serving: Serving) -> tuple[str, ...]:
    """What differs on this device though the engine runs there."""
    device, engine = serving.device, serving.engine
    said = list(architecture_remarks(serving))
    form = _form(serving)
    if engine.name in ("vllm", "sglang") and _lacks_bf16(device) and serving.precision == STORED:
        said.append(f"{device.name} has no bfloat16: {_named(engine)} runs the model in float16.")
    units = _FIRST_UNITS.get(form) if engine.name in ("vllm", "sglang") else None
    if units is not None and device.compute is not None and device.compute < units:
        said.append(
            f"{device.name} has no units for {_title(form)}: the weights alone are {_title(form)}, and are expanded to 16 bits "
            "to multiply."
        )
    return tuple(said)


def _cause(serving: Serving) -> str:
    engine, device, form = serving.engine, serving.device, _form(serving)
    if cause := _refusal(engine, "any", device) or _refusal(engine, form, device):
        return cause
    loads_none = set(_rows().get((engine.name, form), {}).values()) == {"no"}
    if loads_none or (form in _FOREIGN and engine.name != "transformers"):
        return _no_loader(engine, form)
    return _without_bf16(serving) if engine.name in ("vllm", "sglang") and _lacks_bf16(device) else ""


def _attention_cause(serving: Serving) -> str:
    """What vLLM's attention kernels do not do on an NVIDIA device (v1/attention/backends): sparse latents, a cache in FP8
    or bfloat16."""
    engine, device, model = serving.engine, serving.device, serving.model
    if engine.name != "vllm" or device.compute is None:
        return ""
    latent = any(layer.latent is not None for layer in model.layers)
    sparse = any(layer.sparse is not None for layer in model.layers)
    sparse = sparse and (latent or model.model_type.startswith("deepseek_v4"))  # whose one head is a latent, too
    if sparse and device.compute[0] not in _SPARSE_MAJORS:
        return (
            f"{_named(engine)} has kernels for sparse attention over latents on compute capability 9, 10 and 12 alone, and "
            f"{device.name} has {device.capability}."
        )
    least = (8, 9) if latent else (8, 0)
    if serving.cache_type.flag.startswith("fp8") and device.compute < least:
        return (
            f"{_named(engine)} keeps a cache in FP8 from compute capability {least[0]}.{least[1]} on"
            f"{' (latents)' if latent else ''}, and {device.name} has {device.capability}: give `kv_precision` auto."
        )
    if serving.cache_type.flag == "bfloat16" and _lacks_bf16(device):
        return f"{device.name} has no bfloat16 for the cache: give `kv_precision` f16."
    return ""


_SPARSE_MAJORS: Final = (9, 10, 12)
"""flashmla_sparse.py, flashattn_mla_sparse.py and flashinfer_mla_sparse.py (with its _sm90 and _SM120)."""


def _refusal(engine: Engine, weights: str, device: Device) -> str:
    """What the table says against these weights ("any": against every kind) on this device; "" for nothing."""
    row = _rows().get((engine.name, weights))
    if row is None or device.vendor not in row:
        return ""
    if set(row.values()) == {"no"}:
        return _no_loader(engine, weights)
    told, what = row[device.vendor], "" if weights == "any" else f" {_title(weights)} weights"
    if device.vendor == "nvidia":
        runs = not told or device.compute is None or device.compute >= tuple(map(int, told.split(".")))
    else:
        runs = told in ("", "yes") or (told != "no" and (not device.capability or device.capability in told.split(";")))
    if runs:
        return ""
    if (engine.name, weights) in _EXPANDED:
        return _expands(engine, weights, device)
    if device.vendor == "nvidia":
        return (
            f"{_named(engine)} runs{what} from compute capability {told} on, and {device.name} has {device.capability}."
        )
    if told != "no":
        does = f"does not run{what} on" if what else "is not built for"
        return f"{_named(engine)} {does} {device.name} ({device.capability})."
    if weights == "any" and (engine.name, device.vendor) in _OWN_BUILDS:
        return f"{_named(engine)} runs on {_OWN_BUILDS[engine.name, device.vendor]}, not counted here."
    return f"{_named(engine)} does not run{what} on {_VENDORS[device.vendor]}."


_VENDORS: Final[Mapping[str, str]] = {
    "amd": "AMD devices",
    "intel": "Intel devices",
    "apple": "Apple devices",
    "cpu": "CPUs",
}
_OWN_BUILDS: Final[Mapping[tuple[str, str], str]] = {
    ("sglang", "apple"): "Apple devices with its MLX backend alone (SGLANG_USE_MLX=1)",
    ("sglang", "cpu"): "CPUs in a build of its own alone, for Xeons with AMX (SGLANG_USE_CPU_ENGINE=1)",
    ("vllm", "cpu"): "CPUs in a build of its own alone, whose cache VLLM_CPU_KVCACHE_SPACE sizes",
}
"""Engines that run there otherwise than is counted here: docs.vllm.ai (getting_started/installation/cpu), docs.sglang.io
(hardware-platforms/cpu_server)."""
_EXPANDED: Final = frozenset({("transformers", "fp8"), ("transformers", "mxfp4")})
"""Weights that an engine expands to 16 bits as it loads them where it cannot multiply them: then they take that much."""


def _expands(engine: Engine, weights: str, device: Device) -> str:
    return (
        f"{_named(engine)} expands {_title(weights)} weights to bfloat16 on {device.name}, which takes more memory: "
        "`precision` bf16 counts that."
    )


def _no_loader(engine: Engine, weights: str) -> str:
    return f"{_named(engine)} has no loader for {_title(weights)} weights."


def _without_bf16(serving: Serving) -> str:
    engine, device, model = serving.engine, serving.device, serving.model
    if serving.precision == "bf16":
        return f"{device.name} has no bfloat16 (compute capability {device.capability}): give `precision` f16."
    plain = serving.precision in ("f16", STORED) and not _form(serving) and model.dtype != "float32"
    if engine.name == "vllm" and plain and model.model_type in _NO_FLOAT16:
        return (
            f"{device.name} has no bfloat16, and {_named(engine)} keeps {model.model_type} out of float16: it runs in float32, "
            "which `precision` f32 counts."
        )
    return ""


def _lacks_bf16(device: Device) -> bool:
    return device.compute is not None and device.compute < FIRST_BF16


def _others(serving: Serving) -> str:
    """Which engines run it: those here of which the table says so, and others by name."""
    form = _form(serving)
    if serving.precision in PLAIN:
        return ""
    if form in _FOREIGN:
        return f"{_FOREIGN[form]} runs them."
    found = [
        engine.name for engine in ENGINES.values() if engine != serving.engine and _would_run(serving, engine, form)
    ]
    said = f"Engines that do: {', '.join(found)}." if found else ""
    if form not in ("", "gguf") and "llama.cpp" not in found:
        said = f"{said} llama.cpp runs a GGUF of the model there."
    return f"{said}{' mlx-lm does too.' if serving.device.vendor == 'apple' and not form else ''}".strip()


def _would_run(serving: Serving, engine: Engine, form: str) -> bool:
    if serving.precision not in (STORED, *engine.precisions):
        return False
    if engine.name in ("llama.cpp", "ollama"):
        return form in ("", "gguf", "mxfp4")  # of the others its converter makes 16 bits, or refuses
    row = _rows().get((engine.name, form), {})
    if form == "gguf" or (form and row.get(serving.device.vendor, "") == ""):
        return False  # no source says that it does
    other = replace(
        serving, engine=engine, cache_type=next(iter(engine.cache_types.values())), parallel=None, cpu_moe_layers=0
    )
    return not (_cause(other) or architecture_problem(other))


def _form(serving: Serving) -> str:
    """The format of the weights as the table calls it; "" for plain numbers and for mixes of llama.cpp."""
    method = "gguf" if serving.precision == STORED and serving.model.source.kind == "gguf" else method_of(serving)
    method = _SAME.get(method, method)
    return "" if method in PLAIN else method


def _named(engine: Engine) -> str:
    return f"{_TITLES.get(engine.name, engine.name)} {engine.version}"


def _title(form: str) -> str:
    return form.upper() if form in ("awq", "gptq", "fp8", "nvfp4", "mxfp4", "mxfp8", "mlx", "gguf", "int8") else form


_TITLES: Final[Mapping[str, str]] = {"vllm": "vLLM", "sglang": "SGLang", "ollama": "Ollama", "llama.cpp": "llama.cpp"}


@cache
def _rows() -> Mapping[tuple[str, str], Mapping[str, str]]:
    text = files("ropescope.checks.serving.support").joinpath("kernels.csv").read_text(encoding="utf-8")
    return {
        (row["engine"], row["weights"]): {vendor: row[vendor] for vendor in ("nvidia", "amd", "intel", "apple", "cpu")}
        for row in csv.DictReader(text.splitlines())
    }
