"""Devices: those that are known by name, with the source and date of each figure."""

from __future__ import annotations

from dataclasses import dataclass

from ropescope.checks.serving.devices.device import GIB, devices
from ropescope.questions.question import Run
from ropescope.report.report import Column, Report, Table


@dataclass(frozen=True, kw_only=True)
class DevicesInputs:
    """Nothing: all of them."""


def answer(inputs: DevicesInputs, run: Run) -> Report:
    """The devices that are known by name."""
    return devices_report()


def devices_report() -> Report:
    """The table of devices, with the source and date of each row."""
    rows = tuple(
        (
            one.name,
            one.memory_bytes / GIB,
            None if one.bandwidth is None else one.bandwidth / 1e9,
            *(None if kind not in one.peaks else one.peaks[kind] / 1e12 for kind in ("bf16", "fp8", "fp4")),
            one.date,
            one.source,
        )
        for one in devices()
    )
    columns = (
        Column("device"),
        Column("memory", "GiB", ".1f"),
        Column("bandwidth", "GB/s", ",.0f"),
        Column("16 bits", "TFLOPS"),
        Column("8 bits", "TFLOPS"),
        Column("4 bits", "TFLOPS"),
        Column("date"),
        Column("source"),
    )
    note = (
        "Memory is what the driver reports, where it is known, and of memory shared with the CPU what the GPU may use by "
        "default; compute is dense, never with sparsity. "
        "Other devices: `gpu` 24GiB with `bandwidth` 500. `gpu` this: what this machine has."
    )
    return Report(
        "Known devices",
        f"{len(rows)} devices are known by name; any other is given by its memory and bandwidth.",
        tables=(Table("Devices", columns, rows, note),),
        data={"devices": [dict(zip((column.name for column in columns), row, strict=True)) for row in rows]},
    )
