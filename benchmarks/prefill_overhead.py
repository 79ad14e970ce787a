"""What measuring costs beside a plain SDPA prefill of the same tokens: time at 2,048 and 8,192, peak memory at 16,384.

    python benchmarks/prefill_overhead.py [SOURCE] [--device cuda] [--dtype float32] [--lengths 2048,8192] [--memory-length 16384]

Time is paired: plain and measured passes alternate in one process, and the median of the ratios is shown with its
quartiles. Peak memory is that of two fresh processes (or of the device), each running one pass.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import numpy as np
import torch

from ropescope.measure.protocol import FixedLength
from ropescope.measure.tally import PromptTally
from ropescope.network.capture import capture_rows
from ropescope.network.loading.weights import load
from ropescope.network.memory import keep_freed_memory
from ropescope.network.prefill import prefill


def tokens(network: torch.nn.Module, length: int) -> torch.Tensor:
    vocabulary = network.config.get_text_config().vocab_size
    return torch.randint(100, vocabulary, (1, length), generator=torch.Generator().manual_seed(0)).to(network.device)


def measured_pass(network: torch.nn.Module, ids: torch.Tensor, chunk: int) -> None:
    length = ids.shape[1]
    protocol = FixedLength(length=length)
    tally = PromptTally(protocol, protocol.positions(np.random.default_rng(0)), length)
    with capture_rows(network, tally.wanted, tally):
        prefill(network, ids, chunk)
    tally.layers()


def clock(network: torch.nn.Module, run: object, *arguments: object) -> float:
    if network.device.type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    run(*arguments)  # type: ignore[operator]
    if network.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def time_ratio(network: torch.nn.Module, length: int, pairs: int) -> None:
    ids = tokens(network, length)
    prefill(network, ids, length)
    measured_pass(network, ids, length)
    ratios, plain_times = [], []
    for index in range(pairs):
        # Which goes first alternates, so that a drift of the machine's speed falls on both alike.
        if index % 2:
            measured = clock(network, measured_pass, network, ids, length)
            plain = clock(network, prefill, network, ids, length)
        else:
            plain = clock(network, prefill, network, ids, length)
            measured = clock(network, measured_pass, network, ids, length)
        ratios.append(measured / plain)
        plain_times.append(plain)
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(
        f"time    {length:>7,} tokens: {middle:.3f} × plain SDPA prefill "
        f"(quartiles {low:.3f}–{high:.3f}, {pairs} pairs; plain {statistics.median(plain_times):.2f} s)"
    )


def peak(source: str, length: int, measured: bool, device: str | None, dtype: str, chunk: int) -> None:
    """Child process: one pass, then the peak memory in MiB as JSON."""
    network = load(source, dtype=dtype, device=device).network
    ids = tokens(network, length)
    if network.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = 0
    else:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if measured:
        measured_pass(network, ids, chunk)
    else:
        prefill(network, ids, length)
    if network.device.type == "cuda":
        print(json.dumps({"peak": torch.cuda.max_memory_allocated() // 2**20, "before": before}))
    else:
        print(json.dumps({"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "before": before}))


def memory_ratio(source: str, length: int, device: str | None, dtype: str) -> None:
    found = {}
    for name in ("plain", "measured"):
        line = [sys.executable, __file__, source, "--child", name, "--dtype", dtype, "--memory-length", str(length)]
        line += ["--device", device] if device else []
        output = subprocess.run(line, capture_output=True, text=True, check=True).stdout
        found[name] = json.loads(output.splitlines()[-1])
    plain, measured = found["plain"]["peak"], found["measured"]["peak"]
    print(
        f"memory  {length:>7,} tokens: {measured / plain:.3f} × plain SDPA prefill "
        f"(peak {measured:,} against {plain:,} MiB; loading alone peaked at {found['plain']['before']:,} MiB)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", default="smollm2")
    parser.add_argument("--lengths", default="2048,8192")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--memory-length", type=int, default=16384)
    parser.add_argument("--device")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--child", choices=["plain", "measured"])
    given = parser.parse_args()
    keep_freed_memory()  # as `ropescope measure` does; the plain pass has it too
    if given.child:
        peak(
            given.source, given.memory_length, given.child == "measured", given.device, given.dtype, given.memory_length
        )
        return
    weights = load(given.source, dtype=given.dtype, device=given.device)
    network = weights.network
    print(f"weights in {weights.dtype} ({weights.dtype_reason})")
    for length in map(int, given.lengths.split(",")):
        time_ratio(network, length, given.pairs if length <= 4096 else max(5, given.pairs // 2))
    if given.memory_length:
        memory_ratio(given.source, given.memory_length, given.device, given.dtype)


if __name__ == "__main__":
    main()
