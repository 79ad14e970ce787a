"""`--gpu this`: what drivers' programs print is read strictly, and what they fail at is told, never guessed around."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from serving_models import llama_8b

from ropescope.checks.launch import launch_report
from ropescope.checks.serving.devices import this_machine as looked_up
from ropescope.checks.serving.devices.copy_bandwidth import measured_copy
from ropescope.checks.serving.devices.device import GIB
from ropescope.checks.serving.devices.smi_outputs import (
    MIB,
    Found,
    read_amd_smi,
    read_cpu_name,
    read_meminfo,
    read_nvidia_smi,
    read_rocm_smi,
    read_sysctl,
    read_xpu_smi,
)
from ropescope.checks.serving.devices.this_device import device_of, this_device
from ropescope.checks.serving.devices.this_machine import Machine, cgroup_limit, this_machine
from ropescope.checks.serving.fitting.fit import fit, splits
from ropescope.checks.serving.fitting.ways_to_fit import ways_to_fit
from ropescope.checks.serving.inputs import ServingInputs, read_serving
from ropescope.checks.speed import Assumptions, SpeedInputs, speed_report
from ropescope.errors import DomainError

# Memory as nvidia-smi states it for these cards, MIG mode and capability as it prints them ([N/A] on a card without MIG).
RTX_3090 = "NVIDIA GeForce RTX 3090, 24576, 24250, [N/A], GPU-e18afb8d-1627-f8ff-2ba3-c05c5a8e9e67, 8.6"
RTX_4080 = "NVIDIA GeForce RTX 4080, 16376, 15000, [N/A], GPU-0aaf8b8d-1627-f8ff-2ba3-c05c5a8e9e68, 8.9"
# github.com/unslothai/unsloth/pull/10703 (2026-09): a DGX Spark, which shares the machine's memory.
GB10 = "NVIDIA GB10, [N/A], [N/A], [N/A], GPU-2dee1e25-b3b5-007e-2b55-79f2d0f2ebe5, 12.1"
SLICED = "NVIDIA A100-SXM4-40GB, 40960, 40900, Enabled, GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77, 8.0"
# github.com/marimo-team/marimo/issues/9237 (2026-04), which also shows a warning-free JSON of one card.
ROCM = json.dumps(
    {
        "card0": {
            "GPU use (%)": "0",
            "VRAM Total Memory (B)": "21458059264",
            "VRAM Total Used Memory (B)": "27856896",
            "Card Series": "Radeon RX 7900 XT",
            "Card Model": "0x744c",
            "GFX Version": "gfx1100",
        },
        "system": {"Driver version": "6.14.14"},
    }
)
# amd-smi static --asic --vram --json of an MI300X (ROCm 10.1), shortened, behind the warning of a user without rights.
AMD = "WARNING: User is missing the following required groups: render, video\n\n" + json.dumps(
    {
        "gpu_data": [
            {
                "gpu": i,
                "asic": {"market_name": "AMD Instinct MI300X", "target_graphics_version": "gfx942"},
                "vram": {"type": "HBM3", "size": {"value": 196592, "unit": "MB"}},
            }
            for i in range(2)
        ]
    }
)
# The form of Intel's user guide (intel.github.io/xpumanager, smi_user_guide: discovery --dump), with the memory of its examples.
XPU = 'Device Name,Memory Physical Size\n"Intel(R) Data Center GPU Flex 170","14248.00 MiB"\n"Intel(R) UHD Graphics","0.00 MiB"\n'


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Linux without any driver's program, and nothing kept from a test before."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(looked_up, "_WSL", str(tmp_path / "none"))
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"):
        monkeypatch.delenv(name, raising=False)
    this_machine.cache_clear()
    yield
    this_machine.cache_clear()


def program(folder: Path, name: str, *printed: str, status: int = 0) -> None:
    """A program on the PATH that prints `printed`."""
    (folder / f"{name}.txt").write_text("\n".join(printed) + "\n")
    script = folder / name
    script.write_text(f"#!/bin/sh\n/bin/cat '{folder / name}.txt'\nexit {status}\n")
    script.chmod(0o755)


def test_each_driver_is_read_in_its_own_unit() -> None:
    assert read_nvidia_smi(RTX_3090)[0] == Found(
        "NVIDIA GeForce RTX 3090",
        "nvidia",
        24_576 * MIB,
        24_250 * MIB,
        "8.6",
        "GPU-e18afb8d-1627-f8ff-2ba3-c05c5a8e9e67",
    )
    assert read_nvidia_smi(GB10)[0].memory_bytes is None and read_nvidia_smi(SLICED)[0].sliced
    assert read_nvidia_smi(RTX_3090.rsplit(",", 1)[0])[0].capability == ""
    card = read_rocm_smi(ROCM)[0]
    assert (card.memory_bytes, card.free_bytes, card.capability) == (
        21_458_059_264,
        21_458_059_264 - 27_856_896,
        "gfx1100",
    )
    assert [one.memory_bytes for one in read_amd_smi(AMD)] == [206_141_652_992] * 2  # what rocm-smi counts on an MI300X
    assert read_xpu_smi(XPU) == (Found("Intel(R) Data Center GPU Flex 170", "intel", 14_248 * MIB),)
    assert read_sysctl("Apple M4 Max\n68719476736\n") == ("Apple M4 Max", 64 * GIB)
    assert read_meminfo("MemTotal:       24684092 kB\nMemAvailable:   23816744 kB\n") == (
        24_684_092 * 1024,
        23_816_744 * 1024,
    )
    assert read_cpu_name("model name\t: Intel(R) Xeon(R) CPU E5-2670 0 @ 2.60GHz\n") == "Intel Xeon E5-2670 0"


@pytest.mark.parametrize(
    ("read", "printed"),
    [
        (read_nvidia_smi, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver"),
        (read_nvidia_smi, RTX_3090.replace("24576", "99999999999")),
        (read_nvidia_smi, RTX_3090.replace("24576", "-1")),
        (read_nvidia_smi, RTX_3090.replace("24576", "24576 MiB")),
        (read_nvidia_smi, RTX_3090.replace("GeForce", "\x1b[31m")),
        (read_rocm_smi, ROCM.replace("21458059264", "nan")),
        (read_amd_smi, AMD.replace("MB", "GB")),
        (read_amd_smi, "[" * 100_000),
        (read_xpu_smi, "Error: Level Zero initialization error\n"),
        (read_xpu_smi, ""),
        (read_sysctl, "Apple M4 Max\n"),
        (read_meminfo, "MemFree: 12 kB\n"),
    ],
)
def test_what_is_no_device_is_refused_in_a_sentence(read: object, printed: str) -> None:
    with pytest.raises(DomainError, match="does not tell a device") as caught:
        read(printed)  # type: ignore[operator]
    assert len(str(caught.value)) < 320 and "\x1b" not in str(caught.value)


def test_equal_devices_are_counted_and_take_bandwidth_from_the_table(tmp_path: Path) -> None:
    program(tmp_path, "nvidia-smi", RTX_3090, RTX_3090)
    device, count = this_device()
    assert (device.name, count, device.memory_bytes, device.memory_basis) == ("RTX 3090", 2, 24_576 * MIB, "measured")
    assert device.bandwidth == 936e9 and device.memory_source == "24,576 MiB, as nvidia-smi tells"
    assert "2 × NVIDIA GeForce RTX 3090" in device.detected and "as nvidia-smi tells" in device.detected
    text = ServingInputs(source="m", gpu="this", context=8192, engine="llama.cpp")
    assert read_serving(llama_8b(), text).count == 2
    assert read_serving(llama_8b(), replace(text, count=1)).count == 1
    with pytest.raises(DomainError, match="3 devices are asked for, and this machine has 2"):
        read_serving(llama_8b(), replace(text, count=3))


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        ((RTX_3090, RTX_4080), "name one, or list them with commas, as `gpu` 3090,4080"),
        ((SLICED,), r"GPU 0 \(NVIDIA A100-SXM4-40GB\) has MIG on"),
    ],
)
def test_unequal_and_sliced_devices_are_refused(tmp_path: Path, printed: tuple[str, ...], told: str) -> None:
    program(tmp_path, "nvidia-smi", *printed)
    with pytest.raises(DomainError, match=told):
        this_machine()


def test_a_program_that_fails_is_no_machine_without_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."
    program(tmp_path, "nvidia-smi", said, status=9)
    with pytest.raises(DomainError, match=r"nvidia-smi failed with status 9 \(NVIDIA-SMI has failed"):
        this_machine()
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nexec /bin/sleep 30\n")
    monkeypatch.setattr(looked_up, "SECONDS", 0.2)
    with pytest.raises(DomainError, match=r"nvidia-smi did not answer within 0\.2 s"):
        this_machine()


def test_devices_that_the_environment_hides_are_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "nvidia-smi", RTX_3090, RTX_3090, RTX_4080)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-0aaf")
    assert [one.name for one in this_machine().devices] == ["NVIDIA GeForce RTX 4080"]
    assert this_machine().notes == ("CUDA_VISIBLE_DEVICES leaves 1 of 3 GPUs to programs.",)
    this_machine.cache_clear()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")  # the first as CUDA counts unlike devices: the fastest
    with pytest.raises(DomainError, match="does not tell which GPUs are meant"):
        this_machine()
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    assert [one.name for one in this_machine().devices] == ["NVIDIA GeForce RTX 3090"]


def test_an_amd_machine_is_read_by_the_program_it_has(tmp_path: Path) -> None:
    program(tmp_path, "rocm-smi", ROCM)
    program(tmp_path, "amd-smi", "AttributeError: no such symbol", status=1)
    assert this_machine().told_by == "rocm-smi"
    this_machine.cache_clear()
    program(tmp_path, "amd-smi", AMD)
    device, count = this_device()
    assert (device.name, count, device.capability, device.memory_bytes) == ("MI300X", 2, "gfx942", 206_141_652_992)


@pytest.mark.parametrize(
    ("one", "name", "bandwidth"),
    [
        # A rebuilt card, a part of one, a laptop's, and one of no vendor's table keep their names.
        (Found("NVIDIA GeForce RTX 4090", "nvidia", 49_140 * MIB), "NVIDIA GeForce RTX 4090", None),
        (Found("GRID A100-20C", "nvidia", 20_480 * MIB), "GRID A100-20C", None),
        (
            Found("NVIDIA GeForce RTX 4090 Laptop GPU", "nvidia", 16_376 * MIB),
            "NVIDIA GeForce RTX 4090 Laptop GPU",
            None,
        ),
        (Found("NVIDIA Quark 9000", "nvidia", 16_376 * MIB), "NVIDIA Quark 9000", None),
        # One of two sizes is told by its memory.
        (Found("NVIDIA GeForce RTX 4060 Ti", "nvidia", 16_380 * MIB), "RTX 4060 Ti 16GB", 288e9),
        (Found("NVIDIA L4", "nvidia", 23_034 * MIB), "L4", 300e9),
    ],
)
def test_a_name_is_taken_from_the_table_only_with_its_memory(one: Found, name: str, bandwidth: float | None) -> None:
    device = device_of(Machine((one,), "nvidia-smi"))
    assert (device.name, device.memory_bytes, device.bandwidth) == (name, one.memory_bytes, bandwidth)
    assert ("not in the table" in device.detected) == (bandwidth is None)


def test_a_mac_gives_metal_a_part_of_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    max_64 = Found("Apple M4 Max", "apple", 64 * GIB)
    assert device_of(Machine((max_64,), "sysctl")).name == "Apple M4 Max 64GB"
    assert device_of(Machine((max_64,), "sysctl")).memory_bytes == 48 * GIB
    small = device_of(Machine((Found("Apple M9", "apple", 16 * GIB),), "sysctl"))
    assert (small.memory_bytes, small.memory_basis) == (16 * GIB * 2 // 3, "assumed")  # 10.67 GiB of 16: exo #1672
    raised = device_of(Machine((replace(max_64, usable_bytes=56 * GIB),), "sysctl"))
    assert (raised.memory_bytes, raised.memory_basis) == (56 * GIB, "measured")
    answers = {"hw.memsize": "Apple M4 Max\n68719476736\n", "iogpu.wired_limit_mb": "57344\n"}
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr(looked_up, "_run", lambda path, *arguments: answers[arguments[-1]])
    assert this_machine().devices == (replace(max_64, usable_bytes=56 * GIB),)


def test_shared_memory_is_the_machines(tmp_path: Path) -> None:
    program(tmp_path, "nvidia-smi", GB10)
    device, _ = this_device()
    assert device.memory_bytes > GIB and "which the device shares" in device.memory_source


def test_a_container_has_no_more_than_its_limit(tmp_path: Path) -> None:
    inner = tmp_path / "memory" / "docker" / "a1"
    inner.mkdir(parents=True)
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    (inner / "memory.limit_in_bytes").write_text(f"{4 * GIB}\n")
    assert cgroup_limit(tmp_path, "4:memory:/docker/a1\n1:cpu:/\n0::/\n") == 4 * GIB
    (tmp_path / "slice" / "inner").mkdir(parents=True)
    (tmp_path / "slice" / "memory.max").write_text(f"{2 * GIB}\n")
    (tmp_path / "slice" / "inner" / "memory.max").write_text("max\n")
    assert cgroup_limit(tmp_path, "0::/slice/inner\n") == 2 * GIB  # set above it
    assert cgroup_limit(tmp_path, "0::/../../etc\n") is None


def test_a_machine_without_a_gpu_is_its_cpu() -> None:
    serving = read_serving(llama_8b(), ServingInputs(source="m", gpu="this", context=4096))
    assert (serving.device.vendor, serving.engine.name, serving.count) == ("cpu", "llama.cpp", 1)
    assert serving.device.memory_bytes <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    small = replace(serving, device=replace(serving.device, memory_bytes=8 * GIB))
    found = fit(small)
    # The token embedding is in the same memory, nothing is kept free for a display, and there is no second CPU to add.
    assert found.demand.weights.n_bytes == fit(
        replace(small, device=replace(small.device, vendor=""))
    ).demand.weights.n_bytes + (128_256 * 4_096 * 2)
    assert found.budget.n_bytes == 8 * GIB and len(splits(small)) == 1
    assert {way.serving.count for way in ways_to_fit(small)} == {1}
    assert not any("system memory" in way.change for way in ways_to_fit(small))
    report = launch_report(serving)
    assert (
        any("runs on the CPU" in line for line in report.data["remarks"]) and "`gpu` this is" in report.data["detected"]
    )
    with pytest.raises(DomainError, match="leave it out"):
        replace(serving, cpu_moe_layers=1)


@pytest.mark.parametrize(
    ("engine", "told"),
    [
        ("vllm", "VLLM_CPU_KVCACHE_SPACE sizes, not counted here. Engines that do: llama.cpp, ollama, transformers"),
        ("sglang", "for Xeons with AMX"),
        ("transformers", ""),
        ("ollama", ""),
    ],
)
def test_engines_that_run_on_a_cpu_otherwise_than_is_counted_are_refused(engine: str, told: str) -> None:
    problem = fit(read_serving(llama_8b(), ServingInputs(source="m", gpu="this", context=4096, engine=engine))).problem
    assert told in problem and bool(problem) == bool(told)


def test_speed_says_whose_figure_a_bandwidth_is() -> None:
    text = SpeedInputs(source="m", gpu="this", context=4096)
    cpu = read_serving(llama_8b(), replace(text, bandwidth=80.0))
    measured = replace(cpu.device, bandwidth=40e9, bandwidth_basis="measured", bandwidth_source="a copy of 256 MiB")
    card = read_serving(llama_8b(), replace(text, gpu="4090", bandwidth=500.0))
    for serving, basis, source in (
        (cpu, "assumed", "given as `bandwidth`"),
        (replace(cpu, device=measured), "measured", "a copy of 256 MiB"),
        (card, "assumed", "given as `bandwidth`"),
    ):
        report = speed_report(Assumptions(serving))
        fact = next(fact for fact in report.facts if fact.name == "bandwidth")
        assert (fact.basis, fact.source) == (basis, source)
        assert any("can pass the ceiling" in line and "a copy" in line for line in report.caveats) == (
            basis == "measured"
        )


def test_a_copy_is_measured_only_where_memory_allows() -> None:
    assert measured_copy(GIB) is None
    copy = measured_copy(4 * GIB)
    # From the slowest machine that would be used, with others at work, to the fastest server there is.
    assert copy is not None and 1e8 < copy.bytes_per_second < 3e12
    assert copy.n_bytes >= 256 * MIB and copy.rounds >= 1
