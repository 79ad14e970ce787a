"""Fit: the culprit, the longest context and the largest batch exactly, ways out that really are, and the report."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from serving_models import MODELS, deepseek_v3, gemma_27b, llama_8b, mamba_3b, qwen_30b_a3b
from serving_ways import way
from stored_models import LLAMA_31_8B

from ropescope.checks.devices import devices_report
from ropescope.checks.fit import fit_report
from ropescope.checks.serving.devices.device import devices
from ropescope.checks.serving.engines.engine import ENGINES
from ropescope.checks.serving.fitting.fit import fit, longest_context, splits
from ropescope.checks.serving.fitting.ways_to_fit import ways_to_fit
from ropescope.checks.serving.memory.demand import demand, fits
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.splits.rules import split_problem
from ropescope.checks.speed import Assumptions, speed_report
from ropescope.errors import InputError
from ropescope.models import count_parameters, from_config
from ropescope.models import open as open_model
from ropescope.report.figure import svg
from ropescope.report.json import to_json
from ropescope.report.terminal import to_text


def test_llama_on_a_24_gib_card() -> None:
    # 16.06 GB of weights, of which llama.cpp leaves 1.05 GB in system memory; 128 KiB of cache a token.
    found = fit(way(llama_8b(), "4090", "llama.cpp", 8_192))
    assert found.outcome == "fits" and found.ok
    found = fit(way(llama_8b(), "4090", "llama.cpp", 131_072))
    assert found.outcome == "cache-bound" and not found.ok
    room = 23_540 * 2**20 - (16_060_522_496 - 1_050_673_152) - 2**29
    # A micro-batch's working set (2 × 4,096 and 3 × 14,336 values in 32 bits) and mask (2 bytes a token) come beside.
    layer = 512 * (2 * 4_096 + 3 * 14_336) * 4
    assert found.longest_context == (room - layer) // (131_072 + 2 * 512) // 256 * 256 == 68_352


def test_outcomes_name_the_culprit() -> None:
    assert fit(way(llama_8b(), "4090", "llama.cpp", 66_000)).outcome == "tight"
    assert fit(way(gemma_27b(), "4090", "llama.cpp", 4_096)).outcome == "weights-bound"
    assert fit(way(deepseek_v3(), "h200-sxm", "vllm", 32_768, 8, count=8)).outcome == "fits"
    # The published tool's formulas made Qwen3-30B-A3B a model of 5.5 GiB that fits a 24 GB card in bf16.
    assert fit(way(qwen_30b_a3b(), "4090", "vllm", 4_096)).outcome == "weights-bound"
    split = fit(way(llama_8b(), "h100-sxm", "vllm", 8_192, count=3))
    assert split.outcome == "cannot be split" and not split.ok and split.longest_context == 0


def test_a_cache_type_that_cannot_hold_the_heads_is_no_way_out() -> None:
    # Phi-2's heads have 80 numbers: no block of 32 divides them, and 5.2 GiB in 16 bits do not fit 4.
    phi = from_config(
        {
            "model_type": "phi",
            "hidden_size": 2560,
            "intermediate_size": 10_240,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "vocab_size": 51_200,
            "max_position_embeddings": 2_048,
        }
    )
    phi = replace(phi, parameters=count_parameters(phi), dtype="float16")
    changes = [found.change for found in ways_to_fit(way(phi, "4GiB", "llama.cpp", 2_048))]
    assert changes and not any("cache" in change for change in changes)


def test_latents_are_one_vector_whatever_the_heads() -> None:
    # Kimi K2: 64 heads share latents of 512 + 64 numbers, 18 blocks of 32; 576 / 64 would be no multiple of 32.
    latents = deepseek_v3()
    kimi = replace(latents, layers=tuple(replace(layer, n_heads=64, n_kv_heads=64) for layer in latents.layers))
    assert demand(way(kimi, "h200-sxm", "llama.cpp", 4_096, cache="q8_0")).cache.n_bytes == 61 * 4_096 * 18 * 34


def test_nothing_bounds_the_context_of_a_state_space_model() -> None:
    found = fit(way(mamba_3b(), "4090", "llama.cpp", 4_096))
    assert found.longest_context is None and found.largest_batch is not None


servings = st.builds(
    lambda model, engine, device, context, batch, count: Serving(
        model, device, engine, context, engine.cache_type("auto"), batch, count
    ),
    st.sampled_from([make() for make in MODELS]),
    st.sampled_from(list(ENGINES.values())),
    st.sampled_from(devices()),
    st.integers(1, 200_000),
    st.integers(1, 100),
    st.sampled_from([1, 2, 4, 8]),
)


@settings(deadline=None, max_examples=120)
@given(servings)
def test_the_longest_context_fits_and_one_token_more_does_not(serving: Serving) -> None:
    longest = longest_context(serving)
    if longest is None:
        assert fits(replace(serving, context_tokens=2**30))
        return
    assert not fits(replace(serving, context_tokens=longest + 1))
    assert longest == 0 or fits(replace(serving, context_tokens=longest))


@settings(deadline=None, max_examples=120)
@given(servings)
def test_the_largest_batch_fits_and_one_sequence_more_does_not(serving: Serving) -> None:
    found = fit(serving)
    assume(not found.problem)
    if found.largest_batch is None:  # so little a sequence that a million fit
        assert fits(replace(serving, batch=2**20))
        return
    assert not fits(replace(serving, batch=found.largest_batch + 1))
    assert found.largest_batch == 0 or fits(replace(serving, batch=found.largest_batch))
    assert found.ok == (serving.batch <= found.largest_batch) == (found.spare_bytes >= 0)


@settings(deadline=None, max_examples=60)
@given(servings)
def test_every_way_out_is_one(serving: Serving) -> None:
    ways = ways_to_fit(serving)
    problem = split_problem(serving)
    assert (ways == ()) if fits(serving) and not problem else True
    for found in ways:
        assert fits(found.serving) and not split_problem(found.serving)
        assert found.serving != serving and found.spare_bytes >= 0


def test_ways_out_come_least_harm_first() -> None:
    crowded = ways_to_fit(way(llama_8b(), "h100-sxm", "vllm", 8_192, 100))
    assert [found.change for found in crowded][:2] == ["cache in fp8", "batch 55 instead of 100"]
    assert crowded[0].serving.cache_type.kind == "fp8"
    # Neither fewer bits nor an 8-bit cache alone brings Gemma 27B with 131,072 tokens onto 24 GiB; together they do.
    gemma = ways_to_fit(way(gemma_27b(), "4090", "llama.cpp", 131_072))
    assert gemma[0].change == "weights in Q4_K_M, cache in q8_0"
    # Where the user would accept less context, that costs nothing and comes first.
    shorter = ways_to_fit(way(llama_8b(), "4090", "llama.cpp", 131_072), min_context=32_768)
    assert shorter[0].serving.context_tokens == 68_352
    assert ways_to_fit(way(llama_8b(), "4090", "llama.cpp", 131_072))[0].change == "weights in Q6_K"
    experts = next(
        w for w in ways_to_fit(way(deepseek_v3(), "h100-sxm", "llama.cpp", 4_096)) if w.serving.cpu_moe_layers
    )
    assert not fits(replace(experts.serving, cpu_moe_layers=experts.serving.cpu_moe_layers - 1))


def test_splits_are_valid_or_say_why_not() -> None:
    table = {found.serving.count: found for found in splits(way(llama_8b(), "4090", "vllm", 8_192, count=3))}
    assert set(table) == {1, 2, 3, 4, 8, 16}
    assert table[3].problem and not table[4].problem
    assert table[2].demand.weights.n_bytes == pytest.approx(table[1].demand.weights.n_bytes / 2, rel=1e-3)


def test_the_shortest_context_is_no_longer_than_the_one_asked_for() -> None:
    with pytest.raises(InputError, match="`min_context` is 65,536, and `context` 32,768 is shorter"):
        fit_report(way(llama_8b(), "4090", "llama.cpp", 32_768), min_context=65_536)


def test_the_first_line_is_the_answer_and_the_data_are_plain() -> None:
    report = fit_report(way(llama_8b(), "4090", "llama.cpp", 131_072))
    first = to_text(report, width=200).splitlines()[0]
    assert first.startswith(
        "meta-llama/Llama-3.1-8B at 131,072 tokens × 1 does not fit one RTX 4090: it needs 30.7 GiB"
    )
    assert "the culprit is the cache" in report.verdict and "Cheapest way out: weights in Q6_K." in report.verdict
    data = json.loads(to_json(report))
    assert data["bytes"]["cache"] == 16 * 2**30 and data["bytes"]["weights"] == 15_009_849_344
    assert data["total_bytes"] == sum(data["bytes"].values()) and not data["fits"]
    assert data["longest_context"] == 68_352 and data["largest_batch"] == 0
    assert data["basis"] == {"weights": "config", "cache": "formula", "activations": "formula", "overhead": "published"}
    assert {way["change"] for way in data["rescues"]} >= {"weights in Q6_K", "2 devices"}


def test_caveats_say_what_was_not_asked_for() -> None:
    beyond = fit_report(way(llama_8b(), "h200-sxm", "vllm", 200_000))
    assert any("more than the 131,072 that the model states" in text for text in beyond.caveats)
    mistral = replace(gemma_27b(), model_type="mistral")
    held = fit_report(way(mistral, "h200-sxm", "llama.cpp", 8_192))
    assert any("holds the sliding layers of this architecture in full" in text for text in held.caveats)
    experts = fit_report(way(qwen_30b_a3b(), "h200-sxm", "vllm", 8_192, precision="awq"))
    assert any("All experts are held" in text for text in experts.caveats)
    assert any("needs a checkpoint" in text for text in experts.caveats)


def test_the_picture_stacks_the_parts_of_every_bar() -> None:
    serving = way(deepseek_v3(), "h200-sxm", "vllm", 32_768, 8, count=8)
    report = fit_report(serving)
    spec = report.figures[0].spec
    values = spec["layer"][0]["data"]["values"]
    shown = sum(entry["gib"] for entry in values if entry["case"] == "as asked, 8 devices")
    assert shown * 2**30 == pytest.approx(fit(serving).demand.total)
    assert {entry["part"] for entry in values} == {"weights", "cache", "activations", "overhead"}
    lines = [entry["at"] for entry in spec["layer"][1]["data"]["values"]]
    assert lines == pytest.approx([143_771 / 1_024 * 0.92, 143_771 / 1_024], rel=1e-6)
    assert svg(report.figures[0]).startswith("<svg")


def test_the_devices_are_listed_with_their_sources() -> None:
    table = devices_report().tables[0]
    assert len(table.rows) == len(devices())
    row = next(row for row in table.rows if row[0] == "RTX 4090")
    assert row[1] == pytest.approx(24_564 / 1_024) and row[2] == 1_008 and str(row[-1]).startswith("https://")


def test_a_lower_bound_never_fits() -> None:
    quantised = {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "config_groups": {
            "g": {
                "targets": ["Linear"],
                "weights": {"num_bits": 4, "type": "int", "group_size": 128, "symmetric": True},
            }
        },
    }
    plain = open_model({**LLAMA_31_8B, "quantization_config": quantised})
    known = fit_report(way(plain, "4090", "vllm", 8_192))
    assert " fits " in known.verdict and known.data["fits"] is True and not known.data["lower_bound"]
    model = open_model({**LLAMA_31_8B, "quantization_config": quantised | {"ignore": ["model.layers.7.mystery_proj"]}})
    report = fit_report(way(model, "4090", "vllm", 8_192))
    assert "needs at least" in report.verdict and "lower bound" in report.verdict and "fits" not in report.verdict
    assert report.data["fits"] is None and report.data["outcome"] == "may fit" and not report.data["rescues"]
    assert any("mystery_proj" in caveat for caveat in report.caveats)
    # What does not fit even so does not fit; what was counted without it is no way out.
    small = fit_report(way(model, "8GiB", "vllm", 8_192))
    assert "does not fit" in small.verdict and "at least" in small.verdict and small.data["fits"] is False
    fast = speed_report(Assumptions(way(model, "4090", "vllm", 8_192)))
    assert {row[-1] for row in fast.tables[0].rows} == {None, False} and any(
        "lower bound" in text for text in fast.caveats
    )
    wide = open_model({**LLAMA_31_8B, "mystery_hidden_size": 99_999})
    assert fit_report(way(wide, "h100-sxm", "vllm", 8_192)).data["lower_bound"] == ["mystery_hidden_size"]
