"""This machine: its GPUs as their drivers' programs list them, or its CPU and memory where it has none.

Programs are looked up on the PATH, run without a shell, and given `SECONDS`. A program that is there and fails is no sign that
there is no GPU: then nothing is guessed, and the error says what happened.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

from ropescope.checks.serving.devices.smi_outputs import (
    MIB,
    NVIDIA_FIELDS,
    Found,
    read_amd_smi,
    read_cpu_name,
    read_meminfo,
    read_nvidia_smi,
    read_rocm_smi,
    read_sysctl,
    read_xpu_smi,
)
from ropescope.errors import DomainError

SECONDS: Final = 60
LEAST: Final = 2**31
"""A device with less memory of its own serves a display: an integrated one, which borrows the machine's, or a small card."""
_WSL: Final = "/usr/lib/wsl/lib/nvidia-smi"
"""Where WSL has it, which is not on the PATH of every shell."""
_OTHERWISE: Final = "Name the device, as `gpu` 4090, or its memory, as `gpu` 24GiB."
_CHOOSING: Final[Mapping[str, tuple[str, ...]]] = {
    "nvidia": ("CUDA_VISIBLE_DEVICES",),
    "amd": ("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"),
    "intel": ("ZE_AFFINITY_MASK",),
}


@dataclass(frozen=True, slots=True)
class Machine:
    """What programs on this machine may use: `devices`, all of one kind, as `told_by` told. `notes` say what was left out."""

    devices: tuple[Found, ...]
    told_by: str
    notes: tuple[str, ...] = ()


@cache
def this_machine() -> Machine:
    """The GPUs of this machine; where it has none, its CPU with its memory. Looked up once in a process.

    Raises DomainError where a driver's program fails or prints what is not understood, where GPUs differ or are cut into MIG
    slices, and where nothing tells how much memory there is.
    """
    if sys.platform == "darwin":
        return _mac()
    left_out: list[str] = []
    for look in (_nvidia, _amd, _intel):
        found = look()
        if found is None:
            continue
        kept = tuple(one for one in found.devices if one.memory_bytes is None or one.memory_bytes >= LEAST)
        left_out += [
            f"{_as_told(one)} is left out: it has less than 2 GiB." for one in found.devices if one not in kept
        ]
        kept, chosen = _chosen(kept, os.environ)
        left_out += chosen
        if kept:
            return _of_one_kind(Machine(tuple(map(_with_memory, kept)), found.told_by, tuple(left_out)))
    return replace(_cpu(), notes=tuple(left_out))


def _nvidia() -> Machine | None:
    path = shutil.which("nvidia-smi") or (_WSL if os.access(_WSL, os.X_OK) else None)
    if path is None:
        return None
    form = "--format=csv,noheader,nounits"
    try:
        text = _run(path, f"--query-gpu={NVIDIA_FIELDS}", form)
    except DomainError as error:
        if "No devices were found" in str(error):
            return None
        if "not a valid field" not in str(error):
            raise
        text = _run(path, f"--query-gpu={NVIDIA_FIELDS.removesuffix(',compute_cap')}", form)
    found = read_nvidia_smi(text)
    for i, one in enumerate(found):
        if one.sliced:
            raise DomainError(
                f"`gpu` this: GPU {i} ({one.name}) has MIG on, and its slices have a part of its memory each (nvidia-smi -L lists "
                "them): give the memory of a slice, as `gpu` 40GiB."
            )
    return Machine(found, "nvidia-smi")


def _amd() -> Machine | None:
    ways: tuple[tuple[str, tuple[str, ...], Callable[[str], tuple[Found, ...]]], ...] = (
        ("amd-smi", ("static", "--asic", "--vram", "--json"), read_amd_smi),
        ("rocm-smi", ("--showproductname", "--showmeminfo", "vram", "--json"), read_rocm_smi),
    )
    failed: DomainError | None = None
    for program, arguments, read in ways:
        if (path := shutil.which(program)) is None:
            continue
        try:
            return Machine(read(_run(path, *arguments)), program)
        except DomainError as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return None


def _intel() -> Machine | None:
    path = shutil.which("xpu-smi")
    return None if path is None else Machine(read_xpu_smi(_run(path, "discovery", "--dump", "2,16")), "xpu-smi")


def _mac() -> Machine:
    path = shutil.which("sysctl") or "/usr/sbin/sysctl"
    name, memory = read_sysctl(_run(path, "-n", "machdep.cpu.brand_string", "hw.memsize"))
    vendor = "apple" if name.startswith("Apple") else "cpu"
    limit = None
    if vendor == "apple":
        try:  # what an administrator set for Metal; 0: nothing, and not there before macOS 14
            told = _run(path, "-n", "iogpu.wired_limit_mb").strip()
            limit = int(told) * MIB if told.isascii() and told.isdigit() and 0 < int(told) * MIB <= memory else None
        except DomainError:
            limit = None
    return Machine((Found(name, vendor, memory, usable_bytes=limit),), "sysctl")


