"""What the drivers' own programs print about a machine's devices, read strictly: text in, `Found` out.

nvidia-smi, amd-smi, rocm-smi and xpu-smi; macOS's sysctl; Linux's /proc/meminfo and /proc/cpuinfo. Nothing here runs a program.
Every number is held to what a device can have, and what is printed otherwise is refused in a sentence.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from ropescope.errors import DomainError

MIB: Final = 2**20
MOST_BYTES: Final = 2**45
"""32 TiB: more than a device or a machine's memory has."""
MOST_FOUND: Final = 256

_NAME: Final = re.compile(r"[\w ()/+.,@\[\]-]{1,100}")
_CAPABILITY: Final = re.compile(r"\d{1,2}\.\d")
_TARGET: Final = re.compile(r"gfx[0-9a-f]{3,5}")
_NOT_SAID: Final = frozenset({"[N/A]", "N/A", "[Not Supported]", "Not Supported", "[Unknown Error]"})


@dataclass(frozen=True, slots=True)
class Found:
    """A device as its driver describes it. `memory_bytes` is None where the driver states none, since the device shares the
    machine's (`shared`); `free_bytes` is None where nothing says what is free. `usable_bytes` is what an administrator lets
    Metal use of it. `sliced`: its MIG mode is on."""

    name: str
    vendor: str
    memory_bytes: int | None
    free_bytes: int | None = None
    capability: str = ""
    uuid: str = ""
    sliced: bool = False
    shared: bool = False
    usable_bytes: int | None = None


NVIDIA_FIELDS: Final = "name,memory.total,memory.free,mig.mode.current,uuid,compute_cap"
"""What nvidia-smi is asked for. Drivers before 510 know no `compute_cap`, and refuse the whole query."""


def read_nvidia_smi(text: str) -> tuple[Found, ...]:
    """The devices of `nvidia-smi --query-gpu=… --format=csv,noheader,nounits`, the fields as in `NVIDIA_FIELDS`, with or
    without the last. Raises DomainError for anything else."""
    found = []
    for line in _lines("nvidia-smi", text):
        parts = [part.strip() for part in line.split(",")]
        if len(parts) not in (5, 6):
            _unlike("nvidia-smi", line)
        name, total, free, mig, uuid, *rest = parts
        memory = None if total in _NOT_SAID else _mib("nvidia-smi", total)
        spare = None if memory is None or free in _NOT_SAID else min(_mib("nvidia-smi", free, least=0), memory)
        capability = rest[0] if rest and _CAPABILITY.fullmatch(rest[0]) else ""
        found.append(
            Found(_name("nvidia-smi", name), "nvidia", memory, spare, capability, uuid, mig.lower() == "enabled")
        )
    return tuple(found)


def read_amd_smi(text: str) -> tuple[Found, ...]:
    """The devices of `amd-smi static --asic --vram --json`. Its MB are MiB: 196,592 of them on an MI300X, whose driver counts
    206,141,652,992 bytes. Raises DomainError for anything else."""
    told = _json("amd-smi", text)
    entries = told.get("gpu_data") if isinstance(told, Mapping) else told
    if not isinstance(entries, list) or len(entries) > MOST_FOUND:
        _unlike("amd-smi", text)
    found = []
    for entry in entries:
        asic, size = _part(entry, "asic"), _part(_part(entry, "vram"), "size")
        if size.get("unit") != "MB" or not isinstance(size.get("value"), int):
            _unlike("amd-smi", json.dumps(entry))
        target = str(asic.get("target_graphics_version", ""))
        memory = _mib("amd-smi", str(size["value"]))
        found.append(Found(_name("amd-smi", asic.get("market_name")), "amd", memory, None, _target(target)))
    return tuple(found)


def read_rocm_smi(text: str) -> tuple[Found, ...]:
    """The devices of `rocm-smi --showproductname --showmeminfo vram --json`, in bytes. Raises DomainError for anything else."""
    told = _json("rocm-smi", text)
    cards = (
        {key: card for key, card in told.items() if re.fullmatch(r"card\d{1,3}", key)}
        if isinstance(told, Mapping)
        else {}
    )
    found = []
    for card in cards.values():
        if not isinstance(card, Mapping):
            _unlike("rocm-smi", text)
        total = _bytes("rocm-smi", str(card.get("VRAM Total Memory (B)")))
        used = card.get("VRAM Total Used Memory (B)")
        free = None if used is None else total - min(_bytes("rocm-smi", str(used), least=0), total)
        name = _name("rocm-smi", card.get("Card Series", card.get("Card series")))
        found.append(Found(name, "amd", total, free, _target(str(card.get("GFX Version", "")))))
    return tuple(found)


