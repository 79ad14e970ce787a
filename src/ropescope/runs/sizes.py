"""What a task takes of a machine, by the memory that `fit` counts, and how many tasks a cluster does at one time."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from math import ceil, floor
from typing import Any, Final
from xml.etree import ElementTree

from ropescope.errors import RopescopeError
from ropescope.questions.inputs import from_values
from ropescope.questions.registry import find

_MIB: Final = 2**20
LEAST_SHARE: Final = 0.05
"""Of a GPU: more processes than twenty wait for one another."""


@dataclass(frozen=True, slots=True)
class Needs:
    """cpus: cores. gpus: GPUs, or the share of one. n_bytes: memory of the GPU or, without one, of the machine; None where it
    is not known."""

    cpus: int
    gpus: float
    n_bytes: int | None

    @property
    def options(self) -> dict[str, Any]:
        """As Ray takes them."""
        memory = {} if self.n_bytes is None or self.gpus else {"memory": self.n_bytes}
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, **memory}


def needs_of(ray: Any, inputs: Any, threads: int) -> Needs:
    """What one task on `inputs` takes: a share of a GPU where there is one and the inputs do not name the CPU."""
    nodes = [node for node in ray.nodes() if node["Alive"]]
    device = getattr(inputs, "device", None)
    gpu_nodes = [node for node in nodes if node["Resources"].get("GPU")]
    if gpu_nodes and device in (None, "cuda"):
        n_bytes = counted_bytes(inputs, on_cpu=False)
        held = [found for node in gpu_nodes if (found := _gpu_bytes(ray, node)) is not None]
        if n_bytes is None or not held:
            return Needs(threads, 1, n_bytes)
        share = min(1.0, max(LEAST_SHARE, ceil(100 * n_bytes / min(held)) / 100))
        return Needs(threads, 1 if share > 0.5 else share, n_bytes)  # two shares of more do not fit beside each other
    n_bytes = counted_bytes(inputs, on_cpu=True)
    largest = max((int(node["Resources"].get("memory", 0)) for node in nodes), default=0)
    return Needs(threads, 0, None if n_bytes is None or not largest else min(n_bytes, largest))


def slots(ray: Any, needs: Needs) -> int:
    """How many such tasks the machines of the cluster do at one time; at least one."""
    found = 0
    for node in ray.nodes():
        there = node["Resources"]
        if not node["Alive"]:
            continue
        fits = [there.get("CPU", 0) / needs.cpus]
        if needs.gpus:
            gpus = there.get("GPU", 0)
            fits.append(gpus * floor(1 / needs.gpus))
        elif needs.n_bytes:
            fits.append(there.get("memory", 0) / needs.n_bytes)
        found += int(min(fits))
    return max(1, found)


def counted_bytes(inputs: Any, *, on_cpu: bool) -> int | None:
    """The memory that `fit` counts for the model of `inputs` at its length; None where it names no model that `fit` reads."""
    source, dtype = getattr(inputs, "source", None), getattr(inputs, "dtype", "auto")
    length = getattr(inputs, "length", None) or getattr(inputs, "to", None)
    if not isinstance(source, str):
        return None
    precision = dtype if dtype != "auto" else "float32" if on_cpu else "stored"
    values = {"source": source, "gpu": "1TiB", "engine": "transformers", "precision": precision, "context": length,
              "revision": getattr(inputs, "revision", None)}  # fmt: skip
    fit = find("fit")
    try:
        return int(fit.ask(from_values(fit.inputs_type, values)).data["total_bytes"])
    except (RopescopeError, KeyError, TypeError):
        return None


def _gpu_bytes(ray: Any, node: Any) -> int | None:
    """The memory of the smallest GPU of a machine of the cluster, as its driver tells; None where that is not known."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    try:
        found = ray.get(ray.remote(smallest_gpu).options(num_cpus=0, scheduling_strategy=here).remote(), timeout=60)
    except ray.exceptions.RayError:
        return None
    return None if found is None else int(found)


def smallest_gpu() -> int | None:
    """Bytes of the smallest GPU of this machine."""
    try:
        told = subprocess.run(
            ["nvidia-smi", "-q", "-x", "-d", "MEMORY"], capture_output=True, check=True, timeout=30
        ).stdout
        totals = [gpu.findtext("fb_memory_usage/total", "") for gpu in ElementTree.fromstring(told).iter("gpu")]
        return min(int(total.partition(" MiB")[0]) for total in totals) * _MIB
    except (OSError, ValueError, ElementTree.ParseError, subprocess.SubprocessError):
        return None
