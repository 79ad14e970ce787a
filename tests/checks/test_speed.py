"""The ceiling: bytes and operations by hand, the knee, and what a token costs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serving_models import MODELS, deepseek_v3, gemma_27b, llama_8b, mamba_3b, qwen_30b_a3b
from serving_ways import way

from ropescope.checks.serving.engines.engine import ENGINES
from ropescope.checks.serving.parallel import Parallel
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.speed.attended import query_key_pairs
from ropescope.checks.serving.speed.roofline import (
    MANY_PROMPTS,
    compute_bound_batch,
    decode,
    prefill,
)
from ropescope.checks.serving.speed.traffic import experts_touched
from ropescope.checks.speed import Assumptions, cost_per_million, speed_report
from ropescope.errors import DomainError
from ropescope.models import from_config
from ropescope.models.cache import LayerCache
from ropescope.models.model import Layer, Model, Sparse
from ropescope.models.parameters import Parameters, Quantization
from ropescope.models.quantization import quantization_of
from ropescope.report.figure import svg
from ropescope.report.json import to_json

READ = 16_060_522_496 - 2 * 525_336_576
"""Llama-3.1-8B without its token embedding, of which a step reads one row a sequence."""


def test_decoding_one_sequence_reads_the_weights_and_its_cache() -> None:
    step = decode(way(llama_8b(), "h100-sxm", "vllm", 8_192))
    assert step.weight_bytes == READ and step.cache_bytes == 2**30
    assert step.seconds == pytest.approx((READ + 2**30) / 3.35e12)
    assert step.bound == "memory" and step.tokens_per_second == pytest.approx(208.3, abs=0.1)
    # Two operations a weight, and for each of 32 layers × 32 heads two products of 128 with 8,192 keys and values.
    assert step.operations == READ + 32 * 32 * 2 * (128 + 128) * 8_192


def test_decoding_many_reads_the_weights_once() -> None:
    step = decode(way(llama_8b(), "h100-sxm", "vllm", 8_192, 32))
    assert step.weight_bytes == READ and step.cache_bytes == 32 * 2**30
    assert step.tokens_per_second == pytest.approx(32 * 3.35e12 / (READ + 2**35))


def test_quantised_weights_are_read_in_their_size() -> None:
    step = decode(way(llama_8b(), "4090", "llama.cpp", 256, precision="Q4_K_M"))
    assert step.weight_bytes == pytest.approx((8_030_261_248 - 525_336_576) * 4.8944 / 8, rel=1e-9)
    cache = decode(way(llama_8b(), "4090", "llama.cpp", 256, cache="q8_0")).cache_bytes
    assert cache == 256 * 131_072 * 34 / 64


def test_experts_are_read_as_they_are_called() -> None:
    serving = way(qwen_30b_a3b(), "h100-sxm", "vllm", 256)
    assert experts_touched(serving, 1) == pytest.approx(8 / 128)
    assert experts_touched(serving, 2) == pytest.approx(1 - (120 / 128) ** 2)
    assert experts_touched(way(llama_8b(), "h100-sxm", "vllm", 256), 1) == 1
    # One token reads what is active, but for the embedding; very many read everything.
    one, many = decode(serving), decode(serving, 100_000)
    assert one.weight_bytes == pytest.approx(2 * (3_353_032_704 - 311_164_928))
    assert many.weight_bytes == pytest.approx(2 * (30_532_122_624 - 311_164_928))
    assert one.operations == pytest.approx(2 * (3_353_032_704 - 311_164_928) + 48 * 32 * 2 * 256 * 256)
    # The same when the files tell the counts alone, and not their parts.
    assert serving.model.parameters is not None
    bare = replace(serving.model, parameters=replace(serving.model.parameters, parts={}))
    idle = (
        decode(replace(serving, model=bare), 100_000).weight_bytes - decode(replace(serving, model=bare)).weight_bytes
    )
    assert idle == pytest.approx(2 * (30_532_122_624 - 3_353_032_704), rel=1e-6)


def test_latents_are_read_by_every_device_and_multiplied_as_latents() -> None:
    one, eight = (decode(way(deepseek_v3(), "h200-sxm", "vllm", 4_096, count=count)) for count in (1, 8))
    assert one.cache_bytes == eight.cache_bytes == 4_096 * 70_272
    assert eight.weight_bytes * 8 == pytest.approx(one.weight_bytes)
    attention = 61 * 128 * 2 * (512 + 64 + 512) * 4_096
    assert one.operations == pytest.approx(2 * (37_552_297_472 - 926_679_040) + attention)


def test_sliding_layers_read_their_window() -> None:
    step = decode(way(gemma_27b(), "h100-sxm", "transformers", 131_072))
    assert step.cache_bytes == 8_192 * (10 * 131_072 + 52 * 1_023)
    assert step.weight_bytes == 2 * 27_009_346_304  # the embedding is the output, and is read as such


def test_states_are_read_and_written() -> None:
    step = decode(way(mamba_3b(), "h100-sxm", "transformers", 4_096))
    assert step.cache_bytes == 2 * 64 * (5_120 * 4 * 2 + 5_120 * 16 * 4)
    # vLLM holds recurrent states in the model's type, unless its config asks for 32 bits.
    mamba = mamba_3b()
    asked = replace(mamba, config=dict(mamba.config) | {"mamba_ssm_cache_dtype": "float32"})
    for model, width in ((mamba, 2), (asked, 4)):
        held = decode(way(model, "h100-sxm", "vllm", 4_096)).cache_bytes
        assert held == 2 * 64 * (5_120 * 4 * 2 + 5_120 * 16 * width)


def test_layers_dealt_out_gain_no_speed_and_layers_cut_do() -> None:
    alone = decode(way(llama_8b(), "4090", "llama.cpp", 4_096)).seconds
    assert decode(way(llama_8b(), "4090", "llama.cpp", 4_096, count=2)).seconds == alone
    cut = decode(way(llama_8b(), "4090", "vllm", 4_096, count=2)).seconds
    assert cut == pytest.approx(decode(way(llama_8b(), "4090", "vllm", 4_096)).seconds / 2)


@pytest.mark.parametrize(("kind", "window"), [("full", None), ("sliding", 7), ("chunked", 5), ("sliding", 50)])
@pytest.mark.parametrize("tokens", [1, 4, 5, 7, 8, 23, 50])
def test_attention_pairs_are_those_that_the_mask_lets_through(kind: str, window: int | None, tokens: int) -> None:
    layer = Layer(0, kind, 1, 1, 1, window)  # type: ignore[arg-type]
    sees = {
        "full": lambda query, key: True,
        "sliding": lambda query, key: query - key < (window or 0),
        "chunked": lambda query, key: query // (window or 1) == key // (window or 1),
    }[kind]
    assert query_key_pairs(layer, tokens) == sum(
        sees(query, key) for query in range(tokens) for key in range(query + 1)
    )


def test_prefill_multiplies_every_weight_but_the_outputs_with_every_token() -> None:
    reading = prefill(way(llama_8b(), "h100-sxm", "vllm", 8_192))
    inner, output = 32 * (41_943_040 + 176_160_768) + 32 * 8_192 + 4_096, 525_336_576
    attention = 32 * 32 * 2 * 256 * (8_192 * 8_193 // 2)
    assert reading.operations == 2 * inner * 8_192 + 2 * output + attention
    assert reading.bound == "compute" and reading.seconds == pytest.approx(reading.operations / 989e12)


def test_the_knee_is_where_computing_takes_over() -> None:
    serving = way(llama_8b(), "h100-sxm", "vllm", 128)
    turn = compute_bound_batch(serving)
    assert turn is not None
    assert decode(serving, turn).bound == "compute" and decode(serving, turn - 1).bound == "memory"
    # With 8,192 tokens each, reading the caches takes longer than computing, however many there are.
    assert compute_bound_batch(way(llama_8b(), "h100-sxm", "vllm", 8_192)) is None
    assert compute_bound_batch(way(llama_8b(), "m4-max 128gb", "llama.cpp", 128)) is None


@settings(deadline=None, max_examples=80)
@given(
    st.sampled_from([make() for make in MODELS]),
    st.sampled_from(list(ENGINES.values())),
    st.integers(1, 100_000),
    st.integers(1, 500),
)
def test_a_larger_batch_never_gives_fewer_tokens(model, engine, context: int, batch: int) -> None:  # type: ignore[no-untyped-def]
    from ropescope.checks.serving.devices.device import find_device

    serving = Serving(model, find_device("h100-sxm"), engine, context, engine.cache_type("auto"))
    one, other = decode(serving, batch), decode(serving, batch + 1)
    assert one.tokens_per_second <= other.tokens_per_second * (1 + 1e-12)
    assert one.tokens_per_second / batch >= other.tokens_per_second / (batch + 1) * (1 - 1e-12)


def test_costs_are_the_hours_of_all_devices() -> None:
    inputs = Assumptions(way(llama_8b(), "h100-sxm", "vllm", 8_192, 32, count=2), efficiency=0.5, price=2.5)
    rate = 0.5 * decode(inputs.serving).tokens_per_second
    assert cost_per_million(inputs, decode(inputs.serving)) == pytest.approx(2 * 2.5 / 3600 / rate * 1e6)
    assert cost_per_million(replace(inputs, price=None), decode(inputs.serving)) is None


def test_efficiency_scales_every_figure() -> None:
    whole = speed_report(Assumptions(way(llama_8b(), "h100-sxm", "vllm", 8_192, 4))).data
    part = speed_report(Assumptions(way(llama_8b(), "h100-sxm", "vllm", 8_192, 4), efficiency=0.6)).data
    for name in ("decode", "prefill"):
        assert part[name]["tokens_per_second"] == pytest.approx(0.6 * whole[name]["tokens_per_second"])
        assert part[name]["seconds"] == pytest.approx(whole[name]["seconds"] / 0.6)
    for wrong in (0.0, 1.5):
        with pytest.raises(DomainError, match="`efficiency`"):
            Assumptions(way(llama_8b(), "h100-sxm", "vllm", 8_192), efficiency=wrong)
    with pytest.raises(DomainError, match="`price`"):
        Assumptions(way(llama_8b(), "h100-sxm", "vllm", 8_192), price=-1)


def test_the_report_is_a_ceiling_and_says_so() -> None:
    report = speed_report(Assumptions(way(llama_8b(), "h100-sxm", "vllm", 8_192, 32), price=2.5))
    assert "decodes at most 2,171 tokens a second (67.9 for each of 32)" in report.verdict
    assert any("A ceiling, not a forecast" in text for text in report.caveats)
    data = json.loads(to_json(report))
    assert data["largest_batch"] == 55 and [row["tokens"] for row in data["by_batch"]] == [
        1,
        2,
        4,
        8,
        16,
        32,
        55,
        64,
        128,
        256,
    ]
    fits = {row[0]: row[-1] for row in report.tables[0].rows}
    assert fits[55] is True and fits[64] is False


def test_without_a_peak_nothing_is_said_of_prefill() -> None:
    report = speed_report(Assumptions(way(llama_8b(), "m4-max 128gb", "llama.cpp", 8_192)))
    assert report.data["prefill"] is None and "prompt" not in report.verdict
    assert report.data["decode"]["tokens_per_second"] == pytest.approx(546e9 / (READ + 2**30))


def test_what_cannot_be_answered_is_refused() -> None:
    with pytest.raises(DomainError, match="`bandwidth`"):
        speed_report(Assumptions(way(llama_8b(), "24GiB", "llama.cpp", 8_192)))
    with pytest.raises(DomainError, match="`parameters` 8B"):
        speed_report(Assumptions(way(replace(llama_8b(), parameters=None, weights=None), "h100-sxm", "vllm", 8_192)))
    with pytest.raises(DomainError, match="cannot be split"):
        speed_report(Assumptions(way(llama_8b(), "h100-sxm", "vllm", 8_192, count=3)))


def test_a_way_that_does_not_fit_is_not_passed_over() -> None:
    report = speed_report(Assumptions(way(gemma_27b(), "4090", "vllm", 4_096)))
    assert "does not fit" in report.verdict


def test_the_picture_draws_each_limit() -> None:
    figure = speed_report(Assumptions(way(llama_8b(), "h100-sxm", "vllm", 8_192))).figures[0]
    values = figure.spec["layer"][0]["data"]["values"]
    at = {entry["line"]: entry["tokens"] for entry in values if entry["batch"] == 64}
    assert at["reading the weights"] == pytest.approx(64 * 3.35e12 / READ)
    assert at["reading the caches"] == pytest.approx(3.35e12 / 2**30)
    assert at["ceiling"] == pytest.approx(1 / (1 / at["reading the weights"] + 1 / at["reading the caches"]))
    assert at["arithmetic"] > at["ceiling"] and svg(figure).startswith("<svg")


def sparse_model(model_type: str, total: int = 671_026_419_200, active: int = 37_552_297_472, **more: Any) -> Model:
    """A model by its type, with the parameter counts of DeepSeek-V3."""
    parameters = Parameters(total, active, {}, "exact", "index")
    return replace(from_config({"model_type": model_type, **more}), parameters=parameters)


def test_sparse_attention_reads_the_index_and_what_it_picks() -> None:
    tokens, layers = 131_072, 61
    step = decode(way(sparse_model("deepseek_v32"), "b200", "vllm", tokens, count=8))
    # 132 bytes for every token's index key, 1,152 for each of the 2,048 latents that are picked.
    assert step.cache_bytes == layers * (132 * tokens + 1_152 * 2_048)
    attention, index = 2 * 128 * (2 * 512 + 64) * 2_048, 2 * 64 * 128 * tokens
    assert step.operations * 8 == pytest.approx(2 * 37_552_297_472 + layers * (attention + index))
    # A context shorter than what may be picked is read whole.
    short = decode(way(sparse_model("deepseek_v32"), "b200", "vllm", 1_000, count=8))
    assert short.cache_bytes == layers * (132 + 1_152) * 1_000


def test_a_sparse_prompt_has_the_index_pairs_of_all_and_the_attention_pairs_of_few() -> None:
    tokens, layers = 32_768, 61
    reading = prefill(way(sparse_model("deepseek_v32"), "b200", "vllm", tokens, count=8))
    picked = 2_048 * 2_049 // 2 + (tokens - 2_048) * 2_048
    attention, index = 2 * 128 * (192 + 128) * picked, 2 * 64 * 128 * (tokens * (tokens + 1) // 2)
    assert reading.operations * 8 == pytest.approx(2 * 37_552_297_472 * tokens + layers * (attention + index), rel=1e-3)


@pytest.mark.parametrize("tokens", [4_096, 32_768, 131_072])
def test_the_ceiling_is_above_what_deepseek_v32_was_measured_to_read(tokens: int) -> None:
    # Some 94,000 prompt tokens a second on 8 × B200; the ceiling of its fp8 files is above, and not by an order.
    model = replace(sparse_model("deepseek_v32"), quantization=Quantization("fp8", 8))
    assert 94_000 < prefill(way(model, "b200", "vllm", tokens, count=8)).tokens_per_second < 5 * 94_000


def test_compressed_entries_are_read_in_place_of_tokens() -> None:
    model, tokens = sparse_model("deepseek_v4", 284_000_000_000, 13_000_000_000), 2**20
    step = decode(way(model, "h200-sxm", "vllm", tokens, count=8))
    # 20 layers pick 512 of their entries, having scored all; 23 read one entry for 128 tokens; all a window of 127.
    picking = 512 * 584 + tokens // 4 * 132
    assert step.cache_bytes == 43 * 127 * 584 + 20 * picking + 23 * (tokens // 128) * 584
    attended = 43 * 128 + 20 * 512 + 23 * (tokens // 128)
    operations = 2 * 64 * 1_024 * attended + 20 * 2 * 64 * 128 * (tokens // 4)
    assert step.operations * 8 == pytest.approx(2 * 13_000_000_000 + operations)


@pytest.mark.parametrize(
    ("sparse", "rate", "window", "tokens"),
    [
        (None, None, None, 50),
        (Sparse(7), None, None, 50),
        (Sparse(7), None, 9, 50),
        (Sparse(7, dense_tokens=60), None, None, 50),
        (Sparse(3, 1, 1, 4), 4, 6, 50),
        (None, 16, 6, 50),
        (Sparse(3, 1, 1, 4), 4, 6, 11),
    ],
)
def test_pairs_are_counted_query_by_query(
    sparse: Sparse | None, rate: int | None, window: int | None, tokens: int
) -> None:
    held = LayerCache(tokens_held=None if window is None else window - 1)
    layer = Layer(0, "full", 1, 1, 1, None if rate else window, tokens_per_entry=rate, sparse=sparse, cache=held)
    found = 0
    for seen in range(1, tokens + 1):
        near = seen if window is None else min(seen, window)
        top = tokens if sparse is None or tokens <= sparse.dense_tokens else sparse.top
        found += min(near, top) if rate is None else near + min(seen // rate, top)
    assert query_key_pairs(layer, tokens) == found


@pytest.mark.parametrize(
    ("stated", "gpu", "kind"),
    [
        ({"quant_method": "fp8"}, "h100-sxm", "fp8"),
        ({"quant_method": "gptq", "bits": 4}, "h100-sxm", "bf16"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "b200", "fp4"),
        ({"quant_method": "mxfp4"}, "b200", "fp4"),
        ({"quant_method": "modelopt", "quant_algo": "W4A16_NVFP4"}, "b200", "bf16"),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {
                    "group_0": {
                        "weights": {"num_bits": 8, "type": "float"},
                        "input_activations": {"num_bits": 8, "type": "float"},
                    }
                },
            },
            "h100-sxm",
            "fp8",
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {
                    "group_0": {
                        "weights": {"num_bits": 8, "type": "int"},
                        "input_activations": {"num_bits": 8, "type": "int"},
                    }
                },
            },
            "h100-sxm",
            "int8",
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int"}, "input_activations": None}},
            },
            "h100-sxm",
            "bf16",
        ),
    ],
)
def test_products_run_in_the_type_of_the_activations(stated: dict[str, Any], gpu: str, kind: str) -> None:
    config = {"model_type": "llama", "quantization_config": stated}
    model = replace(from_config(config), quantization=quantization_of(stated), parameters=llama_8b().parameters)
    serving = way(model, gpu, "vllm", 1_024)
    # Far beyond the knee, all but the little attention runs at the peak of the type.
    step = decode(serving, 100_000)
    assert step.compute_seconds is not None
    peak = serving.device.peaks[kind]
    assert step.operations / step.compute_seconds == pytest.approx(peak, rel=0.1)


def test_micro_batches_of_a_prompt_pass_from_device_to_device() -> None:
    one, four = (prefill(way(llama_8b(), "4090", "llama.cpp", 8_192, count=count)) for count in (1, 4))
    assert one.compute_seconds is not None and four.compute_seconds is not None
    # Sixteen micro-batches of 512 over four devices: 4 · 16 / 19 at once.
    assert one.compute_seconds / four.compute_seconds == pytest.approx(4 * 16 / 19)
    alone = prefill(way(llama_8b(), "4090", "llama.cpp", 512, count=4))
    assert alone.seconds == prefill(way(llama_8b(), "4090", "llama.cpp", 512)).seconds


def test_keys_of_quantised_caches_are_read_in_their_size() -> None:
    step = decode(way(llama_8b(), "4090", "llama.cpp", 256, cache="q8_0,q4_0"))
    assert step.cache_bytes == 256 * 32 * 8 * (136 + 72)


def test_copies_of_the_attention_read_a_prompt_each() -> None:
    model = replace(sparse_model("deepseek_v32"), quantization=Quantization("fp8", 8))
    cut = prefill(way(model, "b200", "vllm", 131_072, count=8))
    copies = prefill(way(model, "b200", "vllm", 131_072, count=8, parallel=Parallel(data=8, experts=True)))
    # Eight prompts, each on the devices of its copy, and the experts on all: no more work, and no less at once.
    assert copies.tokens == 8 * cut.tokens
    assert copies.tokens_per_second == pytest.approx(cut.tokens_per_second, rel=0.01)


def test_many_prompts_share_the_weights() -> None:
    # A prompt of 512 tokens reads all experts for itself; engines put many such into a step.
    serving = way(
        replace(sparse_model("deepseek_v32"), quantization=Quantization("fp8", 8)), "b200", "vllm", 512, count=8
    )
    one, many = prefill(serving), prefill(serving, MANY_PROMPTS)
    assert one.bound == "memory" and many.bound == "compute" and one.tokens_per_second < 94_000 < many.tokens_per_second
    assert many.tokens_per_second == pytest.approx(512 / (one.compute_seconds or 0), rel=1e-3)
    data = speed_report(Assumptions(serving)).data
    assert data["prefill_tokens_per_second_of_many"] == pytest.approx(many.tokens_per_second)
