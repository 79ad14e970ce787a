"""How much memory a forward pass needs at the least, what there is, and which length would fit; and freed memory, kept."""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from ropescope.errors import MeasurementError

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
# The largest values that glibc's own adaptation may reach are 64 and 32 MiB; trimming is put off further than that.
_TRIM_BYTES, _MMAP_BYTES = 512 * 2**20, 32 * 2**20


def bytes_per_token(network: Any, n_rows: int) -> int:
    """A lower bound on the bytes that one more token of context costs a forward pass: residual stream and MLP at their
    widest, queries, keys and values of one layer, and the fp32 rows of one key head group."""
    config = network.config.get_text_config()
    hidden = int(getattr(config, "hidden_size", 0) or 0)
    inner = getattr(config, "intermediate_size", None) or 4 * hidden
    inner = max(inner) if isinstance(inner, list | tuple) else int(inner)
    heads = getattr(config, "num_attention_heads", 1) or 1
    heads = max(heads) if isinstance(heads, list | tuple) else int(heads)
    element = torch.empty(0, dtype=network.dtype).element_size()
    return element * (3 * hidden + 2 * inner) + 4 * (heads + n_rows)


def available_bytes(device: torch.device) -> int:
    """Free memory of the device (for the CPU: what can be had without swapping, and within the limit of a container)."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    import psutil

    return min([int(psutil.virtual_memory().available), *_left_in_groups()])


def _left_in_groups(own: Path = Path("/proc/self/cgroup"), mounted: Path = Path("/sys/fs/cgroup")) -> Iterator[int]:
    """What each of Linux's control groups that limit this process still allows; nothing where there are none. The files
    that a group keeps in memory can be dropped, so they are not counted as taken."""
    with suppress(OSError):
        for line in own.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":  # version 2
                root, limit, taken, kept = mounted, "memory.max", "memory.current", "inactive_file"
            elif "memory" in controllers.split(","):
                root, limit, taken, kept = mounted / "memory", *_VERSION_1
            else:
                continue
            group = root / path.strip("/")
            for folder in (group, *group.parents):
                if folder == root.parent:
                    break
                # "max" is no number, and a container may not see the folder that it is in, only those above.
                with suppress(OSError, ValueError):
                    most, used = (int((folder / name).read_text()) for name in (limit, taken))
                    held = re.search(rf"^{kept} (\d+)$", (folder / "memory.stat").read_text(), re.M)
                    yield max(0, most - used + (int(held[1]) if held else 0))


_VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def require_memory(network: Any, n_tokens: int, chunk_tokens: int, n_rows: int) -> None:
    """Raise MeasurementError before a pass that cannot fit: on the CPU the system would end the program without a word."""
    need = bytes_per_token(network, n_rows) * min(n_tokens, chunk_tokens)
    if need > available_bytes(network.device):
        raise too_little_memory(network, n_tokens, n_rows)


def too_little_memory(network: Any, n_tokens: int, n_rows: int) -> MeasurementError:
    """The error that names the length that would fit."""
    free = available_bytes(network.device)
    fits = min(n_tokens // 2, free // (2 * bytes_per_token(network, n_rows)))
    rounded = 1 << max(0, fits.bit_length() - 1)
    advice = f"about {rounded:,} tokens would fit: `length` {rounded}" if rounded >= 64 else "free some memory"
    return MeasurementError(
        f"Out of memory at {n_tokens:,} tokens on {network.device} ({free / 2**30:.1f} GiB free); {advice}, "
        "or let the prompt through in pieces, with `chunk`."
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch or Python means that memory ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


def keep_freed_memory() -> bool:
    """Keep freed memory in the process between layers; True if that was possible (Linux with glibc).

    glibc gives the top of its heap back to the system as soon as enough of it is free, and takes it again a moment later,
    page fault by page fault. Every layer of a forward pass frees and takes the same tens of megabytes; on SmolLM2 at 2,048
    tokens that cost an eighth of a pass (benchmarks/prefill_overhead.py).
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)) and bool(mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES))
