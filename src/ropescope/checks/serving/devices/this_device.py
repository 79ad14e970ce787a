"""`--gpu this`: the device of this machine, with the memory its driver reports and the bandwidth and peaks of the table.

A CPU's bandwidth is measured, and only where a question needs it. A device that is not in the table keeps its name: its memory
is known, its bandwidth is not.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Final

from ropescope.checks.serving.devices.device import GIB, Device, device_named
from ropescope.errors import DomainError
from ropescope.report.report import Basis

if TYPE_CHECKING:
    from ropescope.checks.serving.devices.smi_outputs import Found
    from ropescope.checks.serving.devices.this_machine import Machine

THIS: Final = "this"
_SMALL_MAC: Final = 32 * GIB
_METAL_SMALL, _METAL = 2 / 3, 3 / 4
"""What Metal gives of a Mac's memory up to 32 GB and beyond, unless an administrator set it: 10.67 GiB of 16 in
github.com/exo-explore/exo/pull/1672 (2026-03); beyond as in the table of devices. Later macOS gives more."""


def is_this(text: str) -> bool:
    """Whether `text` asks for this machine."""
    return text.strip().lower() == THIS


def this_device(*, needs_bandwidth: bool = False) -> tuple[Device, int]:
    """(the device of this machine, how many of them it has). Raises DomainError as `this_machine`."""
    from ropescope.checks.serving.devices.this_machine import this_machine

    machine = this_machine()
    device = device_of(machine)
    if device.vendor == "cpu" and needs_bandwidth:
        found = machine.devices[0].free_bytes
        from ropescope.checks.serving.devices.copy_bandwidth import measured_copy

        copy = measured_copy(device.memory_bytes if found is None else found)
        if copy is not None:
            busy = (
                f", while other programs ran ({copy.load:.1f} on average): a quiet machine does more"
                if copy.disturbed
                else ""
            )
            device = replace(
                device, bandwidth=copy.bytes_per_second, bandwidth_basis="measured", bandwidth_source=f"{copy}{busy}"
            )
    return device, len(machine.devices)


def require_there(count: int, machine_has: int, device: Device) -> None:
    """Raise DomainError for more devices than this machine has."""
    if count > machine_has:
        raise DomainError(
            f"`gpu` this: {count} devices are asked for, and this machine has {machine_has} ({device.name}): ask for fewer, or "
            "name the device to plan for more."
        )


def device_of(machine: Machine) -> Device:
    """The device of `machine`, whose devices are all alike."""
    one, told = machine.devices[0], _told(machine)
    row = _row(one)
    memory, basis, source = _memory(one, row, machine.told_by)
    if row is not None:
        return replace(
            row,
            memory_bytes=memory,
            memory_basis=basis,
            memory_source=source,
            capability=one.capability or row.capability,
            detected=told,
        )
    if one.vendor != "cpu":
        told += " It is not in the table of devices, so its bandwidth and peaks are not known."
    return Device(one.name, memory, basis, source, vendor=one.vendor, capability=one.capability, detected=told)


def _memory(one: Found, row: Device | None, program: str) -> tuple[int, Basis, str]:
    """(bytes that programs may use, their basis, their source)."""
    assert one.memory_bytes is not None
    if one.vendor == "apple":
        if one.usable_bytes is not None:
            return one.usable_bytes, "measured", "iogpu.wired_limit_mb, as sysctl tells"
        if row is not None:
            return row.memory_bytes, row.memory_basis, row.memory_source
        share, words = (_METAL_SMALL, "two thirds") if one.memory_bytes <= _SMALL_MAC else (_METAL, "75%")
        return int(one.memory_bytes * share), "assumed", f"{words} of the memory: what Metal gives by default"
    if one.vendor == "cpu":
        return (
            one.memory_bytes,
            "measured",
            f"the machine's, as {program} tells; no more than the control group may have",
        )
    if one.shared:
        return (
            one.memory_bytes,
            "measured",
            f"the machine's, which the device shares: {program} tells of none of its own",
        )
    return one.memory_bytes, "measured", f"{one.memory_bytes // 2**20:,} MiB, as {program} tells"


def _row(one: Found) -> Device | None:
    """The device of the table that has this name and about this memory; None where there is none, or it may be several."""
    if one.vendor == "cpu" or one.memory_bytes is None:
        return None
    gib = one.memory_bytes / GIB
    # A card sold with 24 GB hands out 22.5 GiB and more; a Mac is sold with what it has.
    sizes = [round(gib)] if one.vendor == "apple" else range(ceil(gib), ceil(gib / 0.92) + 1)
    for name in (one.name, *(f"{one.name} {size}GB" for size in sizes)):
        try:
            found = device_named(name)
        except DomainError:
            continue
        if found is not None and found.vendor == one.vendor and _as_large(one, found):
            return found
    return None


def _as_large(one: Found, row: Device) -> bool:
    """Whether the memory is that of the row: not of another size of that name, a part of it, or a rebuilt card."""
    assert one.memory_bytes is not None
    if one.vendor == "apple":
        return f" {round(one.memory_bytes / GIB)}GB" in row.name
    return one.shared or 0.9 <= one.memory_bytes / row.memory_bytes <= 1.1


def _told(machine: Machine) -> str:
    one, count = machine.devices[0], len(machine.devices)
    assert one.memory_bytes is not None
    what = one.name if count == 1 else f"{count} × {one.name}"
    by = (
        f"no GPU was found, and {machine.told_by} tells of its memory"
        if one.vendor == "cpu"
        else f"as {machine.told_by} tells"
    )
    said = f"`gpu` this is {what} with {one.memory_bytes / GIB:,.1f} GiB ({by})."
    free = [each.free_bytes for each in machine.devices if each.free_bytes is not None]
    if free:
        where = "" if count == 1 else " on the fullest"
        said += f" {min(free) / GIB:,.1f} GiB are free now{where}; what is in use is not subtracted."
    return " ".join((said, *machine.notes))
