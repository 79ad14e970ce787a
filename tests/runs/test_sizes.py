"""What a task takes of a machine, and how many tasks a cluster does at one time."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import ropescope.runs.sizes as sizes
from ropescope.measure.asking import MeasureInputs
from ropescope.runs.sizes import Needs, counted_bytes, needs_of, slots

GIB = 2**30


def cluster(*machines: dict[str, float]) -> Any:
    """What Ray says of its machines."""
    nodes = [{"Alive": True, "NodeID": str(i), "Resources": machine} for i, machine in enumerate(machines)]
    return SimpleNamespace(nodes=lambda: [*nodes, {"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}}])


@pytest.mark.parametrize(("gib", "share", "at_once"), [(1, 0.05, 60), (8, 0.2, 15), (25, 1, 3), (90, 1, 3)])
def test_a_gpu_is_shared_by_its_memory(gib: int, share: float, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The smallest GPU has 40 GiB; two tasks of more than half do not fit beside each other."""
    there = cluster({"CPU": 64, "GPU": 2, "memory": GIB}, {"CPU": 32, "GPU": 1}, {"CPU": 8})
    monkeypatch.setattr(sizes, "_gpu_bytes", lambda ray, node: {"0": 80 * GIB, "1": 40 * GIB}[node["NodeID"]])
    monkeypatch.setattr(sizes, "counted_bytes", lambda inputs, on_cpu: gib * GIB)
    needs = needs_of(there, SimpleNamespace(device=None), 1)
    assert needs.gpus == share and "memory" not in needs.options and slots(there, needs) == at_once
    on_cpu = needs_of(there, SimpleNamespace(device="cpu"), 1)
    assert on_cpu.gpus == 0 and on_cpu.options["memory"] == GIB  # no machine has more


def test_without_a_gpu_cores_and_memory_decide() -> None:
    there = cluster({"CPU": 8, "memory": 32 * GIB}, {"CPU": 2, "memory": 64 * GIB})
    assert slots(there, Needs(1, 0, None)) == 10 and slots(there, Needs(2, 0, None)) == 5
    assert slots(there, Needs(1, 0, 10 * GIB)) == 3 + 2 and slots(there, Needs(16, 0, None)) == 1


def test_the_memory_is_what_fit_counts(tiny_folder: Path) -> None:
    inputs = MeasureInputs(source=str(tiny_folder), length=128)
    on_cpu, on_gpu = counted_bytes(inputs, on_cpu=True), counted_bytes(inputs, on_cpu=False)
    weights = (tiny_folder / "model.safetensors").stat().st_size
    assert on_cpu is not None and on_cpu > weights and on_gpu is not None and on_gpu <= on_cpu
    assert counted_bytes(MeasureInputs(source="none/such-model-at-all"), on_cpu=True) is None
    assert counted_bytes(SimpleNamespace(n=3), on_cpu=True) is None
