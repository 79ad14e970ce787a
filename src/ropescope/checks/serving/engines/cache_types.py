"""Cache types: the one that a user named, or what an engine's "auto" becomes for a model on a device.

Read from vLLM 0.33.0 and SGLang 0.5.23; each function names where.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ropescope.checks.serving.devices.device import Device
from ropescope.checks.serving.engines.engine import CacheType, Engine
from ropescope.errors import DomainError
from ropescope.models.model import Model
from ropescope.models.quantization import quantization_config

_GLM_SPARSE: Final = frozenset({"glm_moe_dsa", "glm5_next_text"})
_NO_SGLANG_FAMILY: Final = frozenset({"axk2", "mistral_large4_text"})
"""Sparse latents that are not in SGLang's `_DEEPSEEK_FAMILY_ARCHS`."""

_NEEDS: Final = {
    ("vllm", "nvfp4_ds_mla"): ((10,), "data-centre Blackwell (compute capability 10)"),
    **{("sglang", name): ((10, 11, 12), "Blackwell (compute capability 10 and on)") for name in ("mxfp8", "nvfp4")},
}
"""Types that an engine refuses on other devices, by compute capability (flashmla_sparse.py; kv_cache_hook.py)."""


def cache_type_of(engine: Engine, model: Model, device: Device, text: str) -> CacheType:
    """The cache type that a user named, "auto" resolved as the engine resolves it for this model on this device.

    Raises DomainError naming the engine's types for one it has not, and for one that needs another device or model.
    """
    if text.strip().lower() != "auto":
        found = engine.cache_type(text)
        majors, needs = _NEEDS.get((engine.name, found.label), ((), ""))
        if device.vendor and needs and (device.compute or (0, 0))[0] not in majors:
            raise DomainError(
                f"{engine.name} {engine.version} holds a cache in {found.label} on {needs} alone: choose fp8."
            )
        if found.flag.endswith("_ds_mla") and not (_sparse_latents(model) or _compressed(model)):
            raise DomainError(f"{found.flag} is a layout for sparse latents, which {model.name} has not: choose fp8.")
        return found
    if engine.name == "transformers":
        return CacheType("", {"float32": "f32", "float16": "f16"}.get(model.dtype, "bf16"))
    resolve = {"vllm": _vllm_auto, "sglang": _sglang_auto}.get(engine.name)
    kind, name = ("", "") if resolve is None else resolve(model, (device.compute or (0, 0))[0])
    default = engine.cache_type("auto")
    return default if not kind else CacheType(default.flag, kind, name=name)


def _vllm_auto(model: Model, major: int) -> tuple[str, str]:
    """What the checkpoint says (`resolve_kv_cache_dtype_string`, attention.py); 8 bits for DeepSeek-V4 everywhere, for
    GLM's sparse models on data-centre Blackwell, and for any sparse latents on compute capability 12
    (model_executor/models/config.py, mla_attention.py)."""
    if _compressed(model):
        return "fp8", "fp8_ds_mla"
    stated = _stated(model)
    if _by_modelopt(stated):
        if found := _modelopt_cache(stated):
            return found, ""
    elif isinstance(stated.get("kv_cache_scheme"), Mapping):
        return "fp8", ""
    if _sparse_latents(model) and (major == 12 or (major == 10 and model.model_type in _GLM_SPARSE)):
        return "fp8", "fp8_ds_mla" if major == 12 else ""
    return "", ""


def _sglang_auto(model: Model, major: int) -> tuple[str, str]:
    """What ModelOpt's checkpoint says (kv_cache_dtype.py); 8 bits for DeepSeek-V4 and Muse Spark, and for the sparse
    models of DeepSeek's family from Blackwell on (`_dsa_kv_cache_dtype_default` of its arg_groups/overrides.py)."""
    stated = _stated(model)
    told = _modelopt_cache(stated) if _by_modelopt(stated) else str(stated.get("kv_cache_quant_algo")).lower()
    eight = told == "fp8" or _compressed(model) or model.model_type.startswith("muse_spark")
    eight = eight or (_sparse_latents(model) and major >= 10 and model.model_type not in _NO_SGLANG_FAMILY)
    return ("fp8", "") if eight else ("", "")


def _by_modelopt(stated: Mapping[str, Any]) -> bool:
    return str(stated.get("quant_method", "")).lower().startswith("modelopt")


def _modelopt_cache(stated: Mapping[str, Any]) -> str:
    """The type that ModelOpt states for the cache, at the top or under `quantization`; "" without one that engines know
    (`get_kv_cache_quant_algo_string` of vLLM's torch_utils.py, `from_config` of SGLang's modelopt_quant.py)."""
    inner = stated.get("quantization")
    places = (inner, stated) if isinstance(inner, Mapping) else (stated,)
    told = next(
        (place[name] for name in ("kv_cache_scheme", "kv_cache_quant_algo") for place in places if place.get(name)), ""
    )
    if isinstance(told, Mapping):
        told = {(8, "float"): "fp8", (4, "float"): "nvfp4"}.get(
            (_number(told.get("num_bits")), str(told.get("type"))), ""
        )
    return str(told).lower() if str(told).lower() in ("fp8", "nvfp4") else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _stated(model: Model) -> Mapping[str, Any]:
    """How the checkpoint was quantised: its config, or what ModelOpt's own file says."""
    return quantization_config(model.config) or ({} if model.quantization is None else model.quantization.detail)


def _sparse_latents(model: Model) -> bool:
    """Whether latents are read in part: DeepSeek-V3.2's attention."""
    return any(layer.sparse is not None and layer.latent is not None for layer in model.layers)


def _compressed(model: Model) -> bool:
    """Whether older tokens become entries for many: DeepSeek-V4's attention."""
    return any(layer.tokens_per_entry is not None for layer in model.layers)
