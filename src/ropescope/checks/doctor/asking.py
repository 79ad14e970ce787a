"""The question `doctor`: whether what is installed works, and what is missing for what."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ropescope import __version__
from ropescope.checks.doctor.machine import Folder, folders, settings, token_from
from ropescope.checks.doctor.packages import CORE, FOR, Extra, Installed, installed
from ropescope.checks.doctor.probe import probed
from ropescope.errors import DomainError, InputError
from ropescope.questions.domains import Flag
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import ListOf, Text
from ropescope.questions.names import did_you_mean, shown
from ropescope.questions.question import Run
from ropescope.report.numbers import binary_size
from ropescope.report.report import Column, Fact, Report, Step, Table

LEAST_FREE = 2 << 30
"""Bytes on the disk of a cache below which a model may not be fetched any more."""
TOLD = ("measure", "evidence", "figures")
"""The extras whose use the first line tells; the table tells that of the others."""

APART = ("peers",)
"""Extras that no environment has beside all others, so that nothing is missing without them."""


@dataclass(frozen=True, kw_only=True)
class DoctorInputs:
    """What has to be there, and whether torch is started."""

    extras: tuple[str, ...] = asked(
        ListOf(Text()), "Extras that you need, as measure,figures: without one of them the answer is no.", default=()
    )
    quick: bool = asked(Flag(), "Do not start torch, which takes some seconds.", default=False)


def answer(inputs: DoctorInputs, run: Run) -> Report:
    """Whether everything works; else what does not, with the mend. Raises InputError for an extra that there is not."""
    for name in inputs.extras:
        if name not in FOR or name == CORE:
            known = [extra for extra in FOR if extra != CORE]
            hint = did_you_mean(name, known) or f" There are {', '.join(known)}."
            raise InputError("extras", f"There is no extra {shown(name)}.{hint}")
    if sys.platform == "emscripten":
        return _in_browser()
    found = installed()
    has_torch = any(package.name == "torch" and package.installed for package in found.packages)
    if has_torch and not inputs.quick:
        run.say("Starting torch")
    probe = probed(torch=has_torch and not inputs.quick)
    kept = folders()
    faults = (*_faults(found, inputs.extras), *_probe_faults(probe), *_folder_faults(kept))
    missing = [extra for extra in found.extras if extra.name not in (CORE, *APART) and extra.missing]
    return Report(
        title=f"ropescope {__version__} on Python {platform.python_version()}",
        verdict=_verdict(faults, missing),
        facts=tuple(_facts(found, probe, kept)),
        tables=tuple(_tables(found, probe, kept)),
        caveats=(*faults[1:], *_caveats(found)),
        next_steps=tuple(_steps(missing, faults)),
        data=_data(found, probe, kept, faults),
        holds=not faults,
    )


def _in_browser() -> Report:
    return Report(
        title=f"ropescope {__version__} on Python {platform.python_version()}",
        verdict="Everything works that reads files alone: Python runs in your browser here, and nothing else can be installed.",
        facts=(Fact("Python", platform.python_version(), basis="config", source=sys.platform),),
        next_steps=(
            "Install ropescope on your machine for questions that run weights: pip install 'ropescope[measure]'.",
        ),
        data={"version": __version__, "python": platform.python_version(), "faults": []},
        holds=True,
    )


def _verdict(faults: tuple[str, ...], missing: list[Extra]) -> str:
    if faults:
        more = f" {len(faults) - 1} more below." if len(faults) > 1 else ""
        return f"Not everything works: {faults[0]}{more}"
    if not missing:
        return "Everything works."
    told = [f"{extra.name} ({FOR[extra.name]})" for extra in missing if extra.name in TOLD]
    others = [extra.name for extra in missing if extra.name not in TOLD]
    return f"Everything that is installed works. Not installed: {', '.join((*told, *others))}."


def _faults(found: Installed, needed: tuple[str, ...]) -> Iterator[str]:
    """What does not work of the packages. An extra of which something is missing was not asked for, so it is no fault."""
    if found.version and found.version != __version__:
        yield (
            f"this is ropescope {__version__}, and what pip installed is {found.version}: another copy stands before it, or it "
            "has to be installed again."
        )
    told = set()
    for extra in found.extras:
        if extra.missing and (extra.name == CORE or extra.name in needed):
            names = ", ".join(package.name for package in extra.missing)
            what = "ropescope" if extra.name == CORE else f"'ropescope[{extra.name}]'"
            yield f"{FOR[extra.name]} cannot work without {names}: pip install {what}."
        elif not extra.missing or extra.name in needed:
            for package in extra.unfit:
                if package.name not in told:
                    told.add(package.name)
                    yield (
                        f"{package.name} {package.installed} is {package.state} for {FOR[extra.name]}: "
                        f"pip install '{package.name}{package.wanted}'."
                    )
    for name in needed:
        if found.extras and name not in {extra.name for extra in found.extras}:
            yield f"this version of ropescope has no extra {name}: install a newer one."


def _probe_faults(probe: Mapping[str, Any]) -> Iterator[str]:
    if "fatal" in probe:
        yield f"starting torch and the plugins {probe['fatal']}."
        return
    if probe["torch"] and "error" in probe["torch"]:
        yield f"torch cannot be used ({probe['torch']['error']}): install it again."
    yield from (f"{plugin['fault']}." for plugin in probe["plugins"] if plugin["fault"])


def _folder_faults(kept: tuple[Folder, ...]) -> Iterator[str]:
    for folder in kept:
        variable = "ROPESCOPE_HOME" if folder.what == "ropescope" else "HF_HOME"
        if not folder.writable:
            yield f"{folder.path} cannot be written: set {variable} to another folder."
        elif folder.free_bytes is not None and folder.free_bytes < LEAST_FREE:
            free = binary_size(folder.free_bytes)
            yield f"the disk of {folder.path} has {free} left: free some, or set {variable} to another folder."


def _facts(found: Installed, probe: Mapping[str, Any], kept: tuple[Folder, ...]) -> Iterator[Fact]:
    yield Fact("Python", platform.python_version(), basis="config", source=sys.executable)
    yield Fact("system", platform.platform(), basis="config", source=platform.machine())
    name, source = _devices()
    yield Fact("devices", name, basis="config", source=source)
    torch = probe.get("torch")
    if torch and "error" not in torch:
        yield Fact("torch starts in", round(torch["seconds"], 1), "s", "measured", "time of its import")
        yield Fact(
            "weights load as", torch["dtype"], basis="config", source=torch["reason"], note=f"on {torch['device']}"
        )
    token = token_from()
    yield Fact(
        "token of the Hub", "present" if token else "none", basis="config", source=token or "no variable, no file"
    )
    for variable, value in settings().items():
        yield Fact(variable, value, basis="config", source="environment")
    for folder in kept:
        if folder.free_bytes is not None:
            held = binary_size(folder.n_bytes) if folder.whole else f"more than {binary_size(folder.n_bytes)}"
            told = f"{held} used, {binary_size(folder.free_bytes)} free on its disk"
            yield Fact(f"cache, {folder.what}", told, basis="config", source=str(folder.path))


def _devices() -> tuple[str, str]:
    """(the devices as `gpu` this has them, what tells it)."""
    from ropescope.checks.serving.devices.this_device import device_of
    from ropescope.checks.serving.devices.this_machine import this_machine

    try:
        machine = this_machine()
        device = device_of(machine)
    except DomainError as error:
        return "not known", str(error)
    count = f"{len(machine.devices)} × " if len(machine.devices) > 1 else ""
    return f"{count}{device.name}, {binary_size(device.memory_bytes)}", ", ".join((machine.told_by, *machine.notes))


def _tables(found: Installed, probe: Mapping[str, Any], kept: tuple[Folder, ...]) -> Iterator[Table]:
    if found.extras:
        rows = [
            (package.name, package.installed or None, package.wanted, ", ".join(package.extras), package.state)
            for package in found.packages
        ]
        columns = tuple(map(Column, ("package", "installed", "needed", "used by", "state")))
        yield Table("Packages", columns, tuple(rows), limit=40)
        extras = [(extra.name, FOR[extra.name], _extra_state(extra)) for extra in found.extras if extra.name != CORE]
        yield Table("Extras", tuple(map(Column, ("extra", "for", "state"))), tuple(extras), limit=24)
    if probe.get("plugins"):
        plugins = [(one["package"], one["adds"], one["fault"] or "ok") for one in probe["plugins"]]
        yield Table("Plugins", tuple(map(Column, ("package", "adds", "state"))), tuple(plugins))


def _extra_state(extra: Extra) -> str:
    if extra.missing:
        return f"missing: {', '.join(package.name for package in extra.missing)}"
    return ", ".join(f"{package.name} is {package.state}" for package in extra.unfit) or "ok"


def _caveats(found: Installed) -> Iterator[str]:
    if not found.extras:
        yield "ropescope has no metadata here, so its packages were not checked: install it with pip."


def _steps(missing: list[Extra], faults: tuple[str, ...]) -> Iterator[Step | str]:
    wanted = [extra.name for extra in missing if extra.name in TOLD]
    if wanted:
        yield f"Add what is missing: pip install 'ropescope[{','.join(wanted)}]'"
    if not faults:
        yield Step("show", {"source": "smollm2"}, "Read a small model")


def _data(
    found: Installed, probe: Mapping[str, Any], kept: tuple[Folder, ...], faults: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "version": __version__,
        "python": platform.python_version(),
        "faults": list(faults),
        "packages": {
            package.name: {
                "installed": package.installed or None, "needed": package.wanted, "extras": list(package.extras),
                "state": package.state,
            }
            for package in found.packages
        },
        "extras": {extra.name: not extra.missing and not extra.unfit for extra in found.extras if extra.name != CORE},
        "devices": _devices()[0],
        "torch": probe.get("torch"),
        "plugins": probe.get("plugins", []),
        "token": bool(token_from()),
        "caches": [
            {"what": folder.what, "path": str(folder.path), "bytes": folder.n_bytes, "free_bytes": folder.free_bytes}
            for folder in kept
        ],
    }  # fmt: skip
