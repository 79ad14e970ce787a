"""The number type follows the machine, says why, and is kept to the end of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from made_profiles import made_profile

from ropescope.errors import MeasurementError
from ropescope.measure.instrument import Request, run
from ropescope.measure.outcome import show
from ropescope.measure.protocol import FixedLength
from ropescope.measure.session import Plan
from ropescope.network.loading import number_type as module
from ropescope.network.loading.number_type import bfloat16_units, number_type
from ropescope.network.loading.weights import load
from ropescope.network.memory import _left_in_groups

CPU = torch.device("cpu")
GIB = 2**30


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets what torch says of the CPU."""

    def says(machine: str, flags: dict[str, bool], *, onednn: bool = True, most: str = "") -> None:
        monkeypatch.setattr("platform.machine", lambda: machine)
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags)
        monkeypatch.setattr(torch._C, "_has_mkldnn", onednn)
        for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
            monkeypatch.delenv(name, raising=False)
        if most:
            monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", most)

    return says


@pytest.mark.parametrize(
    ("machine", "flags", "most", "expected"),
    [
        ("x86_64", {"avx2": True}, "", "float32"),
        ("x86_64", {"avx512_f": True, "avx512_bf16": False}, "", "float32"),
        ("x86_64", {"avx512_bf16": True}, "", "bfloat16"),
        ("AMD64", {"amx_bf16": True}, "", "bfloat16"),
        ("x86_64", {"avx512_bf16": True, "amx_bf16": True}, "AVX2", "float32"),
        ("x86_64", {"avx512_bf16": True}, "avx512_core", "float32"),  # 512 bits wide, and no bfloat16 among them
        ("x86_64", {"amx_bf16": True, "avx512_bf16": True}, "AVX512_CORE_BF16", "bfloat16"),
        ("x86_64", {"amx_bf16": True}, "AVX512_CORE_BF16", "float32"),
        ("aarch64", {"neon": True, "bf16": False}, "", "float32"),
        ("aarch64", {"bf16": True}, "", "bfloat16"),
    ],
)
def test_a_cpu_is_asked_for_its_units(cpu: Any, machine: str, flags: dict[str, bool], most: str, expected: str) -> None:
    cpu(machine, flags, most=most)
    chosen = number_type("auto", CPU)
    assert chosen.name == expected
    assert ("has bfloat16 units" if expected == "bfloat16" else "has no bfloat16 units") in chosen.reason


def test_where_no_flag_is_both_types_are_timed_once(cpu: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cpu("arm64", {"bf16": True}, onednn=False)  # Apple's: its products are not oneDNN's
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path))
    timed: list[torch.dtype] = []

    def seconds(dtype: torch.dtype) -> float:
        timed.append(dtype)
        return {torch.bfloat16: 3.0, torch.float32: 1.0}[dtype]

    monkeypatch.setattr(module, "_seconds", seconds)
    assert [bfloat16_units()[0], bfloat16_units()[0]] == [False, False]
    assert len(timed) == 2  # the second answer is the one that was kept
    assert number_type("auto", CPU).reason == "bfloat16 was timed no faster than float32 on this CPU"


def test_memory_may_forbid_float32(cpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cpu("x86_64", {"avx2": True})
    monkeypatch.setattr(module, "available_bytes", lambda device: 16 * GIB)
    assert number_type("auto", CPU, lambda: 3 * GIB).name == "float32"  # 12 of 16
    tight = number_type("auto", CPU, lambda: 4 * GIB)
    assert tight.name == "bfloat16" and "16.0 GiB of the 16.0 GiB that are free" in tight.reason


@pytest.mark.parametrize(("native", "expected"), [(True, "bfloat16"), (False, "float16")])
def test_a_gpu_without_bfloat16_takes_float16(native: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import nullcontext

    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    # Emulated bfloat16 is what torch calls supported unless it is told otherwise.
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or native)
    chosen = number_type("auto", torch.device("cuda"))
    assert chosen.name == expected and "Tesla T4" in chosen.reason


def test_the_choice_is_said_in_profile_and_report(tiny_folder: Path, cpu: Any) -> None:
    cpu("x86_64", {"avx2": True})
    outcome = run(Request(tiny_folder, plan=Plan(FixedLength(length=64, rows=8), prompts=2), corpus="random"))
    provenance = outcome.profile.provenance
    assert (provenance["dtype"], provenance["dtype_reason"]) == ("float32", "this CPU has no bfloat16 units")
    (fact,) = [fact for fact in outcome.report().facts if fact.name == "number type"]
    assert fact.value == "float32" and "no bfloat16 units" in fact.source
    assert outcome.report().data["provenance"]["dtype_reason"] == "this CPU has no bfloat16 units"


def test_a_profile_beside_a_control_of_another_type_says_so(tmp_path: Path) -> None:
    for name, dtype in (("p", "float32"), ("p.control", "bfloat16")):
        profile = made_profile()
        replace(profile, provenance={**profile.provenance, "dtype": dtype}).save(tmp_path / f"{name}.parquet")
    said = " ".join(show(tmp_path / "p.parquet").report(kept_in="").caveats)
    assert "(bfloat16: its control; float32: this profile)" in said


def test_a_run_is_not_resumed_in_another_type(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cpu: Any
) -> None:
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path))
    plan = Plan(FixedLength(length=64, rows=8), prompts=3)

    def stop(done: int, planned: int, what: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    asked = Request(tiny_folder, plan=plan, corpus="random", dtype="bfloat16", resume=True)
    assert run(asked, progress=stop).profile.n_prompts == 2
    cpu("x86_64", {"avx2": True})
    with pytest.raises(
        MeasurementError, match="was in bfloat16, and this one would be in float32: give `dtype` bfloat16"
    ):
        run(Request(tiny_folder, plan=plan, corpus="random", resume=True))
    assert run(asked).profile.n_prompts == 3


def test_python_takes_what_suits_the_machine(tiny_folder: Path, cpu: Any) -> None:
    cpu("x86_64", {"avx2": True})
    weights = load(tiny_folder)
    assert weights.network.dtype == torch.float32 and weights.dtype_reason == "this CPU has no bfloat16 units"
    with pytest.raises(MeasurementError, match="dtype must be one of auto, bfloat16, float16, float32, not 'half'"):
        load(tiny_folder, dtype="half")


@pytest.mark.parametrize("version", [1, 2])
def test_a_container_has_no_more_memory_than_its_limit(version: int, tmp_path: Path) -> None:
    """8 GiB, of which 5 are taken, 1 of them by files that can be dropped; the group above allows more."""
    own = tmp_path / "cgroup"
    own.write_text("0::/a/b\n" if version == 2 else "3:cpu:/\n4:memory:/a/b\n0::/\n")
    names = ("memory.max", "memory.current", "inactive_file")
    if version == 1:
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    root = tmp_path if version == 2 else tmp_path / "memory"
    for folder, limit in ((root / "a" / "b", str(8 * GIB)), (root / "a", str(64 * GIB)), (root, "max")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / names[0]).write_text(limit + "\n")
        (folder / names[1]).write_text(f"{5 * GIB}\n")
        (folder / "memory.stat").write_text(f"anon 1\n{names[2]} {GIB}\n")
    assert list(_left_in_groups(own, tmp_path)) == [4 * GIB, 60 * GIB]
    assert list(_left_in_groups(tmp_path / "none", tmp_path)) == []
