"""Read many spoilt configs, safetensors files and GGUF files: no crash, no hang, no large allocation, no wrong number.

    PYTHONPATH=src python tests/fuzz/run.py [--count 100000] [--seed 0] [--kinds config safetensors gguf] [--keep FOLDER]

Each input may take a second of processor time, and the process 100 MB beyond what it had when it began. What fails is
kept, shown by its seed, and fails again with `--seed SEED --count 1`.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[1] / "support"))

import mutate
import seeds
import targets

SECONDS = 1.0
MEGABYTES = 100


def makers() -> dict[str, Callable[[Random], bytes]]:
    """For each kind, what makes an input from a source of chance."""
    configs, tensors, ggufs = seeds.configs(), seeds.safetensors_files(), seeds.gguf_files()
    return {
        "config": lambda random: mutate.as_json(mutate.spoil_json(random.choice(configs), configs, random), random),
        "safetensors": lambda random: mutate.spoil_bytes(random.choice(tensors), tensors, random, near=400),
        "gguf": lambda random: mutate.spoil_bytes(random.choice(ggufs), ggufs, random, near=3500),
    }


def target_of(kind: str) -> Callable[[bytes], bool]:
    """What reads a kind of input."""
    found: Callable[[bytes], bool] = getattr(targets, kind)
    return found


class Hang(Exception):
    """An input took more than its time."""


@contextmanager
def limits() -> Iterator[None]:
    """A bound on memory for the block, where the system tells how much there is in use; time is bounded by `timed`."""
    in_use = Path("/proc/self/statm")
    before = resource.getrlimit(resource.RLIMIT_AS)
    if in_use.exists():
        n_bytes = int(in_use.read_text().split()[0]) * resource.getpagesize() + (MEGABYTES << 20)
        resource.setrlimit(resource.RLIMIT_AS, (n_bytes, before[1]))

    def late(_signal: int, _frame: object) -> None:
        raise Hang

    handler = signal.signal(signal.SIGPROF, late)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
        signal.signal(signal.SIGPROF, handler)


def timed(target: Callable[[bytes], bool], data: bytes) -> tuple[bool, float]:
    """(whether the input was accepted, processor seconds). Raises what the target raises, and Hang."""
    started = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        return target(data), time.process_time() - started
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def main() -> int:
    """Run as told on the command line; the exit status is 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="*", default=["config", "safetensors", "gguf"])
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"))
    given = parser.parse_args()
    failed = 0
    made = makers()
    for kind in given.kinds:
        target = target_of(kind)
        for number in range(20):  # what is imported and cached at first use is no input's fault
            with contextlib.suppress(Exception):
                target(made[kind](Random(-1 - number)))
        failed += fuzz(kind, made[kind], target, range(given.seed, given.seed + given.count), given.keep)
    return 1 if failed else 0


def fuzz(
    kind: str, make: Callable[[Random], bytes], target: Callable[[bytes], bool], numbers: range, keep: Path
) -> int:
    """Read one input for each seed in `numbers` and print what came of it; gives the number of failures."""
    accepted, slowest, failures = 0, 0.0, Counter[str]()
    with limits():
        for number in numbers:
            data = make(Random(number))
            try:
                fine, seconds = timed(target, data)
            except Exception as error:
                failures[type(error).__name__] += 1
                if sum(failures.values()) <= 20:
                    keep.mkdir(exist_ok=True)
                    (keep / f"{kind}-{number}").write_bytes(data)
                    print(f"  {kind}, seed {number}: {type(error).__name__}: {str(error)[:200]}", flush=True)
                continue
            accepted += fine
            slowest = max(slowest, seconds)
            if fine and kind == "gguf" and number % 20 == 0:
                targets.gguf_against_the_package(data)
    refused = len(numbers) - accepted - sum(failures.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{kind}: {len(numbers):,} inputs, {accepted:,} accepted, {refused:,} refused, {sum(failures.values()):,} failed "
        f"{dict(failures) or ''}; slowest {1000 * slowest:.0f} ms of processor time, peak memory {peak:.0f} MB",
        flush=True,
    )
    return sum(failures.values())


if __name__ == "__main__":
    sys.exit(main())
