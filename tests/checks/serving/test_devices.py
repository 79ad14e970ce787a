"""Devices: their names, their memory in one unit, and a source and date for every figure."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from ropescope.checks.serving.device_names import _plain, names
from ropescope.checks.serving.devices import GB, GIB, _rows, devices, find_device, read_size
from ropescope.errors import DomainError


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("4090", "RTX 4090"), ("rtx-4090", "RTX 4090"), ("NVIDIA GeForce RTX 4090", "RTX 4090"), ("h100", "H100 SXM"),
        ("A100-80GB", "A100 80GB"), ("m4 max 64gb", "Apple M4 Max 64GB"), ("RTX PRO 6000", "RTX PRO 6000 Blackwell"),
        ("m4-max-128", "Apple M4 Max 128GB"), ("4060ti 16g", "RTX 4060 Ti 16GB"), ("4090 24GB", "RTX 4090"),
        # As nvidia-smi and rocm-smi print them.
        ("NVIDIA A100-SXM4-40GB", "A100 40GB"), ("NVIDIA A100-SXM4-80GB", "A100 80GB"),
        ("NVIDIA A100 80GB PCIe", "A100 80GB PCIe"), ("NVIDIA A100-PCIE-40GB", "A100 40GB"),
        ("Tesla V100-SXM2-32GB", "V100 32GB"), ("Tesla V100-PCIE-16GB", "V100 16GB"), ("Tesla T4", "T4"),
        ("NVIDIA H100 80GB HBM3", "H100 SXM"), ("NVIDIA H100 PCIe", "H100 PCIe"), ("NVIDIA H100 NVL", "H100 NVL"),
        ("NVIDIA GH200 480GB", "GH200 96GB"), ("NVIDIA RTX 6000 Ada Generation", "RTX 6000 Ada"),
        ("AMD Instinct MI300X", "MI300X"), ("AMD Instinct MI300X OAM", "MI300X"),
    ],
)  # fmt: skip
def test_people_write_names_in_many_ways(text: str, name: str) -> None:
    assert find_device(text).name == name


def test_memory_is_what_the_driver_reports() -> None:
    # nvidia-smi of each, and the bytes that rocm-smi prints for an MI300X and an MI355X.
    assert find_device("4090").memory_bytes == 24_564 * 2**20
    assert find_device("h100").memory_bytes == 81_559 * 2**20
    assert find_device("h200").memory_bytes == 143_771 * 2**20
    assert find_device("mi300x").memory_bytes == 206_141_652_992
    assert find_device("mi355x").memory_bytes == 309_220_868_096
    # Metal's recommendedMaxWorkingSetSize on an M3 Ultra of 512 GB: 498,216.21 MB.
    assert find_device("m3-ultra 512gb").memory_bytes == pytest.approx(498_216.21e6, rel=1e-7)


def test_a_size_is_read_in_the_unit_it_is_written_in() -> None:
    assert find_device("24GiB").memory_bytes == 24 * 2**30
    assert find_device("24GB").memory_bytes == 24 * 10**9
    assert find_device("24").memory_bytes == 24 * 2**30
    assert "GiB" in find_device("24").note and "22.35 GiB" in find_device("24GB").note
    assert read_size("--overhead", "800MiB") == 800 * 2**20
    with pytest.raises(DomainError, match="--overhead"):
        read_size("--overhead", "much")
    with pytest.raises(DomainError, match="is no size"):
        read_size("--overhead", "9" * 400 + "GiB")  # beyond every number that a machine has
    with pytest.raises(DomainError, match="No device is called"):
        find_device("9" * 400 + "GiB")


@pytest.mark.parametrize("text", ["4091", "h1000", "", "24XB", "-24GiB", "0"])
def test_what_is_no_device_is_refused(text: str) -> None:
    with pytest.raises(DomainError):
        find_device(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a100", "A100 40GB and A100 80GB"), ("a100 pcie", "A100 40GB and A100 80GB PCIe"), ("v100", "V100 16GB and V100 32GB"),
        ("m4-max", "Apple M4 Max 64GB and Apple M4 Max 128GB"), ("Apple M3 Ultra", "512GB and Apple M3 Ultra 96GB"),
        ("4060 ti", "of which RTX 4060 Ti 16GB is listed"), ("Apple M4 Pro", "of which Apple M4 Pro 48GB is listed"),
        ("4090 48GB", "listed with 24 GB"), ("m4 max 32gb", "listed with 64 GB or 128 GB"),
        ("NVIDIA A100-SXM4-80GB MIG 3g.40gb", "MIG slice"), ("1g.10gb", "MIG slice"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", "laptop"), ("GRID A100-20C", "virtual"), ("NVIDIA A10-24Q", "virtual"),
    ],
)  # fmt: skip
def test_a_name_that_may_be_several_devices_or_is_a_part_of_one_is_refused(text: str, told: str) -> None:
    with pytest.raises(DomainError, match=re.escape(told)):
        find_device(text)


def test_the_nearest_names_are_offered() -> None:
    with pytest.raises(DomainError, match=r"The nearest are RTX 4090"):
        find_device("rtx 4091")


def test_given_figures_take_the_place_of_the_tables() -> None:
    device = find_device("64GiB", bandwidth_gb_s=80, tflops=3)
    assert device.bandwidth == 80 * GB and device.peak("fp8") == 3e12
    for wrong in ({"bandwidth_gb_s": 0.0}, {"bandwidth_gb_s": float("inf")}, {"tflops": -1.0}):
        with pytest.raises(DomainError, match="above 0"):
            find_device("4090", **wrong)


def test_every_row_has_its_source_and_date() -> None:
    for device in devices():
        assert device.source.startswith("https://"), device.name
        assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", device.date), device.name
        assert device.bandwidth is not None and 100e9 <= device.bandwidth <= 20e12, device.name


def test_a_name_means_one_device() -> None:
    meant: dict[str, set[str]] = defaultdict(set)
    for row in _rows():
        for name in names(row):
            meant[_plain(name)].add(row["name"])
    assert {name: rows for name, rows in meant.items() if len(rows) > 1} == {}


def test_usable_memory_is_a_little_less_than_the_name_says() -> None:
    # A figure in the wrong unit, or of another card, would stand out. ECC takes up to 6.4 % of GDDR6; the B300's
    # 288 GB are decimal; Metal gives 75 % and more of a Mac's memory.
    for device, row in zip(devices(), _rows(), strict=True):
        share = device.memory_bytes / (float(row["vendor_gb"]) * GIB)
        assert 0.74 <= share <= 1.0, (device.name, share)


def test_peaks_are_dense() -> None:
    # 8-bit products are at most four times as fast as 16-bit ones (GeForce: fp8 with 16-bit accumulation), and twice
    # on data-centre parts; a figure "with sparsity" would break these ratios.
    for device in devices():
        if "fp8" in device.peaks:
            ratio = device.peaks["fp8"] / device.peaks["bf16"]
            assert ratio == pytest.approx(4 if re.match(r"RTX [345]0\d\d", device.name) else 2, rel=0.03), device.name
        if "fp4" in device.peaks and device.name != "B300":
            assert device.peaks["fp4"] / device.peaks["fp8"] == pytest.approx(2, rel=0.01), device.name


def test_every_device_says_whose_it_is_and_what_its_kernels_are_built_for() -> None:
    for device in devices():
        assert device.vendor in ("nvidia", "amd", "intel", "apple", "cpu"), device.name
        if device.vendor in ("nvidia", "amd"):
            assert device.capability, device.name
        assert (device.compute is not None) == (device.vendor == "nvidia"), device.name
    assert find_device("t4").compute == (7, 5) and find_device("b300").compute == (10, 3)
    assert find_device("mi300x").capability == "gfx942"
    assert find_device("24GiB").vendor == "" and find_device("24GiB").compute is None
