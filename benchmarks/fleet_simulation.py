"""How long a fleet takes: 1,000 models × 50 prompts on 64 GPUs, on paper and in a simulation of the scheduler.

    python benchmarks/fleet_simulation.py [--models 1000] [--prompts 50] [--gpus 64] [--times benchmarks/fleet_times.json]

On paper: the seconds of all tasks, added and divided by the GPUs. The simulation plays what `ropescope.runs.on_ray` does: a
task a model, a share of a GPU by memory, tasks in the order in which models were named, a process that ends with its task.
Tasks go through phases (start, load, prompts, result): loads share the bandwidth of the storage, prompts on one GPU share its
compute. How much prompts of one model differ is taken from recorded times; workers are killed at random and start again,
without the prompts that were finished.

Assumptions, each an option: sizes of models, log-uniform between --smallest and --largest parameters in 16 bits; --flops a
second of a GPU in a prefill, times --instrument for reading rows; --gpu-bytes and --overhead-bytes of memory; --start seconds
until a process has loaded torch and opened the GPU; --disk bytes a second of one process and --storage of all; --result
seconds for the numbers of a model; --deaths of a worker an hour.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Assumed:
    """What a machine does."""

    gpus: int
    gpu_bytes: float
    overhead_bytes: float
    flops: float
    instrument: float
    start: float
    disk: float
    storage: float
    result: float
    deaths: float
    length: int
    least_prompt: float


@dataclass
class Task:
    """One model. left: what is left of the phase, in its unit; prompts: seconds of each on a GPU of its own."""

    n_bytes: float
    share: float
    prompts: list[float]
    phase: int = 0
    left: float = 0.0
    done: int = 0
    gpu: int = -1
    dies_at: float = math.inf
    lost: float = 0.0


START, LOAD, COMPUTE, RESULT = range(4)


def tasks_of(
    assumed: Assumed, models: int, n_prompts: int, spread: Sequence[float], smallest: float, largest: float, seed: int
) -> list[Task]:
    """The tasks, in the order in which models were named: at random."""
    draw = random.Random(seed)
    made = []
    for _ in range(models):
        parameters = math.exp(draw.uniform(math.log(smallest), math.log(largest)))
        once = 2 * parameters * assumed.length / assumed.flops * assumed.instrument
        prompts = [max(assumed.least_prompt, once) * draw.choice(spread) for _ in range(n_prompts)]
        needed = (2 * parameters * 1.1 + assumed.overhead_bytes) / assumed.gpu_bytes
        share = min(1.0, max(0.05, math.ceil(100 * needed) / 100))
        made.append(Task(2 * parameters, 1.0 if share > 0.5 else share, prompts))
    return made


def alone(task: Task, assumed: Assumed) -> float:
    """Its seconds with a GPU and the storage to itself."""
    return assumed.start + task.n_bytes / assumed.disk + sum(task.prompts) + assumed.result


@dataclass
class Fleet:
    """GPUs, and the tasks on them."""

    assumed: Assumed
    seed: int = 0
    now: float = 0.0
    running: list[Task] = field(default_factory=list)
    killed: int = 0
    redone: float = 0.0
    busy: float = 0.0

    def run(self, waiting: list[Task]) -> float:
        """Do all tasks; the seconds until the last has ended."""
        waiting = list(reversed(waiting))
        free = [1.0] * self.assumed.gpus
        draw = random.Random(self.seed)
        while waiting or self.running:
            while waiting:
                room = [gpu for gpu in range(len(free)) if free[gpu] >= waiting[-1].share - 1e-9]
                if not room:
                    break
                task = waiting.pop()
                task.gpu = max(room, key=lambda gpu: free[gpu])  # spread over machines
                free[task.gpu] -= task.share
                self._begin(task, draw)
                self.running.append(task)
            rates = self._rates()
            step = min(
                min(task.left / rate, task.dies_at - self.now) for task, rate in zip(self.running, rates, strict=True)
            )
            self.now += step
            self.busy += step * len({task.gpu for task in self.running if task.phase == COMPUTE})
            still = []
            for task, rate in zip(self.running, rates, strict=True):
                task.left -= step * rate
                if task.dies_at <= self.now + 1e-9:
                    self.killed += 1
                    self.redone += task.prompts[task.done] - task.left if task.phase == COMPUTE else 0.0
                    self._begin(task, draw)
                elif task.left <= 1e-9 and self._next(task):
                    free[task.gpu] += task.share
                    continue
                still.append(task)
            self.running = still
        return self.now

    def _begin(self, task: Task, draw: random.Random) -> None:
        task.phase, task.left = START, self.assumed.start
        task.dies_at = self.now + draw.expovariate(self.assumed.deaths / 3600) if self.assumed.deaths else math.inf

    def _next(self, task: Task) -> bool:
        """Go on to the next phase or prompt; whether that was the last."""
        if task.phase == COMPUTE:
            task.done += 1
        if task.phase == START:
            task.phase, task.left = LOAD, task.n_bytes
        elif task.phase in (LOAD, COMPUTE) and task.done < len(task.prompts):
            task.phase, task.left = COMPUTE, task.prompts[task.done]
        elif task.phase in (LOAD, COMPUTE):
            task.phase, task.left = RESULT, self.assumed.result
        else:
            return True
        return False

    def _rates(self) -> list[float]:
        loading = sum(task.phase == LOAD for task in self.running)
        computing: dict[int, int] = {}
        for task in self.running:
            if task.phase == COMPUTE:
                computing[task.gpu] = computing.get(task.gpu, 0) + 1
        found = []
        for task in self.running:
            if task.phase == LOAD:
                found.append(min(self.assumed.disk, self.assumed.storage / loading))
            else:
                found.append(1 / computing[task.gpu] if task.phase == COMPUTE else 1.0)
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--prompts", type=int, default=50)
    parser.add_argument("--times", type=Path, default=Path(__file__).with_name("fleet_times.json"))
    parser.add_argument("--smallest", type=float, default=1e8)
    parser.add_argument("--largest", type=float, default=3e10)
    parser.add_argument("--seed", type=int, default=0)
    for name, value, told in (
        ("gpus", 64, ""), ("gpu-bytes", 80e9, ""), ("overhead-bytes", 2e9, "activations and the runtime"),
        ("flops", 1e14, "of a prefill"), ("instrument", 1.3, "times a plain prefill"), ("start", 15, "seconds of a process"),
        ("disk", 1e9, "bytes a second of one process"), ("storage", 1e10, "bytes a second of all"),
        ("result", 3, "seconds"), ("deaths", 0.05, "of a worker an hour"), ("length", 2048, "tokens"),
        ("least-prompt", 0.15, "seconds, where a network is small"),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=type(value), default=value, help=f"{told} [{value:g}]".strip())
    given = vars(parser.parse_args())
    assumed = Assumed(**{name: given[name] for name in Assumed.__dataclass_fields__})
    recorded = json.loads(given["times"].read_text())["prompt_seconds"]
    spread = [seconds / statistics.fmean(recorded) for seconds in recorded]

    def made() -> list[Task]:
        return tasks_of(
            assumed, given["models"], given["prompts"], spread, given["smallest"], given["largest"], given["seed"]
        )

    tasks = made()
    total = sum(alone(task, assumed) for task in tasks)
    prompts = sum(sum(task.prompts) for task in tasks)
    stored = sum(task.n_bytes for task in tasks)
    largest = max(alone(task, assumed) for task in tasks)
    print(f"{len(tasks)} models × {given['prompts']} prompts of {assumed.length} tokens on {assumed.gpus} GPUs")
    print(f"seconds of the prompts of one model differ by {statistics.stdev(spread):.0%} ({given['times'].name})")
    print(f"GPU hours: {total / 3600:.1f}, of them prompts {prompts / 3600:.1f}; {stored / 1e12:.1f} TB read")
    each = (total / assumed.gpus, stored / assumed.storage, largest)
    said = ("by GPUs", "by storage", "for the longest model")
    print("on paper: " + ", ".join(f"{seconds / 60:.1f} min {what}" for seconds, what in zip(each, said, strict=True)))
    paper = max(each)
    print("order | GPU shares | workers killed | minutes | of the estimate on paper | GPUs computing")
    for order in ("as named", "largest first"):
        for shares in (True, False):
            for deaths in (0.0, assumed.deaths):
                tasks = made()
                if order == "largest first":
                    tasks.sort(key=lambda task: -alone(task, assumed))
                if not shares:
                    for task in tasks:
                        task.share = 1.0
                fleet = Fleet(Assumed(**{**vars(assumed), "deaths": deaths}), seed=given["seed"])
                seconds = fleet.run(tasks)
                print(
                    f"{order} | {'by memory' if shares else 'one task a GPU'} | {fleet.killed} | {seconds / 60:.1f} | "
                    f"{seconds / paper:.2f} | {fleet.busy / seconds / assumed.gpus:.0%}"
                )


if __name__ == "__main__":
    main()
