"""Lists of devices: `3090,4080` and `2x3090,4080` are several that need not be alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from ropescope.checks.serving.devices.device import PEAKS, Device, find_device
from ropescope.checks.serving.devices.this_device import is_this
from ropescope.errors import DomainError

MOST_LISTED: Final = 64
_TIMES: Final = re.compile(r"\s*(\d{1,4})\s*[x×*]\s*(\S.*)", re.IGNORECASE)


def is_list(text: str) -> bool:
    """Whether `text` names several devices: with commas between, or with a number before an x."""
    return "," in text or _TIMES.fullmatch(text) is not None


def read_devices(text: str) -> tuple[Device, ...]:
    """The devices of `3090,4080` or `2x3090,4080`, in their order. Raises DomainError for an entry that is empty or no
    device, for more than `MOST_LISTED`, and for an Apple device or a CPU beside others."""
    found: list[Device] = []
    for entry in text.split(","):
        if not entry.strip():
            raise DomainError(f"`gpu` {text} has an empty entry: give a device on each side of a comma.")
        times = _TIMES.fullmatch(entry)
        number = 1 if times is None else int(times.group(1))
        if not 1 <= number <= MOST_LISTED or len(found) + number > MOST_LISTED:
            raise DomainError(
                f"`gpu` {text} does not name 1 to {MOST_LISTED} devices: give fewer, or alike ones by `count`."
            )
        if is_this(entry):
            raise DomainError(
                f"`gpu` {text}: this machine cannot stand in a list; name its devices, or give this alone."
            )
        found += [find_device(entry.strip() if times is None else times.group(2).strip())] * number
    alone = next((one.name for one in found if one.vendor in ("apple", "cpu")), None)
    if alone is not None and len(found) > 1:
        raise DomainError(f"`gpu` {text}: {alone} shares no model with other devices; give it alone.")
    return tuple(found)


def listed(devices: Sequence[Device]) -> str:
    """`2 × RTX 3090 + RTX 4080`."""
    runs = [(name, len(list(group))) for name, group in groupby(devices, key=lambda one: one.name)]
    return " + ".join(name if n == 1 else f"{n} × {name}" for name, n in runs)


def weakest(devices: Sequence[Device]) -> Device:
    """What an engine that cuts every layer alike can use of each of `devices`: the least memory, bandwidth, peaks and
    capability among them; of devices that are alike, one. What is not known of one of them is not known."""
    if len(set(devices)) == 1:
        return devices[0]
    least = min(devices, key=lambda one: one.memory_bytes)
    bandwidths = [one.bandwidth for one in devices if one.bandwidth is not None]
    shared = [kind for kind in PEAKS if all(kind in one.peaks for one in devices)]
    told = [one for one in devices if one.compute is not None]
    vendors = {one.vendor for one in devices}
    return Device(
        name=listed(devices),
        memory_bytes=least.memory_bytes,
        memory_basis=least.memory_basis,
        memory_source=f"of {least.name}, the least: {least.memory_source}",
        bandwidth=min(bandwidths) if len(bandwidths) == len(devices) else None,
        peaks={kind: min(one.peaks[kind] for one in devices) for kind in shared},
        source=least.source,
        date=least.date,
        vendor=least.vendor if len(vendors) == 1 else "",
        capability=min(told, key=lambda one: one.compute or (0, 0)).capability if len(told) == len(devices) else "",
    )
