"""What scoring a long text costs over the plain work: time as a ratio in one run, and memory over the weights.

    python benchmarks/extend_evaluate.py [SOURCE] [--length 16384] [--chunk 2048] [--pairs 2] [--dtype float32]

The plain work is a chunked prefill through the decoder with transformers' DynamicCache, and the output layer's matrix product
for every position, a block at a time, thrown away. The scored pass is `token_losses`, with the loss in float32.
Chunks of the two alternate, each on its own cache, so that a drift of the machine's speed falls on both alike. The ratio is
that of the sums of processor time (all threads); wall time stands beside it. Memory is how far the process's peak
resident size lies over what it is with the weights loaded and warm, in a process of its own that scores alone (Linux).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import DynamicCache

from ropescope.network.loading.weights import load
from ropescope.quality.loss import decoder_of, span_losses, token_losses

BLOCK = 170


def plain(network: Any, ids: torch.Tensor, cache: Any) -> None:
    """A chunk through the decoder, and its logits, thrown away."""
    head = network.get_output_embeddings()
    hidden = decoder_of(network)(input_ids=ids[None], past_key_values=cache, use_cache=True).last_hidden_state
    for start in range(0, hidden.shape[1], BLOCK):
        head(hidden[:, start : start + BLOCK])


def scored(network: Any, ids: torch.Tensor, cache: Any) -> None:
    """The same chunk, scored: every position but the last, which the next chunk's first token would score."""
    span_losses(network, ids, [(1, len(ids))], cache=cache)


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """(processor seconds, wall seconds)."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def resident(name: str) -> float:
    """A line of Linux's own account of this process in MiB: VmRSS is what is resident, VmHWM the most that was."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("The memory of a process is read from /proc, which only Linux has.")


def memory(source: str, length: int, chunk: int, dtype: str) -> None:
    """Print how far the peak is above what is resident with the weights loaded and warm, in MiB, while a text is scored."""
    network = load(source, dtype=dtype).network
    ids = torch.randint(5, 40000, (length,), generator=torch.Generator().manual_seed(0))
    token_losses(network, ids[:256])
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew: loading had its own
    before = resident("VmRSS")
    token_losses(network, ids, chunk=chunk)
    print(f"{resident('VmHWM') - before:.0f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", nargs="?", default="smollm2")
    parser.add_argument("--length", type=int, default=16384)
    parser.add_argument("--chunk", type=int, default=2048)
    parser.add_argument("--pairs", type=int, default=1, help="whole texts, one after the other")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.memory:
        memory(given.source, given.length, given.chunk, given.dtype)
        return
    weights = load(given.source, dtype=given.dtype)
    network = weights.network
    print(f"weights in {weights.dtype} ({weights.dtype_reason})")
    sums = {"plain": [0.0, 0.0], "scored": [0.0, 0.0]}
    with torch.inference_mode():
        scored(network, torch.arange(5, 300), DynamicCache())
        plain(network, torch.arange(5, 300), DynamicCache())
        for pair in range(given.pairs):
            ids = torch.randint(5, 40000, (given.length,), generator=torch.Generator().manual_seed(pair))
            caches = {"plain": DynamicCache(), "scored": DynamicCache()}
            for index, start in enumerate(range(0, given.length, given.chunk)):
                part = ids[start : start + given.chunk]
                both = (("plain", plain), ("scored", scored))
                for name, work in both if index % 2 else both[::-1]:
                    spent = timed(lambda work=work, part=part, cache=caches[name]: work(network, part, cache))  # type: ignore[misc]
                    sums[name] = [a + b for a, b in zip(sums[name], spent, strict=True)]
    for row, kind in enumerate(("processor", "wall")):
        one, other = sums["plain"][row], sums["scored"][row]
        print(f"{kind} time: plain {one:.1f} s, scored {other:.1f} s, ratio {other / one:.3f}")
    command = [
        sys.executable,
        __file__,
        given.source,
        "--length",
        str(given.length),
        "--chunk",
        str(given.chunk),
        "--dtype",
        given.dtype,
        "--memory",
    ]
    grown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    print(f"peak memory over the weights while scoring {given.length:,} tokens: {grown} MiB")


if __name__ == "__main__":
    main()
