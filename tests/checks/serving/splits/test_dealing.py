"""Unequal devices: which gets which layers, what each holds, how fast they are and how the engine is told; by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from serving_models import llama_8b
from serving_ways import way

from ropescope.checks.fit import fit_report
from ropescope.checks.launch import launch_report
from ropescope.checks.serving.devices.device import GIB
from ropescope.checks.serving.devices.lists import listed, read_devices, weakest
from ropescope.checks.serving.fitting.fit import fit, splits
from ropescope.checks.serving.fitting.ways_to_fit import ways_to_fit
from ropescope.checks.serving.inputs import HeldInputs, read_serving
from ropescope.checks.serving.memory.demand import each_device
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.speed.roofline import decode, prefill
from ropescope.checks.serving.splits.dealing import automatic, balanced, by_shares
from ropescope.checks.serving.support.kernels import support_problem, support_remarks
from ropescope.checks.speed import Assumptions, SpeedInputs, speed_report
from ropescope.errors import DomainError

LAYER = 2 * (2 * 4_096 * 4_096 + 2 * 4_096 * 1_024 + 3 * 4_096 * 14_336 + 2 * 4_096)
"""Bytes of a layer of Llama-3.1-8B in 16 bits, and of its output."""
OUTPUT = 2 * 128_256 * 4_096
TOKEN = 2 * 1_024 * 2
"""Bytes of a token in the cache of one layer."""


def on(gpu: str, engine: str = "llama.cpp", **more: Any) -> Serving:
    inputs = SpeedInputs if {"bandwidth", "tflops"} & set(more) else HeldInputs
    return read_serving(llama_8b(), inputs(source="m", gpu=gpu, engine=engine, **{"context": 8192, **more}))


@pytest.mark.parametrize(
    ("n_slots", "shares", "sizes"),
    [
        (
            33,
            (1, 1),
            (17, 16),
        ),  # 32 layers: 16 / 33 is under a half still, so the first has 17, the second 15 and the output
        (34, (1, 1), (17, 17)),  # 17 / 34 is a half, which does not exceed it
        (33, (24, 16), (20, 13)),  # 19 / 33 = 0.576 < 0.6 < 20 / 33
        (33, (20, 13), (20, 13)),  # --tensor-split in slots is exact
        (5, (100, 1, 1), (5, 0, 0)),  # 4 / 5 is under 100 / 102: small shares get nothing, the output neither
        (33, (1, 1, 1), (11, 11, 11)),
    ],
)
def test_slots_go_to_the_first_device_whose_cumulative_share_exceeds_theirs(
    n_slots: int, shares: tuple[int, ...], sizes: tuple[int, ...]
) -> None:
    assert tuple(map(len, by_shares(n_slots, shares))) == sizes


def test_balance_leaves_the_fullest_device_the_most() -> None:
    # 10 slots of 1 GiB and an output of 3 in rooms of 9 and 6: 8 leave 1 and 1; 7 would leave 2 and 0.
    assert balanced([GIB] * 10 + [3 * GIB], [9 * GIB, 6 * GIB]) == (range(8), range(8, 11))
    # Nothing fits 4 and 4: 13 are dealt so that no device lacks more than 3.
    assert tuple(map(len, balanced([GIB] * 10 + [3 * GIB], [4 * GIB, 4 * GIB]))) == (7, 4)


@pytest.mark.parametrize(
    ("tied", "memories"), [(False, (10**9, 10**9)), (True, (10**9, 10**9)), (False, (1_100_000, 10**9))]
)
def test_transformers_deals_as_accelerate_does(tied: bool, memories: tuple[int, ...]) -> None:
    torch, accelerate = pytest.importorskip("torch"), pytest.importorskip("accelerate")
    transformers = pytest.importorskip("transformers")
    from transformers.integrations.accelerate import get_balanced_memory

    config = transformers.LlamaConfig(
        hidden_size=64,
        intermediate_size=256,
        num_hidden_layers=12,
        num_attention_heads=4,
        num_key_value_heads=4,
        vocab_size=1_000,
        tie_word_embeddings=tied,
    )
    with torch.device("meta"):
        model = transformers.LlamaForCausalLM(config)
    model.tie_weights()
    kinds = ["LlamaDecoderLayer"]
    limits = get_balanced_memory(
        model, max_memory={**dict(enumerate(memories)), "cpu": 10**12}, no_split_module_classes=kinds
    )
    found = accelerate.infer_auto_device_map(model, max_memory=limits, no_split_module_classes=kinds)
    layer, vocabulary = 4 * (4 * 64 * 64 + 3 * 64 * 256 + 2 * 64), 4 * 64 * 1_000
    dealt = automatic([layer] * 12 + [0 if tied else vocabulary], vocabulary, memories)
    expected = [place for place, slots in enumerate(dealt) for _ in range(len(slots))][:12]
    assert [found.get(f"model.layers.{n}", found.get("model.layers", found.get(""))) for n in range(12)] == expected
    assert 0 < sum(expected) < 12


def test_a_list_names_devices_in_order() -> None:
    several = read_devices("2x3090, 4080")
    assert [one.name for one in several] == ["RTX 3090", "RTX 3090", "RTX 4080"]
    assert listed(several) == "2 × RTX 3090 + RTX 4080"
    worst = weakest(several)
    assert (worst.memory_bytes, worst.bandwidth) == (several[2].memory_bytes, several[2].bandwidth)
    assert worst.compute == (8, 6) and "fp8" not in worst.peaks  # an RTX 3090 has no units for it
    alike = on("2x3090")
    assert (alike.count, alike.unequal, alike.device) == (2, (), several[0])


@pytest.mark.parametrize(
    ("gpu", "engine", "more", "why"),
    [
        ("3090,4080", "llama.cpp", {"count": 2}, "names 2 devices already: leave `count` out"),
        ("3090,4080", "vllm", {"bandwidth": 900.0}, "`bandwidth` states the figure of one device"),
        ("3090,4080", "vllm", {"tflops": 90.0}, "`tflops` states the figure of one device"),
        ("3090,,4080", "vllm", {}, "empty entry"),
        ("0x3090", "vllm", {}, "does not name 1 to 64 devices"),
        ("40x3090,40x4080", "vllm", {}, "does not name 1 to 64 devices"),
        ("3090,m4-max-64gb", "llama.cpp", {}, "M4 Max 64GB shares no model"),
        ("3090,mi300x", "vllm", {}, "devices of one vendor"),
        ("3090,4080", "vllm", {"tp": 4}, "`gpu` names 2"),
        ("3090,nothing-like-it", "vllm", {}, "No device is called 'nothing-like-it'"),
    ],
)
def test_a_list_that_cannot_be_is_refused(gpu: str, engine: str, more: dict[str, Any], why: str) -> None:
    with pytest.raises(DomainError, match=why):
        on(gpu, engine, **more)


def test_llama_cpp_deals_by_memory_where_that_fits() -> None:
    # 24,576 and 16,376 MiB: 20 of 33 slots are 0.606 of all, and 24,576 / 40,952 is 0.6001.
    large, small = each_device(on("3090,4080"))
    assert (large.slots, small.slots) == (range(20), range(20, 33))
    assert large.demand.weights.n_bytes == pytest.approx(20 * LAYER, abs=20_000)
    assert small.demand.weights.n_bytes == pytest.approx(12 * LAYER + OUTPUT, abs=20_000)
    assert (large.demand.cache.n_bytes, small.demand.cache.n_bytes) == (20 * 8_192 * TOKEN, 12 * 8_192 * TOKEN)
    # Equal devices are dealt alike: 17 layers, and 15 with the output.
    assert [len(one.slots) for one in each_device(on("2x3090"))] == [17, 16]


def test_where_shares_of_memory_do_not_fit_another_split_is_counted_and_printed() -> None:
    # At 102,400 tokens a layer takes 416 MiB of weights and 400 of cache. By memory (24 : 8) the second has 7 layers and the
    # output, 6,714 MiB, beside 0.7 GiB of other things and the margin: more than 8 GiB. 27 and 6 slots leave 0.8 and 1.3 GiB;
    # 26 and 7 would leave 1.6 and 0.5.
    serving = on("24GiB,8GiB", context=102_400)
    assert [len(slots) for slots in by_shares(33, (24, 8))] == [25, 8]
    found = fit(serving)
    assert found.ok and [len(one.slots) for one in each_device(serving)] == [27, 6]
    launched = launch_report(serving)
    assert "--tensor-split 27,6" in launched.data["command"]
    assert any("--fit moves nothing" in remark for remark in launched.data["remarks"])
    # The longest context is the last at which some split has room on every device.
    longest = found.longest_context or 0
    assert fit(replace(serving, context_tokens=longest)).ok
    assert not fit(replace(serving, context_tokens=longest + 256)).ok
    # Of what fits nowhere --fit is left to move a part to system memory.
    assert "--tensor-split" not in launch_report(on("8GiB,4GiB")).data["command"]
    assert "--tensor-split" not in launch_report(on("2x3090")).data["command"]


def test_a_report_tells_each_device() -> None:
    report = fit_report(on("3090,4080"))
    assert "fits RTX 3090 + RTX 4080" in report.verdict and "on the RTX 4080" in report.verdict
    devices = report.data["devices"]
    assert [(one["device"], one["layers"], one["output"]) for one in devices] == [
        ("RTX 3090", 20, False),
        ("RTX 4080", 12, True),
    ]
    assert min(one["spare_bytes"] for one in devices) == report.data["spare_bytes"]
    bars, marks = (layer["data"]["values"] for layer in report.figures[0].spec["layer"])
    held = [sum(bar["gib"] for bar in bars if bar["case"] == case) for case in ("1: RTX 3090", "2: RTX 4080")]
    assert held == pytest.approx([one["total_bytes"] / 2**30 for one in devices])
    # What the drivers report: 24,576 and 16,376 MiB.
    assert [mark["at"] for mark in marks if mark["what"] == "device"] == pytest.approx([24.0, 16_376 / 1024], rel=0.01)
    assert any("20 layers to RTX 3090, 12 layers and the output to RTX 4080" in said for said in report.caveats)
    assert [found.serving.device.name for found in splits(on("3090,4080"))][:2] == ["RTX 4080", "RTX 3090"]


def test_engines_that_cut_layers_take_each_device_for_the_smallest() -> None:
    mixed, alike = on("3090,4080", "vllm"), way(llama_8b(), "4080", "vllm", 8_192, count=2)
    assert fit(mixed).demand.total == fit(alike).demand.total and fit(mixed).budget.n_bytes == fit(alike).budget.n_bytes
    assert decode(mixed).seconds == decode(alike).seconds
    assert any("counted as the RTX 4080" in said for said in fit_report(mixed).caveats)
    staged = on("3090,4080", "vllm", pp=2)
    assert any("VLLM_PP_LAYER_PARTITION" in said for said in fit_report(staged).caveats)
    # An engine must run on every one of them.
    assert "V100 16GB has 7.0" in support_problem(on("3090,v100-16gb", "vllm"))
    assert "bfloat16" in " ".join(support_remarks(on("3090,t4", "vllm")))


def test_sglang_refuses_tensors_over_devices_of_unlike_memory() -> None:
    mixed = on("3090,4080", "sglang")  # 16,376 MiB are two thirds of 24,576
    assert "less than 90% of the free memory" in fit(mixed).problem
    assert "split as `tp` 1 `pp` 2" in {way_out.change for way_out in ways_to_fit(mixed)}
    assert not fit(on("24GiB,23GiB", "sglang")).problem


def test_layers_are_passed_in_turn_each_at_its_device_s_bandwidth() -> None:
    # (20 layers) / 936.2 GB/s + (12 layers and the output) / 716.8 GB/s, each layer with 8,192 tokens of cache.
    layer = LAYER + 8_192 * TOKEN
    step = decode(on("3090,4080"))
    assert step.seconds == pytest.approx(20 * layer / 936.2e9 + (12 * layer + OUTPUT) / 716.8e9, rel=1e-3)
    speed = speed_report(Assumptions(on("3090,4080")))
    assert speed.data["bandwidth_bytes_per_second"] == pytest.approx((32 * layer + OUTPUT) / step.seconds, rel=1e-3)
    # Alike devices that are named one by one and counted agree.
    assert decode(on("2x3090")) == decode(way(llama_8b(), "3090", "llama.cpp", 8_192, count=2))
    with pytest.raises(DomainError, match="bandwidth of device of 16GiB is not known"):
        decode(on("3090,16GiB"))


def test_prompts_are_read_at_the_pace_of_the_slowest_stage() -> None:
    # So many prompts that filling the pipeline takes no time: all is paced by the slower of the two.
    serving = on("3090,4080")
    many = prefill(serving, 4_096)
    alone = prefill(replace(serving, device=serving.unequal[0], count=1, unequal=()), 4_096)
    assert alone.compute_seconds is not None and many.compute_seconds is not None
    # 20 of 32 layers and no output, on the device whose arithmetic was counted alone.
    shares = (alone.compute_seconds * 20 / 32, alone.compute_seconds * 12 / 32 * 71 / 48.7)
    assert many.compute_seconds < alone.compute_seconds
    assert many.compute_seconds == pytest.approx(max(shares), rel=0.2)


def test_vendors_meet_in_llama_cpp_alone() -> None:
    assert any("Vulkan" in said for said in fit_report(on("3090,mi300x")).caveats)