def read_xpu_smi(text: str) -> tuple[Found, ...]:
    """The devices of `xpu-smi discovery --dump 2,16`: name and physical memory. Raises DomainError for anything else."""
    head, *rows = csv.reader(_lines("xpu-smi", text) or [""])
    if head != ["Device Name", "Memory Physical Size"]:
        _unlike("xpu-smi", text)
    found = []
    for row in rows:
        size = re.fullmatch(r"(\d{1,9})\.\d\d MiB", row[1].strip()) if len(row) == 2 else None
        if size is None:
            _unlike("xpu-smi", ",".join(row))
        if int(size.group(1)):  # integrated graphics have none of their own
            found.append(Found(_name("xpu-smi", row[0]), "intel", _mib("xpu-smi", size.group(1))))
    return tuple(found)


def read_sysctl(text: str) -> tuple[str, int]:
    """(name of the chip, bytes of memory) of `sysctl -n machdep.cpu.brand_string hw.memsize`. Raises DomainError."""
    lines = _lines("sysctl", text)
    if len(lines) != 2:
        _unlike("sysctl", text)
    return _name("sysctl", lines[0]), _bytes("sysctl", lines[1])


def read_meminfo(text: str) -> tuple[int, int | None]:
    """(all memory, what is available of it or None) of /proc/meminfo, in bytes. Raises DomainError where it states none."""
    told = dict(re.findall(r"^(MemTotal|MemAvailable): +(\d{1,15}) kB$", text, re.MULTILINE))
    if "MemTotal" not in told:
        _unlike("/proc/meminfo", text)
    total = _bytes("/proc/meminfo", str(int(told["MemTotal"]) * 1024))
    free = told.get("MemAvailable")
    return total, None if free is None else min(int(free) * 1024, total)


def read_cpu_name(text: str) -> str:
    """The first model name of /proc/cpuinfo, without marks and clock: "Intel Xeon E5-2670 0"; "" where it has none, as on ARM."""
    named = re.search(r"^model name\s*: *(.+)$", text, re.MULTILINE)
    plain = (
        "" if named is None else re.sub(r"\((?:R|TM|r|tm)\)|\bCPU\b|@.*$|\b\d+-Core Processor\b", " ", named.group(1))
    )
    plain = " ".join(plain.split())
    return plain if _NAME.fullmatch(plain) else ""


def _lines(program: str, text: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_FOUND:
        _unlike(program, text)
    return lines


def _json(program: str, text: str) -> Any:
    """The JSON of a program that may print warnings before it."""
    start = re.search(r"^[\[{]", text, re.MULTILINE)
    try:
        return json.loads(text[start.start() :]) if start else _unlike(program, text)
    except (ValueError, RecursionError):
        _unlike(program, text)


def _part(value: Any, key: str) -> Mapping[str, Any]:
    part = value.get(key) if isinstance(value, Mapping) else None
    return part if isinstance(part, Mapping) else {}


def _target(text: str) -> str:
    """AMD's target; rocm-smi writes the last digit of gfx90a in decimal."""
    text = {"gfx9010": "gfx90a", "gfx9012": "gfx90c"}.get(text, text)
    return text if _TARGET.fullmatch(text) else ""


def _name(program: str, value: Any) -> str:
    if not isinstance(value, str) or _NAME.fullmatch(value.strip()) is None or not re.search("[A-Za-z]", value):
        _unlike(program, str(value))
    return " ".join(value.split())


def _mib(program: str, text: str, least: int = 1) -> int:
    return MIB * _whole(program, text, least, MOST_BYTES // MIB)


def _bytes(program: str, text: str, least: int = MIB) -> int:
    return _whole(program, text, least, MOST_BYTES)


def _whole(program: str, text: str, least: int, most: int) -> int:
    if re.fullmatch(r"\d{1,16}", text, re.ASCII) is None or not least <= int(text) <= most:
        _unlike(program, text)
    return int(text)


def _unlike(program: str, text: str) -> NoReturn:
    said = "".join(sign if sign.isprintable() else " " for sign in text[:80]).strip()
    raise DomainError(
        f"{program} printed {said!r}, which does not tell a device and its memory: name the device, as `gpu` 4090, or its memory, "
        "as `gpu` 24GiB."
    )