def _cpu() -> Machine:
    total, free = _memory()
    name = _cpu_name() or platform.machine() or "unknown"
    return Machine(
        (Found(f"{name} CPU", "cpu", total, free),), "/proc/meminfo" if _read("/proc/meminfo") else "sysconf"
    )


def _cpu_name() -> str:
    return read_cpu_name(_read("/proc/cpuinfo"))


def _memory() -> tuple[int, int | None]:
    """(bytes that this process may have of the machine's memory, what is available now): no more than its cgroup's limit."""
    if text := _read("/proc/meminfo"):
        total, free = read_meminfo(text)
        limit = cgroup_limit(Path("/sys/fs/cgroup"), _read("/proc/self/cgroup"))
        total = total if limit is None else min(total, limit)
        return total, None if free is None else min(free, total)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), None
    except (AttributeError, ValueError, OSError):
        raise DomainError(f"`gpu` this: nothing tells how much memory this machine has. {_OTHERWISE}") from None


def cgroup_limit(root: Path, membership: str) -> int | None:
    """The least memory limit, in bytes, of the cgroups of /proc/self/cgroup (`membership`) and of those above them; None
    where there is none. Version 2 writes memory.max, version 1 memory.limit_in_bytes under memory/."""
    limits = []
    for line in membership.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "memory" not in controllers.split(","):
            continue
        top, file = (root / "memory", "memory.limit_in_bytes") if controllers else (root, "memory.max")
        inner = top / path.strip("/")
        folders = (
            folder for folder in (inner, *inner.parents) if folder.is_relative_to(top) and ".." not in folder.parts
        )
        limits += [_read(folder / file).strip() for folder in folders]
    return min((int(text) for text in limits if text.isascii() and text.isdigit() and int(text) >= MIB), default=None)


def _with_memory(one: Found) -> Found:
    """With the machine's memory, where the driver states none since the device shares it (GB10, Jetson)."""
    if one.memory_bytes is not None:
        return one
    total, free = _memory()
    return replace(one, memory_bytes=total, free_bytes=free, shared=True)


def _chosen(found: tuple[Found, ...], environment: Mapping[str, str]) -> tuple[tuple[Found, ...], list[str]]:
    """(the devices that an environment variable leaves to programs, what it says of the others).

    Drivers count devices otherwise than CUDA does unless all are alike, so of unlike ones only UUIDs tell which are meant.
    """
    names = _CHOOSING[found[0].vendor] if found else ()
    name = next((name for name in names if name in environment), None)
    if name is None:
        return found, []
    words = [word.strip() for word in environment[name].split(",") if word.strip()]
    kept: list[Found] = []
    for word in words:
        alike = len({(one.name, one.memory_bytes) for one in found}) == 1
        if word.isascii() and word.isdigit() and (alike or environment.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"):
            if int(word[:9]) >= len(found):
                break  # as CUDA does: what follows a device that is not there is not seen
            kept.append(found[int(word[:9])])
        elif word == "-1":
            break
        elif named := [one for one in found if word.startswith("GPU-") and one.uuid.startswith(word)]:
            kept.append(named[0])
        else:
            raise DomainError(
                f"`gpu` this: {name}={environment[name][:80]} does not tell which GPUs are meant. {_OTHERWISE}"
            )
    left = f"{name} leaves {len(kept)} of {len(found)} GPUs to programs."
    return tuple(kept), [left] if len(kept) < len(found) else []


def _of_one_kind(machine: Machine) -> Machine:
    kinds = {(one.name, one.memory_bytes) for one in machine.devices}
    if len(kinds) > 1:
        listed = ", ".join(map(_as_told, machine.devices))
        raise DomainError(
            f"`gpu` this: this machine has GPUs that differ ({listed}, as {machine.told_by} tells): name one, or list them with "
            "commas, as `gpu` 3090,4080."
        )
    return machine


def _as_told(one: Found) -> str:
    return one.name if one.memory_bytes is None else f"{one.name} with {one.memory_bytes // MIB:,} MiB"


def _run(path: str, *arguments: str) -> str:
    """What a program prints. Raises DomainError, in a sentence, where it cannot be run, fails, or takes too long."""
    program = Path(path).name
    try:
        done = subprocess.run(
            (path, *arguments),
            capture_output=True,
            timeout=SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        raise DomainError(f"`gpu` this: {program} did not answer within {SECONDS} s. {_OTHERWISE}") from None
    except OSError as error:
        raise DomainError(f"`gpu` this: {program} cannot be run ({error.strerror or error}). {_OTHERWISE}") from None
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode:
        said = text.strip() or done.stderr.decode("utf-8", "replace").strip()
        first = "".join(sign for sign in said.splitlines()[0][:160] if sign.isprintable()) if said else "no words"
        raise DomainError(f"`gpu` this: {program} failed with status {done.returncode} ({first}). {_OTHERWISE}")
    return text


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
