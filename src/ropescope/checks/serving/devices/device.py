"""Devices: what a GPU holds and how fast it is, as its vendor states it, with the source and date of each figure.

Memory comes in two units that are never mixed here. A card sold as "24 GB" carries 24 GiB of chips, of which its driver
hands out a little less (24,564 MiB on an RTX 4090); where the driver's figure is known it is the one used.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Final

from ropescope.checks.serving.devices.names import nearest, row_named, rows_named
from ropescope.errors import DomainError, InputError
from ropescope.questions.numbers import GIB as GIB
from ropescope.questions.numbers import UNITS
from ropescope.report.report import Basis

GB: Final = 10**9

_SIZE: Final = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s*(mib|mb|gib|gb|gi|g|tib|tb|)", re.IGNORECASE)
LARGEST_BARE: Final = 1024
"""A number without a unit above this is a model number that is not in the table, not a size in GiB."""

_SHARE: Final = re.compile(r"\d+% of the memory")
"""How the note of a device begins whose GPU may use a share of the memory that it has together with the CPU."""

_MOST: Final = 1e9
"""What is above this, in GB/s or TFLOPS, is no device: a step would take no time."""

PEAKS: Final = ("bf16", "fp8", "fp4", "int8")
"""Number types whose peak a device may state: dense matrix products, never the figures "with sparsity"."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device. `memory_bytes` is what programs may use; `bandwidth` in bytes a second (None: not known); `peaks`
    maps a number type of `PEAKS` to dense operations a second, where the vendor states it.

    `vendor` is "nvidia", "amd", "intel", "apple" or "cpu" ("": not known, as for a bare memory size). `capability` is
    NVIDIA's compute capability ("8.9", developer.nvidia.com/cuda-gpus) or AMD's target ("gfx942", the table of GPU
    specifications in ROCm's documentation); "" where there is none. `bandwidth_source` says where a bandwidth is from
    that is not the vendor's; `detected`, in a sentence, what told that this machine has the device.
    """

    name: str
    memory_bytes: int
    memory_basis: Basis = "published"
    memory_source: str = ""
    bandwidth: float | None = None
    peaks: Mapping[str, float] = field(default_factory=dict, hash=False)
    interconnect: str = ""
    source: str = ""
    date: str = ""
    note: str = ""
    vendor: str = ""
    capability: str = ""
    bandwidth_basis: Basis = "published"
    bandwidth_source: str = ""
    detected: str = ""

    @property
    def compute(self) -> tuple[int, int] | None:
        """NVIDIA's compute capability as numbers, (8, 9) for 8.9; None for other devices and where it is not known."""
        if self.vendor != "nvidia" or not self.capability:
            return None
        major, minor = self.capability.split(".")
        return int(major), int(minor)

    def peak(self, kind: str) -> float | None:
        """The dense operations a second in `kind`; 16-bit ones where the device has no such units of its own."""
        return self.peaks.get(kind, self.peaks.get("bf16"))


@cache
def devices() -> tuple[Device, ...]:
    """The devices of the shipped table, in its order."""
    return tuple(_device(row) for row in _rows())


def find_device(text: str, *, bandwidth_gb_s: float | None = None, tflops: float | None = None) -> Device:
    """The device that `text` names, or one made of a memory size: `24GiB`, `24GB` (24·10⁹ bytes) or `24` (24 GiB).

    `bandwidth_gb_s` (10⁹ bytes a second) and `tflops` (dense 16-bit) stand in for the table's figures. Raises
    DomainError for a name that is not in the table (with the nearest names), one that several devices share, a part of a
    device, and numbers that are not positive.
    """
    found = device_named(text)
    if found is None:
        found = _sized(text)
    return with_given(found, bandwidth_gb_s, tflops)


def with_given(device: Device, bandwidth_gb_s: float | None, tflops: float | None) -> Device:
    """`device` with the bandwidth (10⁹ bytes a second) and dense 16-bit TFLOPS that a user gives. Raises DomainError for
    numbers that are not positive, or endless."""
    for name, value in (("`bandwidth`", bandwidth_gb_s), ("`tflops`", tflops)):
        if value is not None and not 0 < value <= _MOST:
            raise DomainError(f"{name} is {value:g}: give a number above 0, and at most {_MOST:g}.")
    if bandwidth_gb_s is not None:
        device = replace(
            device, bandwidth=bandwidth_gb_s * GB, bandwidth_basis="assumed", bandwidth_source="given as `bandwidth`"
        )
    return device if tflops is None else replace(device, peaks={"bf16": tflops * 1e12})


def device_named(text: str) -> Device | None:
    """The device of the table that `text` names; None where nothing is called so. Raises DomainError as `row_named`."""
    row = row_named(text, _rows())
    return None if row is None else _device(row)


def devices_named(text: str) -> tuple[Device, ...]:
    """Every device of the table that `text` may name: both sizes of `3080`; none where nothing is called so."""
    return tuple(map(_device, rows_named(text, _rows())))


def _sized(text: str) -> Device:
    match = _SIZE.fullmatch(text.strip())
    if match is None or (not match.group(2) and float(match.group(1)) > LARGEST_BARE):
        near = nearest(text, _rows())
        hint = f" The nearest are {', '.join(near)}." if near else ""
        raise InputError(
            "gpu", f"No device is called {text!r}.{hint} Give a name that `devices` lists, or its memory, as 24GiB."
        )
    amount, unit = float(match.group(1)), match.group(2).lower()
    n_bytes = int(amount * {"": GIB, **UNITS}[unit])
    if n_bytes < 1:
        raise DomainError(f"`gpu` {text} has no memory: give a number above 0.")
    note = "" if unit else "A bare number is read as GiB: a card sold as 24 GB carries 24 GiB."
    if unit in ("g", "gb"):
        note = f"{text} is {n_bytes / GIB:.4g} GiB. A card sold as {amount:g} GB carries about {amount:g} GiB."
    return Device(f"device of {text.strip()}", n_bytes, "assumed", "given", note=note)


def _device(row: Mapping[str, str]) -> Device:
    told, note = row["usable_mib"] != "", row["note"]
    mib = float(row["usable_mib"]) if told else float(row["vendor_gb"]) * 1024
    source = f"{row['usable_mib']} MiB as the driver reports them" if told else f"{row['vendor_gb']} GB read as GiB"
    if row["interconnect"] == "unified memory":
        source, _, note = note.partition("; ")
    peaks = {kind: float(row[kind]) * 1e12 for kind in PEAKS if row[kind]}
    return Device(
        row["name"],
        int(mib * 2**20),
        "published" if told and not _SHARE.match(source) else "assumed",
        source,
        float(row["bandwidth_gb_s"]) * GB if row["bandwidth_gb_s"] else None,
        peaks,
        row["interconnect"],
        row["source"],
        row["date"],
        note,
        row["vendor"],
        row["capability"],
    )


@cache
def _rows() -> tuple[dict[str, str], ...]:
    text = files("ropescope.checks.serving.devices").joinpath("devices.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))
