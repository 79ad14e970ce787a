"""Which number type the weights are loaded in: chosen by the machine, with the reason, or as asked.

On an accelerator that is bfloat16 where it has units for it, else float16. A CPU without such units multiplies bfloat16
several times slower than float32, so there it is float32 as long as the weights fit in memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import torch

from ropescope.errors import MeasurementError
from ropescope.models.kept_files import cache_folder
from ropescope.network.memory import available_bytes
from ropescope.report.files import draft_of

AUTO: Final = "auto"
DTYPES: Final = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}
MEMORY_SHARE: Final = 0.75
"""Of the free memory, what float32 weights may take: a pass needs the rest."""

# oneDNN's names for what it may use at most, by the units that they leave (its guide on the "CPU dispatcher control").
_ONEDNN_AVX512_BF16: Final = ("AVX512_CORE_BF16", "AVX10_1_512", "AVX512_CORE_FP16", "AVX10_2", "AVX10_2_512")
_ONEDNN_AMX: Final = (
    "AVX10_1_512_AMX",
    "AVX512_CORE_AMX",
    "AVX10_1_512_AMX_FP16",
    "AVX512_CORE_AMX_FP16",
    "AVX10_2_512_AMX_2",
    "DEFAULT",
    "ALL",
)


@dataclass(frozen=True, slots=True)
class NumberType:
    """The type that weights are held and multiplied in ("bfloat16", …), and why it was taken."""

    name: str
    reason: str

    @property
    def dtype(self) -> torch.dtype:
        """The same for torch."""
        return DTYPES[self.name]

    def actually(self, dtype: torch.dtype) -> NumberType:
        """This type, or the one that a network has in spite of it."""
        name = str(dtype).removeprefix("torch.")
        return self if name == self.name else NumberType(name, "the weight files ask for it")


def check_dtype(asked: str) -> None:
    """Raise MeasurementError for a name that is neither a number type nor `auto`."""
    if asked != AUTO and asked not in DTYPES:
        raise MeasurementError(f"dtype must be one of auto, {', '.join(DTYPES)}, not {asked!r}.")


def number_type(asked: str, device: torch.device, n_weights: Callable[[], int | None] = lambda: None) -> NumberType:
    """The type that `asked` names, or for `auto` the one that suits `device`.

    `n_weights` tells how many numbers the weights are, None where that is unknown; it is asked only where it decides.
    Raises MeasurementError for another name.
    """
    check_dtype(asked)
    if asked != AUTO:
        return NumberType(asked, "as asked")
    if device.type == "cpu":
        return _on_cpu(n_weights)
    return _on_accelerator(device)


def _on_accelerator(device: torch.device) -> NumberType:
    name = device.type
    if name == "cuda":
        name = torch.cuda.get_device_name(device)
        with torch.cuda.device(device):
            supported = torch.cuda.is_bf16_supported(including_emulation=False)
    elif name == "mps":
        name, supported = "Apple GPU", torch.backends.mps.is_macos_or_newer(14, 0)
    else:
        supported = _multiplies_bfloat16(device)
    if supported:
        return NumberType("bfloat16", f"this device ({name}) has it")
    return NumberType("float16", f"this device ({name}) has no bfloat16")


def _multiplies_bfloat16(device: torch.device) -> bool:
    try:
        ones = torch.ones(8, 8, device=device, dtype=torch.bfloat16)
        return float((ones @ ones).sum()) == 512.0
    except (RuntimeError, NotImplementedError, TypeError):
        return False


def _on_cpu(n_weights: Callable[[], int | None]) -> NumberType:
    fast, said = bfloat16_units()
    if fast:
        return NumberType("bfloat16", said)
    count = n_weights()
    if count is not None and 4 * count > MEMORY_SHARE * (free := available_bytes(torch.device("cpu"))):
        sizes = f"weights in float32 take {4 * count / 2**30:.1f} GiB of the {free / 2**30:.1f} GiB that are free"
        return NumberType("bfloat16", f"{said}, but {sizes}")
    return NumberType("float32", said)


def bfloat16_units() -> tuple[bool, str]:
    """Whether this CPU multiplies bfloat16 faster than float32, and what says so.

    x86 and Linux on ARM tell it by flags, which oneDNN's variables (`ONEDNN_MAX_CPU_ISA`) may hold back; elsewhere both
    types are timed once, and the outcome is kept in the cache folder.
    """
    flags = _flags()
    if flags is None:
        fast = _timed()
        return fast, f"bfloat16 was timed {'faster' if fast else 'no faster'} than float32 on this CPU"
    if flags:
        return True, f"this CPU has bfloat16 units ({', '.join(flags)})"
    return False, "this CPU has no bfloat16 units"


def _flags() -> list[str] | None:
    """The bfloat16 units that torch may use here; None where torch cannot tell."""
    if not torch._C._has_mkldnn:
        return None  # without oneDNN no flag says what the products are made by
    machine = platform.machine().lower()
    asked: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    if machine in ("x86_64", "amd64"):
        if not asked:  # torch before 2.9
            asked = {
                "avx512_bf16": torch.cpu._is_avx512_bf16_supported(),
                "amx_bf16": torch.cpu._is_amx_tile_supported(),
            }
        allowed = os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA") or "DEFAULT"
        names = {"avx512_bf16": (*_ONEDNN_AVX512_BF16, *_ONEDNN_AMX), "amx_bf16": _ONEDNN_AMX}
        return [flag for flag, levels in names.items() if asked.get(flag) and allowed.upper() in levels]
    if machine in ("aarch64", "arm64"):
        if "bf16" in asked:
            return ["bf16"] if asked["bf16"] else []
        with suppress(AttributeError, RuntimeError):
            return ["bf16"] if torch.ops.mkldnn._is_mkldnn_bf16_supported() else []
    return None


def _timed() -> bool:
    """Whether a product in bfloat16 is faster than in float32: timed once for this CPU, this torch and its threads."""
    here = [platform.node(), platform.machine(), platform.processor(), torch.__version__, torch.get_num_threads()]
    key = hashlib.sha256(json.dumps(here).encode()).hexdigest()[:16]
    path = cache_folder().parent / f"bfloat16-{key}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        return bool(json.loads(path.read_text("utf-8"))["faster"])
    seconds = {name: _seconds(DTYPES[name]) for name in ("bfloat16", "float32")}
    faster = seconds["bfloat16"] < 0.8 * seconds["float32"]  # a tie is for the exacter type
    with suppress(OSError):  # a folder that cannot be written costs a tenth of a second a run
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft_of(path) as draft:
            draft.write_text(json.dumps({"faster": faster, "seconds": seconds}), "utf-8")
    return faster


def _seconds(dtype: torch.dtype) -> float:
    """The least time of three products such as a layer makes."""
    rows, weights = torch.ones(256, 1024, dtype=dtype), torch.ones(1024, 1024, dtype=dtype)
    found = []
    with torch.inference_mode():
        torch.nn.functional.linear(rows, weights)  # the first one prepares the kernel
        for _ in range(3):
            began = time.perf_counter()
            torch.nn.functional.linear(rows, weights)
            found.append(time.perf_counter() - began)
    return min(found)
