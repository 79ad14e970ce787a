"""Sets of devices are counted as `fit` and `speed` count one, and none that is shown is beaten by another."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise

import pytest
from serving_models import llama_8b, qwen_30b_a3b

from ropescope.checks.hardware import read_prices
from ropescope.checks.hardware_report import hardware_report
from ropescope.checks.serving.devices.device import devices, find_device
from ropescope.checks.serving.fitting.fit import fit, working_split
from ropescope.checks.serving.hardware.search import Wish, counts_up_to, front, search
from ropescope.checks.serving.inputs import with_parameters
from ropescope.checks.serving.speed.roofline import decode
from ropescope.errors import InputError
from ropescope.models.config.reading import from_config
from ropescope.report.figure import png
from ropescope.report.report import Report, Step

LONG = Wish(llama_8b(), 131_072)


def report(wish: Wish, *names: str, most: int = 8) -> Report:
    """The answer among the devices named, or all."""
    among = tuple(map(find_device, names)) or devices()
    return hardware_report(wish, search(wish, among, counts_up_to(most)), most)


def test_llama_8b_at_128k_needs_two_4090() -> None:
    found = search(LONG, (find_device("4090"),), (1, 2, 4)).found
    # 14.96 GiB of weights and 16 GiB of cache: more than the 22.1 GiB of one that vLLM may use, half of it less.
    assert [one.serving.count for one in found] == [2, 4]
    assert found[0].budget_bytes == pytest.approx(0.92 * 24_564 * 2**20, rel=0.01)
    assert fit(found[0].serving).ok and fit(found[0].serving).demand.total == found[0].total_bytes
    verdict = report(LONG, "4090", "h100-sxm").verdict
    assert "1 × H100 SXM (at most 104 tokens/s); 2 × RTX 4090 (at most 62.6 tokens/s)." in verdict


@pytest.mark.parametrize("engine", [None, "sglang", "transformers"])
def test_what_is_counted_once_is_what_fit_and_speed_count(engine: str | None) -> None:
    """Each set that is found fits, with the same numbers; each that is not does not, whatever its split."""
    wish = Wish(
        qwen_30b_a3b(),
        32_768,
        batch=4,
        precisions=("stored", "Q4_K_M") if engine is None else ("stored",),
        engine=engine,
    )
    among, counts = devices()[::13], (1, 2, 8)
    found = search(wish, among, counts).found
    assert len(found) > 8
    for one in found:
        told = fit(one.serving)
        assert told.ok and (told.demand.total, told.budget.n_bytes) == (one.total_bytes, one.budget_bytes)
        assert one.step == decode(one.serving)
    there = {(one.serving.device.name, one.serving.count) for one in found if one.serving.precision == "stored"}
    like = {one.serving.device.vendor: one.serving for one in found if one.serving.precision == "stored"}
    for device in among:
        if device.vendor not in like or device.vendor == "apple":
            continue
        for count in counts:
            alike = replace(like[device.vendor], device=device, count=count, parallel=None)
            assert fit(working_split(alike)).ok == ((device.name, count) in there), (device.name, count)


def test_the_front_without_prices_is_of_count_and_memory() -> None:
    sets = front(search(LONG, devices(), (1, 2, 4, 8)).found)
    numbers = [(one.serving.count, one.serving.device.memory_bytes) for one in sets]
    assert [count for count, _ in numbers] == [1, 2, 4, 8]
    assert all(earlier > later for (_, earlier), (_, later) in pairwise(numbers))
    assert report(LONG).data["prices"] == {} and "Cheapest" not in report(LONG).verdict


def test_the_front_with_prices_by_hand() -> None:
    prices = read_prices(["4090=0.40", "h100-sxm=2.5", "a100 80gb sxm=3"])
    wish = Wish(llama_8b(), 32_768, batch=8, prices=prices)
    found = report(wish, *prices)
    assert found.verdict.startswith(
        "Cheapest for meta-llama/Llama-3.1-8B at 32,768 tokens × 8: 4 × RTX 4090 at 1.6 an hour"
    )
    sets = {(one["count"], one["device"]): one for one in found.data["sets"]}
    one = sets[1, "H100 SXM"]
    # Weights and 8 caches at 3,350 GB/s; a million tokens at 2.50 an hour.
    seconds = (2 * (8_030_261_248 - 525_336_576) + 8 * 32_768 * 131_072) / 3.35e12
    assert one["tokens_per_second"] == pytest.approx(8 / seconds) and one["price_per_hour"] == 2.5
    assert one["cost_per_million_tokens"] == pytest.approx(2.5 / 3600 / (8 / seconds) * 1e6)
    # One H100 is beaten by four 4090s: cheaper (1.6), faster, and with more memory to spare.
    assert not one["on_front"] and sets[4, "RTX 4090"]["on_front"]
    goals = {
        key: (-each["price_per_hour"], each["tokens_per_second"], each["spare_bytes"]) for key, each in sets.items()
    }
    for key, goal in goals.items():
        beaten = any(
            other != goal and all(a >= b for a, b in zip(other, goal, strict=True)) for other in goals.values()
        )
        assert sets[key]["on_front"] == (not beaten), key


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("4090", "names no device with its price"),
        ("a100=2", "is one of A100 40GB"),
        ("4090=0", "above 0"),
        ("nothing=1", "known by name"),
    ],
)
def test_prices_that_cannot_be_read(entry: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        read_prices([entry])
    assert caught.value.field == "price"


def test_nothing_that_serves_says_what_is_closest() -> None:
    told = report(Wish(llama_8b(), 131_072, batch=4096), "4090", "b200")
    assert (
        told.verdict.startswith("No set of up to 8 of the 2 devices considered holds")
        and "Closest: 8 × B200" in told.verdict
    )
    assert told.tables == () and told.next_steps


def test_all_devices_in_a_moment() -> None:
    """Some 170 devices in four numbers and three precisions: far less than a second of the processor."""
    wish = Wish(llama_8b(), 65_536, precisions=("stored", "fp8", "awq"))
    search(wish, devices()[:2], (1, 2))
    began = time.process_time()
    found = report(wish)
    assert time.process_time() - began < 3 and len(found.data["sets"]) > 700
    assert png(found.figures[0], scale=1).startswith(b"\x89PNG")


def test_an_encoder_has_no_speed_and_a_shared_memory_no_second_device() -> None:
    encoder = {
        "model_type": "bert",
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "vocab_size": 30522,
    }
    model = with_parameters(from_config({**encoder, "architectures": ["BertModel"]}), 110_000_000, None)
    wish = Wish(model, 512)
    gb10, halo = find_device("gb10"), find_device("strix halo 32gb")
    searched = search(wish, (gb10, halo, find_device("l4")), (1, 2))
    assert [(one.serving.device.name, one.serving.count) for one in searched.found] == [
        ("GB10", 1), ("Strix Halo 32GB", 1), ("L4", 1), ("L4", 2),
    ]  # fmt: skip
    report = hardware_report(wish, searched, 2)
    assert report.figures == () and [step.question for step in report.next_steps if isinstance(step, Step)] == ["fit"]
