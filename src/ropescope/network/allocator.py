"""Keep freed memory in the process between layers.

glibc gives the top of its heap back to the system as soon as enough of it is free, and takes it again a moment later, page
fault by page fault. Every layer of a forward pass frees and takes the same tens of megabytes; on SmolLM2 at 2,048 tokens
that cost an eighth of a pass (benchmarks/prefill_overhead.py).
"""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
# The largest values that glibc's own adaptation may reach are 64 and 32 MiB; trimming is put off further than that.
_TRIM_BYTES, _MMAP_BYTES = 512 * 2**20, 32 * 2**20


def keep_freed_memory() -> bool:
    """Raise glibc's thresholds for this process; True if that was possible (Linux with glibc)."""
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)) and bool(mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES))
