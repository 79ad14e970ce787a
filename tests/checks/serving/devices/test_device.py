"""Devices: their names, their memory in one unit, and a source and date for every figure."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from ropescope.checks.serving.devices.device import GB, GIB, _rows, devices, find_device
from ropescope.checks.serving.devices.names import _plain, names
from ropescope.errors import DomainError


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("4090", "RTX 4090"), ("rtx-4090", "RTX 4090"), ("h100-sxm", "H100 SXM"), ("h200 sxm", "H200 SXM"),
        ("h100 94gb", "H100 NVL"), ("A100-SXM-80GB", "A100 80GB SXM"), ("m4 max 64gb", "Apple M4 Max 64GB"),
        ("m4-max-128", "Apple M4 Max 128GB"), ("4060ti 16g", "RTX 4060 Ti 16GB"), ("4090 24GB", "RTX 4090"),
        ("3080 12gb", "RTX 3080 12GB"), ("3080 ti", "RTX 3080 Ti"), ("7900xtx", "RX 7900 XTX"), ("dgx spark", "GB10"),
        ("rtx pro 6000 max-q", "RTX PRO 6000 Blackwell Max-Q"), ("rtx pro 4000", "RTX PRO 4000 Blackwell"),
        ("r9700", "Radeon AI PRO R9700"), ("strix halo 128gb", "Strix Halo 128GB"), ("b60", "Arc Pro B60"),
        ("MI300X 192GB HBM3", "MI300X"), ("H100 80GB HBM3", "H100 SXM"),
    ],
)  # fmt: skip
def test_people_write_names_in_many_ways(text: str, name: str) -> None:
    assert find_device(text).name == name


@pytest.mark.parametrize(
    ("printed", "name"),
    [
        ("Tesla P100-PCIE-16GB", "P100 16GB"), ("Tesla P40", "P40"), ("Tesla T4", "T4"), ("Tesla V100-SXM2-32GB", "V100 32GB"),
        ("Tesla V100-PCIE-16GB", "V100 16GB"), ("NVIDIA A2", "A2"), ("NVIDIA A16", "A16"), ("NVIDIA A30", "A30"),
        ("NVIDIA A40", "A40"), ("NVIDIA A100-SXM4-40GB", "A100 40GB"), ("NVIDIA A100-SXM4-80GB", "A100 80GB SXM"),
        ("NVIDIA A100 80GB PCIe", "A100 80GB PCIe"), ("NVIDIA A100-PCIE-40GB", "A100 40GB"),
        ("NVIDIA A800-SXM4-80GB", "A800 80GB SXM"), ("NVIDIA A800 80GB PCIe", "A800 80GB PCIe"), ("NVIDIA L20", "L20"),
        ("NVIDIA L40", "L40"), ("NVIDIA L40S", "L40S"), ("NVIDIA H100 80GB HBM3", "H100 SXM"), ("NVIDIA H100 PCIe", "H100 PCIe"),
        ("NVIDIA H100 80GB HBM2e", "H100 PCIe"), ("NVIDIA H100 NVL", "H100 NVL"), ("NVIDIA H800", "H800 SXM"),
        ("NVIDIA H800 PCIe", "H800 PCIe"), ("NVIDIA H20", "H20 96GB"), ("NVIDIA H20-3e", "H20 141GB"), ("NVIDIA H200", "H200 SXM"),
        ("NVIDIA H200 NVL", "H200 NVL"), ("NVIDIA GH200 480GB", "GH200 96GB"), ("NVIDIA GH200 144G HBM3e", "GH200 144GB"),
        ("NVIDIA B200", "B200"), ("NVIDIA B300 SXM6 AC", "B300"), ("NVIDIA GB200", "GB200"), ("NVIDIA GB10", "GB10"),
        ("NVIDIA GeForce GTX 1080 Ti", "GTX 1080 Ti"), ("NVIDIA GeForce RTX 2080 Ti", "RTX 2080 Ti"),
        ("NVIDIA TITAN RTX", "TITAN RTX"), ("Quadro RTX 6000", "Quadro RTX 6000"), ("Quadro RTX 8000", "Quadro RTX 8000"),
        ("NVIDIA GeForce RTX 3070", "RTX 3070"), ("NVIDIA GeForce RTX 3090 Ti", "RTX 3090 Ti"),
        ("NVIDIA GeForce RTX 4070 SUPER", "RTX 4070 SUPER"), ("NVIDIA GeForce RTX 4070 Ti", "RTX 4070 Ti"),
        ("NVIDIA GeForce RTX 4070 Ti SUPER", "RTX 4070 Ti SUPER"), ("NVIDIA GeForce RTX 4080 SUPER", "RTX 4080 SUPER"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"), ("NVIDIA GeForce RTX 5060", "RTX 5060"), ("NVIDIA GeForce RTX 5070", "RTX 5070"),
        ("NVIDIA RTX A4000", "RTX A4000"), ("NVIDIA RTX A6000", "RTX A6000"), ("NVIDIA RTX 4000 Ada Generation", "RTX 4000 Ada"),
        ("NVIDIA RTX 5000 Ada Generation", "RTX 5000 Ada"), ("NVIDIA RTX 6000 Ada Generation", "RTX 6000 Ada"),
        ("NVIDIA RTX PRO 4500 Blackwell", "RTX PRO 4500 Blackwell"),
        ("NVIDIA RTX PRO 5000 Blackwell", "RTX PRO 5000 Blackwell 48GB"),
        ("NVIDIA RTX PRO 5000 72GB Blackwell", "RTX PRO 5000 Blackwell 72GB"),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "RTX PRO 6000 Blackwell Workstation"),
        ("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", "RTX PRO 6000 Blackwell Max-Q"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTX PRO 6000 Blackwell Server"),
        ("AMD Instinct MI210", "MI210"), ("AMD Instinct MI250X", "MI250X"), ("AMD Instinct MI300A", "MI300A"),
        ("AMD Instinct MI300X OAM", "MI300X"), ("AMD Instinct MI350X", "MI350X"), ("AMD Radeon RX 7800 XT", "RX 7800 XT"),
        ("AMD Radeon RX 7900 XTX", "RX 7900 XTX"), ("AMD Radeon RX 9070 XT", "RX 9070 XT"),
        ("AMD Radeon PRO W7900", "Radeon PRO W7900"), ("AMD Radeon AI PRO R9700", "Radeon AI PRO R9700"),
        ("Intel(R) Arc(TM) B580 Graphics", "Arc B580"), ("Intel(R) Arc(TM) Pro B60 Graphics", "Arc Pro B60"),
    ],
)  # fmt: skip
def test_names_as_drivers_print_them(printed: str, name: str) -> None:
    assert find_device(printed).name == name


def test_memory_is_what_the_driver_reports() -> None:
    # nvidia-smi of each, and the bytes that rocm-smi prints for an MI300X and an MI355X.
    assert find_device("4090").memory_bytes == 24_564 * 2**20
    assert find_device("h100-sxm").memory_bytes == 81_559 * 2**20
    assert find_device("h200-sxm").memory_bytes == 143_771 * 2**20
    assert find_device("mi300x").memory_bytes == 206_141_652_992
    assert find_device("mi355x").memory_bytes == 309_220_868_096
    # Metal's recommendedMaxWorkingSetSize on an M3 Ultra of 512 GB: 498,216.21 MB.
    assert find_device("m3-ultra 512gb").memory_bytes == pytest.approx(498_216.21e6, rel=1e-7)


def test_a_size_is_read_in_the_unit_it_is_written_in() -> None:
    assert find_device("24GiB").memory_bytes == 24 * 2**30
    assert find_device("24GB").memory_bytes == 24 * 10**9
    assert find_device("24").memory_bytes == 24 * 2**30
    assert "GiB" in find_device("24").note and "22.35 GiB" in find_device("24GB").note
    with pytest.raises(DomainError, match="No device is called"):
        find_device("9" * 400 + "GiB")


@pytest.mark.parametrize("text", ["4091", "h1000", "", "24XB", "-24GiB", "0"])
def test_what_is_no_device_is_refused(text: str) -> None:
    with pytest.raises(DomainError):
        find_device(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("h100", "H100 PCIe, H100 SXM and H100 NVL"), ("h100 80gb", "H100 PCIe and H100 SXM"), ("h200", "H200 SXM and H200 NVL"),
        ("a100", "A100 40GB, A100 80GB SXM and A100 80GB PCIe"), ("a100 80gb", "A100 80GB SXM and A100 80GB PCIe"),
        ("a100 pcie", "A100 40GB and A100 80GB PCIe"), ("h20", "H20 96GB and H20 141GB"), ("v100", "V100 16GB and V100 32GB"),
        ("NVIDIA GB300", "GB300 NVL72 and GB300 DGX Station"), ("gh200", "GH200 96GB and GH200 144GB"),
        ("rtx pro 6000", "Workstation, RTX PRO 6000 Blackwell Max-Q and RTX PRO 6000 Blackwell Server"),
        ("rtx 6000 blackwell", "RTX PRO 6000 Blackwell Max-Q and RTX PRO 6000 Blackwell Server"),
        ("NVIDIA GeForce RTX 3080", "RTX 3080 10GB and RTX 3080 12GB"), ("4060 ti", "RTX 4060 Ti 8GB and RTX 4060 Ti 16GB"),
        ("Apple M4 Max", "M4 Max 36GB, Apple M4 Max 48GB, Apple M4 Max 64GB and Apple M4 Max 128GB"),
        ("Apple M1", "Apple M1 8GB and Apple M1 16GB"), ("w7800", "Radeon PRO W7800 32GB and Radeon PRO W7800 48GB"),
        ("Radeon 8060S Graphics", "Strix Halo 96GB and Strix Halo 128GB"),
        ("AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", "Strix Halo 96GB and Strix Halo 128GB"),
        ("Intel(R) Arc(TM) A770 Graphics", "of which Arc A770 16GB is listed"), ("rtx 6000", "No device is called"),
        ("4090 48GB", "listed with 24 GB"), ("m4 max 32gb", "listed with 36 GB or 48 GB or 64 GB or 128 GB"),
        ("NVIDIA A100-SXM4-80GB MIG 3g.40gb", "MIG slice"), ("1g.10gb", "give its memory, as 10GiB"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", "laptop"), ("GRID A100-20C", "give its memory, as 20GiB"),
        ("NVIDIA A10-24Q", "virtual"),
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
        assert device.bandwidth is not None and 60e9 <= device.bandwidth <= 20e12, device.name


def test_a_name_means_one_device() -> None:
    meant: dict[str, set[str]] = defaultdict(set)
    for row in _rows():
        for name in names(row):
            meant[_plain(name)].add(row["name"])
    assert {name: rows for name, rows in meant.items() if len(rows) > 1} == {}


def test_usable_memory_is_a_little_less_than_the_name_says() -> None:
    # A figure in the wrong unit, or of another card, would stand out. ECC takes up to 6.4 % of GDDR6; the B300's
    # 288 GB are decimal. Of memory that the CPU shares, a GPU may use half (Linux on Strix Halo) to 91 % (an M3 Ultra).
    for device, row in zip(devices(), _rows(), strict=True):
        share = device.memory_bytes / (float(row["vendor_gb"]) * GIB)
        assert (0.5 if row["interconnect"] == "unified memory" else 0.92) <= share <= 1.0, (device.name, share)
        assert row["usable_mib"] != "" or device.memory_basis == "assumed", device.name


def test_shared_memory_says_whose_share_it_is() -> None:
    # Metal's recommendedMaxWorkingSetSize on Macs of 16, 24 and 64 GB: 11,453.25, 17,179.89 and 51,539.61 MB.
    for name, mb in (("m1 pro 16gb", 11_453.25), ("m4 pro 24gb", 17_179.89), ("m1 max 64gb", 51_539.61)):
        assert find_device(name).memory_bytes / 1e6 == pytest.approx(mb, rel=2e-4), name
        assert find_device(name).memory_basis == "assumed" and "of the memory" in find_device(name).memory_source
    halo = find_device("strix halo 128gb")
    assert halo.memory_bytes == 64 * GIB and "by default" in halo.memory_source and "amd-ttm" in halo.note
    assert find_device("gb10").memory_bytes == 122_570 * 2**20 and find_device("gb10").memory_basis == "published"


def test_peaks_are_dense() -> None:
    # 8-bit products are at most four times as fast as 16-bit ones (GeForce: fp8 with 16-bit accumulation), and twice
    # on data-centre parts; a figure "with sparsity" would break these ratios.
    for device in devices():
        bf16, fp8, fp4 = (device.peaks.get(kind) for kind in ("bf16", "fp8", "fp4"))
        if bf16 and fp8:
            geforce = re.fullmatch(r"RTX [45]0\d\d(?! Ada).*", device.name)
            assert fp8 / bf16 == pytest.approx(4 if geforce else 2, rel=0.03), device.name
        if fp8 and fp4:
            assert fp4 / fp8 == pytest.approx(3 if "B300" in device.name else 2, rel=0.01), device.name
        if bf16 and "int8" in device.peaks:
            assert bf16 <= device.peaks["int8"] <= 4.1 * bf16, device.name


@pytest.mark.parametrize(
    ("name", "mib", "bandwidth", "bf16"),
    [
        ("RTX A6000", 49_140, 768, 154.8), ("RTX 2080 Ti", 11_264, 616, 53.8), ("RTX 3080 10GB", 10_240, 760, 59.5),
        ("RTX 3070", 8_192, 448, 40.6),
        ("Strix Halo 96GB", 49_152, 256, 59.4), ("RTX 4070 Ti", 12_282, 504, 80.2), ("L40", 46_068, 864, 181.05),
        ("A40", 46_068, 696, 149.7), ("A30", 24_576, 933, 165), ("H20 96GB", 97_871, 4_000, 148), ("GB200", 189_471, 8_000, 2_500),
        ("GB300 DGX Station", 256_703, 7_100, None), ("GH200 144GB", 146_831, 4_900, 989), ("GB10", 122_570, 273, None),
        ("RTX PRO 6000 Blackwell Server", 97_887, 1_597, 480), ("RTX PRO 5000 Blackwell 72GB", 73_415, 1_344, None),
        ("RX 7900 XTX", 24_560, 960, 122.8), ("RX 9070 XT", 16_304, 644, 194.6), ("Radeon AI PRO R9700", 32_624, 644, 191.4),
        ("MI210", 65_520, 1_638, 181), ("MI250X", 65_520, 1_638, 191.5), ("Arc Pro B60", 24_480, 456, 98.3),
        ("Apple M4 Max 36GB", 27_648, 410, None), ("Apple M4 Max 48GB", 36_864, 546, None),
        ("Apple M3 Max 36GB", 27_648, 300, None), ("Apple M5 Max 128GB", 98_304, 614, None), ("P40", 23_040, 347, None),
    ],
)  # fmt: skip
def test_figures_checked_by_hand(name: str, mib: int, bandwidth: float, bf16: float | None) -> None:
    # Memory as nvidia-smi, rocm-smi, Vulkan and CUDA print it in recorded outputs; the rest from each row's source.
    device = find_device(name)
    assert (device.memory_bytes, device.bandwidth) == (mib * 2**20, bandwidth * GB)
    assert device.peaks.get("bf16") == (None if bf16 is None else bf16 * 1e12)


def test_every_device_says_whose_it_is_and_what_its_kernels_are_built_for() -> None:
    forms = {"nvidia": r"\d{1,2}\.\d", "amd": r"gfx[0-9a-f]{3,4}", "intel": "", "apple": ""}
    for device in devices():
        assert re.fullmatch(forms[device.vendor], device.capability), device.name
        assert (device.compute is not None) == (device.vendor == "nvidia"), device.name
    assert [find_device(name).compute for name in ("t4", "b300", "gb10", "p40")] == [(7, 5), (10, 3), (12, 1), (6, 1)]
    targets = {
        "mi300x": "gfx942",
        "mi250x": "gfx90a",
        "7900 xtx": "gfx1100",
        "9070": "gfx1201",
        "strix halo 64gb": "gfx1151",
    }
    assert {name: find_device(name).capability for name in targets} == targets
    assert find_device("24GiB").vendor == "" and find_device("24GiB").compute is None
