"""What sharing work on Ray costs: fixed costs, overhead a piece, and how much faster two workers are than one.

    python benchmarks/fleet.py waits [--pieces 40] [--milliseconds 250]
    python benchmarks/fleet.py prompts [SOURCE] [--length 512] [--prompts 12] [--record benchmarks/fleet_times.json]

`waits` has pieces that wait and compute nothing, so other work on the machine hardly disturbs it: what is left is the runner.
`prompts` measures a model in one process and then with one and two workers, one thread each, and compares the numbers. Its
seconds tell something only where both cores are free, so the load of the machine is printed beside them; the processor time
of the workers tells what the runner adds on a busy machine, too. --record keeps the times that `fleet_simulation.py` reads.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import ray

from ropescope.measure.answering import measured
from ropescope.measure.asking import MeasureInputs
from ropescope.questions.domains import Whole
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import Output
from ropescope.questions.question import Run
from ropescope.questions.shared import OnCluster, Resumable
from ropescope.runs.job import Piece, run_job
from ropescope.runs.journal import Journal
from ropescope.runs.where import carry_out


@dataclass(frozen=True, kw_only=True)
class WaitInputs(OnCluster, Resumable):
    """How many pieces wait, and how long. log: a folder in which each leaves when it began and ended."""

    pieces: int = asked(Whole(1, 10**6), "Pieces.", default=40)
    milliseconds: int = asked(Whole(0, 10**6), "Of each.", default=250)
    log: Path = asked(Output(), "A folder.")


@dataclass
class Waited:
    """That all have waited."""

    partial: bool


@dataclass
class Waits:
    """Pieces that wait."""

    inputs: WaitInputs
    name = "waits"

    @property
    def identity(self) -> dict[str, Any]:
        return {"log": str(self.inputs.log)}

    @property
    def pieces(self) -> list[Piece]:
        return [Piece(f"wait-{index:04d}", {}) for index in range(self.inputs.pieces)]

    def do(self, piece: Piece) -> int | None:
        began = time.time()
        time.sleep(self.inputs.milliseconds / 1000)
        (self.inputs.log / f"{piece.name} {os.getpid()}").write_text(f"{began} {time.time()}")
        return 0

    def result(self, journal: Journal) -> Waited:
        return Waited(any(journal.finished(piece.name) is None for piece in self.pieces))


def wait(inputs: WaitInputs, run: Run) -> bool:
    """Wait for all pieces."""
    return run_job(Waits(inputs), resume=inputs.resume, progress=run.progress).result.partial


def started(workers: int) -> float:
    """Start Ray with so many workers; the seconds that it took."""
    began = time.time()
    ray.init(address="local", num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level="ERROR",
             _node_ip_address="127.0.0.1", object_store_memory=512 * 2**20)  # fmt: skip
    return time.time() - began


def waits(pieces: int, milliseconds: int) -> None:
    """Print the costs of a run whose pieces wait."""
    print(f"{pieces} pieces of {milliseconds} ms; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(
        "workers | Ray starts [s] | first piece after [s] | all pieces [s] | overhead a piece [ms] | efficiency | end [s]"
    )
    ideal = milliseconds / 1000 * pieces
    for workers in (0, 1, 2):
        with tempfile.TemporaryDirectory() as folder:
            inputs = WaitInputs(
                pieces=pieces, milliseconds=milliseconds, log=Path(folder), on="ray" if workers else None
            )
            start = started(workers) if workers else 0.0
            began = time.time()
            carry_out(wait, inputs, Run(), pieces=pieces)
            ended = time.time()
            times = [tuple(map(float, path.read_text().split())) for path in Path(folder).iterdir()]
            ray.shutdown()
        first, last = min(low for low, _ in times), max(high for _, high in times)
        n = max(1, workers)
        slept = statistics.fmean(high - low for low, high in times)
        overhead = ((last - first) * n - slept * pieces) / pieces
        print(
            f"{workers or 'here'} | {start:.1f} | {first - began:.1f} | {last - first:.2f} | {1000 * overhead:.1f} | "
            f"{ideal / n / (last - first):.1%} | {ended - last:.2f}",
            flush=True,
        )


def processor_seconds() -> tuple[float, float]:
    """The processor time so far of the workers of this machine, and of Ray's other processes."""
    working = beside = 0.0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            times = process.cpu_times()
            if process.cmdline()[:1] and process.cmdline()[0].startswith(("ray::carry_out", "ray::IDLE")):
                working += times.user + times.system
            else:
                beside += times.user + times.system
    return working, beside


def prompts(inputs: MeasureInputs, record: Path | None) -> None:
    """Print the times of a measurement in one process, and on one and two workers."""
    import torch

    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    found: dict[str, Any] = {}
    print("workers | seconds | processor: pieces [s] | processor: Ray beside [s] | load")
    whole: list[Any] = []
    for workers in (0, 1, 2):
        if workers:
            started(workers)
        marks: list[tuple[str, float]] = []

        class Timed(Run):
            def say(self, line: str) -> None:
                marks.append((line, time.time()))  # noqa: B023 - it is used within this turn

        began, before = time.time(), time.process_time()
        on = "ray" if workers else None
        value = carry_out(measured, replace(inputs, on=on), Timed(), pieces=inputs.prompts).value
        seconds, own = time.time() - began, time.process_time() - before
        working, beside = processor_seconds() if workers else (own, 0.0)
        ray.shutdown()
        whole.append(value.profile.mass)
        print(
            f"{workers or 'here'} | {seconds:.1f} | {working:.1f} | {beside + (own if workers else 0):.1f} | "
            f"{os.getloadavg()[0]:.1f}",
            flush=True,
        )
        if not workers:
            load = next(at for line, at in marks if line.startswith("Reading")) - marks[0][1]
            found = {
                "source": inputs.source,
                "length": inputs.length,
                "load_seconds": round(load, 2),
                "prompt_seconds": _each(value),
            }
        value.discard_journal()
    print("equal to the last bit:", all((one == whole[0]).all() for one in whole[1:]))
    if record is not None:
        record.write_text(json.dumps(found, indent=1) + "\n")


def _each(value: Any) -> list[float]:
    from ropescope.measure.session import journal_of

    folder = journal_of(value.profile).folder
    kept = [json.loads(path.read_text())["data"] for path in sorted(folder.glob("prompt-*.json"))]
    return [round(one["seconds"], 3) for one in kept]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_subparsers(dest="which", required=True)
    first = which.add_parser("waits")
    first.add_argument("--pieces", type=int, default=40)
    first.add_argument("--milliseconds", type=int, default=250)
    second = which.add_parser("prompts")
    second.add_argument("source", nargs="?", default="smollm2")
    second.add_argument("--length", type=int, default=512)
    second.add_argument("--prompts", type=int, default=12)
    second.add_argument("--record", type=Path)
    given = parser.parse_args(arguments)
    if given.which == "waits":
        waits(given.pieces, given.milliseconds)
    else:
        inputs = MeasureInputs(source=given.source, length=given.length, prompts=given.prompts, dtype="float32")
        prompts(inputs, given.record)


if __name__ == "__main__":
    # A worker finds functions by the name of their module.
    sys.path.insert(0, str(Path(__file__).parent))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    import fleet

    fleet.main()
