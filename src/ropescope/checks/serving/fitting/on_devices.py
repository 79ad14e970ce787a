"""Several devices in words: which they are, how layers are dealt out to them, and what each holds."""

from __future__ import annotations

from typing import Any, Final

from ropescope.checks.serving.devices.device import GIB
from ropescope.checks.serving.devices.lists import listed
from ropescope.checks.serving.memory.demand import OnDevice, each_device, fullest
from ropescope.checks.serving.serving import Serving
from ropescope.report.report import Column, Table

MOST_SHOWN: Final = 16


def on_devices(serving: Serving) -> str:
    """`one RTX 4090`, `4 × H200`, `RTX 3090 + RTX 4080`."""
    if serving.unequal:
        return listed(serving.unequal)
    return f"one {serving.device.name}" if serving.count == 1 else f"{serving.count} × {serving.device.name}"


def on_each(serving: Serving) -> str:
    """What follows a number of bytes that one of the devices holds: "", " each", " on the RTX 4080"."""
    if serving.unequal and serving.deals_layers:
        return f" on the {fullest(serving).device.name}"
    return "" if serving.count == 1 else " each"


def dealt_remarks(serving: Serving) -> tuple[str, ...]:
    """How the engine shares the model over unequal devices, and what of it is not counted."""
    name, several = serving.engine.name, serving.unequal
    if not several:
        return ()
    if not serving.deals_layers:
        least = min(several, key=lambda one: one.memory_bytes).name
        said = f"{name} gives every device the same: each is counted as the {least}, and the slowest sets the pace."
        if name == "vllm" and serving.split.pipeline > 1:
            said += " VLLM_PP_LAYER_PARTITION can give a stage more layers than another; that is not counted."
        return (said,)
    layers = ", ".join(f"{_slots(serving, one)} to {one.device.name}" for one in each_device(serving))
    said = f"Layers are counted as dealt in this order: {layers}."
    if name == "llama.cpp":
        said += " Give the devices in the order in which llama-server --list-devices shows them."
    elif name == "ollama":
        said += " Ollama deals layers by a rule of its own, which is not counted: ollama ps shows what it did."
    else:
        said += ' device_map="auto" deals them so, by the weights alone; max_memory changes it.'
    vendors = {device.vendor for device in several if device.vendor}
    return (said, *(("Devices of several vendors need a Vulkan build of llama.cpp.",) if len(vendors) > 1 else ()))


def device_table(serving: Serving) -> Table | None:
    """What each device holds, where whole layers are dealt out to several."""
    if not serving.deals_layers or serving.count > MOST_SHOWN:
        return None
    columns = (
        Column("device"),
        Column("layers"),
        Column("weights", "GiB", ",.1f"),
        Column("cache", "GiB", ",.1f"),
        Column("total", "GiB", ",.1f"),
        Column("may be used", "GiB", ",.1f"),
        Column("to spare", "GiB", ",.1f"),
    )
    rows = tuple(
        (
            one.device.name,
            _slots(serving, one),
            one.demand.weights.n_bytes / GIB,
            one.demand.cache.n_bytes / GIB,
            one.demand.total / GIB,
            one.budget.n_bytes / GIB,
            one.spare_bytes / GIB,
        )
        for one in each_device(serving)
    )
    return Table("Each device holds", columns, rows)


def device_data(serving: Serving) -> list[dict[str, Any]]:
    """The devices one by one; where whole layers are dealt out, with what each holds."""
    named = [
        {"device": one.name, "memory_bytes": one.memory_bytes, "bandwidth_bytes_per_second": one.bandwidth}
        for one in serving.devices
    ]
    if not serving.deals_layers:
        return named
    return [
        known
        | {
            "layers": len(_layers(serving, one)),
            "output": len(serving.model.layers) in one.slots,
            "bytes": {part.name: part.n_bytes for part in one.demand.parts},
            "total_bytes": one.demand.total,
            "budget_bytes": one.budget.n_bytes,
            "spare_bytes": one.spare_bytes,
        }
        for known, one in zip(named, each_device(serving), strict=True)
    ]


def _layers(serving: Serving, one: OnDevice) -> range:
    return range(one.slots.start, min(one.slots.stop, len(serving.model.layers)))


def _slots(serving: Serving, one: OnDevice) -> str:
    """`17 layers`, `15 layers and the output`."""
    n, output = len(_layers(serving, one)), len(serving.model.layers) in one.slots
    layers = f"{n} layer{'' if n == 1 else 's'}"
    return (f"{layers} and the output" if n else "the output") if output else layers
