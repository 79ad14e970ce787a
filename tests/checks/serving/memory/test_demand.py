"""What serving holds: caches by hand for five designs, each engine's granularity, and figures that engines published."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serving_models import MODELS, deepseek_v3, gemma_27b, llama_8b, mamba_3b, qwen_30b_a3b
from serving_ways import way

from ropescope.checks.serving.devices.device import devices
from ropescope.checks.serving.engines.engine import ENGINES, engine_default, find_engine
from ropescope.checks.serving.memory.cache import device_cache_bytes, held_tokens
from ropescope.checks.serving.memory.demand import (
    budget,
    demand,
    device_weight_bytes,
    each_device,
    sglang_reserve_bytes,
)
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.splits.rules import split_problem
from ropescope.checks.serving.weights.precisions import weight_size
from ropescope.errors import DomainError
from ropescope.models.cache import LayerCache

MIB, GIB = 2**20, 2**30


def test_caches_by_hand() -> None:
    assert device_cache_bytes(way(llama_8b(), "h100-sxm", "transformers", 131_072)) == 16 * GIB
    assert device_cache_bytes(way(llama_8b(), "h100-sxm", "transformers", 1_000, 3)) == 3 * 131_072_000
    assert device_cache_bytes(way(qwen_30b_a3b(), "h100-sxm", "transformers", 1_000)) == 98_304_000
    assert device_cache_bytes(way(deepseek_v3(), "h200-sxm", "vllm", 16)) == 16 * 70_272
    # 64 layers of a 5,120 × 4 window in 16 bits and 5,120 × 16 states in 32 bits, at any length.
    for context in (1, 100_000):
        assert device_cache_bytes(way(mamba_3b(), "4090", "transformers", context)) == 64 * (5_120 * 8 + 5_120 * 64)


def test_block_types_are_exact() -> None:
    sixteen = device_cache_bytes(way(llama_8b(), "4090", "llama.cpp", 8_192))
    assert sixteen == GIB
    for kind, share in (("q8_0", (34, 64)), ("q4_0", (18, 64)), ("q5_1", (24, 64)), ("iq4_nl", (18, 64))):
        held = device_cache_bytes(way(llama_8b(), "4090", "llama.cpp", 8_192, cache=kind))
        assert held * share[1] == sixteen * share[0], kind


def test_a_block_type_that_does_not_divide_the_heads_is_refused() -> None:
    model = llama_8b()
    layers = tuple(replace(layer, cache=LayerCache(80, 80)) for layer in model.layers)
    with pytest.raises(DomainError, match="choose f16 or bf16"):
        demand(way(replace(model, layers=layers), "4090", "llama.cpp", 4_096, cache="q8_0"))


def test_engines_round_up() -> None:
    layer = llama_8b().layers[0]
    assert held_tokens(way(llama_8b(), "h100-sxm", "vllm", 8_191, 2), layer) == 2 * 8_192
    assert held_tokens(way(llama_8b(), "h100-sxm", "vllm", 8_193), layer) == 8_208
    assert held_tokens(way(llama_8b(), "h100-sxm", "llama.cpp", 8_193, 3), layer) == 3 * 8_448
    assert held_tokens(way(llama_8b(), "h100-sxm", "sglang", 8_193), layer) == 8_193


def test_sliding_layers_by_engine() -> None:
    gemma, sliding, full = gemma_27b(), gemma_27b().layers[0], gemma_27b().layers[5]
    token = 2 * 2_048 * 2  # keys and values of 16 heads of 128 in 16 bits
    # transformers keeps one token less than the window, llama.cpp the window and a micro-batch of 512, in whole 256.
    assert held_tokens(way(gemma, "h100-sxm", "transformers", 131_072), sliding) == 1_023
    assert held_tokens(way(gemma, "h100-sxm", "llama.cpp", 131_072), sliding) == 1_536
    assert held_tokens(way(gemma, "h100-sxm", "llama.cpp", 131_072, chunk_tokens=2_048), sliding) == 3_072
    assert held_tokens(way(gemma, "h100-sxm", "llama.cpp", 700), sliding) == 768
    assert held_tokens(way(gemma, "h100-sxm", "llama.cpp", 131_072, swa_full=True), sliding) == 131_072
    held = device_cache_bytes(way(gemma, "h100-sxm", "llama.cpp", 131_072))
    assert held == token * (10 * 131_072 + 52 * 1_536)
    # vLLM: the window, two steps of 8,192 tokens in flight for one sequence, a block more for the window's start.
    assert held_tokens(way(gemma, "h100-sxm", "vllm", 131_072), sliding) == (1_088 + 1) * 16
    assert held_tokens(way(gemma, "h100-sxm", "vllm", 131_072, 2), sliding) == (1_088 + 1 + 64 + 1) * 16
    assert held_tokens(way(gemma, "h100-sxm", "vllm", 131_072), full) == 131_072
    # SGLang 0.5.23 keeps no pool of its own for Gemma 3: its sliding layers are held in full.
    assert held_tokens(way(gemma, "h100-sxm", "sglang", 131_072), sliding) == 131_072
    gpt_oss = replace(gemma, model_type="gpt_oss")
    assert held_tokens(way(gpt_oss, "h100-sxm", "sglang", 1_000), sliding) == 800


def test_vllm_pads_groups_to_one_size() -> None:
    # 10 full and 52 sliding layers: groups of 10, so that the sliding ones take up 60 layers' room.
    serving = way(gemma_27b(), "h100-sxm", "vllm", 131_072)
    full, sliding = 131_072, held_tokens(serving, gemma_27b().layers[0])
    assert device_cache_bytes(serving) == 2 * 2_048 * 2 * (10 * full + 60 * sliding)


def test_windows_that_an_engine_does_not_apply_are_held_in_full() -> None:
    mistral = replace(gemma_27b(), model_type="mistral")
    assert held_tokens(way(mistral, "h100-sxm", "llama.cpp", 32_768), mistral.layers[0]) == 32_768
    assert held_tokens(way(mistral, "h100-sxm", "transformers", 32_768), mistral.layers[0]) == 1_023


def test_llama_cpp_published_its_memory_for_qwen3_30b_a3b() -> None:
    # tools/fit-params/README.md of llama.cpp, RTX 4090, F16: 61,807 MiB at 40,960 tokens; 3,456 MiB less at 4,096;
    # with the experts of 34 layers and the output in system memory, 17,904 MiB of weights, 384 MiB of cache.
    model = qwen_30b_a3b()
    long, short = (way(model, "4090", "llama.cpp", context, precision="f16") for context in (40_960, 4_096))
    assert device_cache_bytes(long) - device_cache_bytes(short) == 3_456 * MIB
    assert device_cache_bytes(short) == 384 * MIB
    size = weight_size(model, "f16")
    compute = 61_807 * MIB - device_weight_bytes(long, size) - device_cache_bytes(long)
    # What is left for compute buffers: logits of a micro-batch of 512 (that version held them) are 297 MiB.
    assert 297 * MIB < compute < 400 * MIB
    off = device_weight_bytes(replace(short, cpu_moe_layers=34), size)
    output, router_in_32_bits = 2 * 311_164_928, 48 * 262_144 * 2
    assert (off - output + router_in_32_bits) / MIB == pytest.approx(17_904, abs=1)


def test_vllm_published_its_memory_for_llama_3_8b() -> None:
    # github.com/vllm-project/vllm/pull/10511, H100: weights 14.96 GiB, activations 1.26 GiB on one device and on two
    # alike (256 sequences), weights 7.48 GiB on two.
    for count, weights in ((1, 14.96), (2, 7.48)):
        held = demand(way(llama_8b(), "h100-sxm", "vllm", 8_192, 256, count=count))
        assert held.weights.n_bytes / GIB == pytest.approx(weights, abs=0.01)
        assert held.activations.n_bytes / GIB == pytest.approx(1.26, rel=0.05)


def test_the_token_embedding_stays_in_system_memory_under_llama_cpp() -> None:
    held = demand(way(llama_8b(), "4090", "llama.cpp", 4_096)).weights
    assert held.n_bytes == 16_060_522_496 - 2 * 525_336_576 and "embedding" in held.source
    # Gemma's output is its embedding: a copy stays on the device.
    gemma = gemma_27b()
    assert demand(way(gemma, "h100-sxm", "llama.cpp", 4_096)).weights.n_bytes == 2 * 27_009_346_304


def test_budgets_are_the_engines_own() -> None:
    memory = 24_564 * MIB
    assert budget(way(llama_8b(), "4090", "vllm", 4_096)).n_bytes == int(memory * 0.92)
    assert budget(way(llama_8b(), "4090", "vllm", 4_096, utilisation=0.5)).n_bytes == memory // 2
    assert budget(way(llama_8b(), "4090", "llama.cpp", 4_096)).n_bytes == memory - 1_024 * MIB
    assert budget(way(llama_8b(), "4090", "transformers", 4_096)).n_bytes == memory


def test_sglang_sets_memory_aside_by_its_own_rule() -> None:
    # memory_hook.py for 24 GiB: 512 + 1.5 × 4,096 + 1/8 × 1,024 + 2 a graph and 8 for each of 50 prefill sizes.
    assert sglang_reserve_bytes(way(llama_8b(), "4090", "sglang", 8_192)) == (512 + 6_144 + 128 + 2 + 400) * MIB
    # Above 60 GiB at least 10 GiB; latent attention reserves 1.5 GiB for its graphs instead.
    assert (
        sglang_reserve_bytes(way(llama_8b(), "a100 80gb sxm", "sglang", 8_192))
        == max(10_240, 512 + 12_288 + 128 + 2 + 464) * MIB
    )
    latent = sglang_reserve_bytes(way(deepseek_v3(), "h200-sxm", "sglang", 8_192, count=8))
    assert latent == (512 + 12_288 + 1_024 + 2 + 1_536) * MIB


def test_tensor_parallelism_cuts_heads_and_repeats_what_it_cannot_cut() -> None:
    one = device_cache_bytes(way(llama_8b(), "h100-sxm", "vllm", 8_192))
    for count, share in ((2, 2), (4, 4), (8, 8), (16, 8), (32, 8)):
        assert device_cache_bytes(way(llama_8b(), "h100-sxm", "vllm", 8_192, count=count)) * share == one, count
    # Latents are held whole by every device, and so are the projections to them; experts and all other matrices divide.
    latents = {device_cache_bytes(way(deepseek_v3(), "h200-sxm", "vllm", 4_096, count=count)) for count in (1, 2, 8)}
    assert latents == {4_096 * 70_272}
    whole, eighth = (
        demand(way(deepseek_v3(), "h200-sxm", "vllm", 64, count=count)).weights.n_bytes for count in (1, 8)
    )
    to_latents = 61 * 7_168 * (1_536 + 512 + 64)
    assert eighth == pytest.approx(whole / 8 + 7 / 8 * to_latents, rel=0.002)


@pytest.mark.parametrize(
    ("count", "engine", "why"),
    [(3, "vllm", "32 heads"), (5, "sglang", "32 heads"), (64, "vllm", "32 heads"), (33, "llama.cpp", "32 layers")],
)
def test_a_split_that_cannot_be_is_named(count: int, engine: str, why: str) -> None:
    assert why in split_problem(way(llama_8b(), "h100-sxm", engine, 4_096, count=count))


def test_kv_heads_that_neither_divide_nor_are_divided() -> None:
    model = llama_8b()
    six = replace(model, config={}, layers=tuple(replace(layer, n_heads=24, n_kv_heads=6) for layer in model.layers))
    assert "6 KV heads" in split_problem(way(six, "h100-sxm", "vllm", 4_096, count=4))
    assert split_problem(way(six, "h100-sxm", "vllm", 4_096, count=12)) == ""
    assert split_problem(way(deepseek_v3(), "h100-sxm", "vllm", 4_096, count=64)) == ""


def test_layers_dealt_out_are_counted_device_by_device() -> None:
    serving = way(gemma_27b(), "h100-sxm", "llama.cpp", 65_536, count=4)
    token = 2 * 2_048 * 2
    # 62 layers and the output over 4 devices: 16, 16, 16, and 14 with the output; every sixth layer is full (5, 11, 17, …).
    devices = each_device(serving)
    assert [(one.slots.start, one.slots.stop) for one in devices] == [(0, 16), (16, 32), (32, 48), (48, 63)]
    full = (2, 3, 3, 2)
    layers = (16, 16, 16, 14)
    assert [one.demand.cache.n_bytes for one in devices] == [
        token * (k * 65_536 + (n - k) * 1_536) for k, n in zip(full, layers, strict=True)
    ]
    # The output, 262,208 × 5,376 in 16 bits, is what makes the last the fullest.
    assert demand(serving) == devices[3].demand
    per_layer = (devices[1].demand.weights.n_bytes - 16) / 16
    assert devices[3].demand.weights.n_bytes == pytest.approx(14 * per_layer + 2 * 262_208 * 5_376, rel=1e-3)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"context_tokens": 0}, "`context` is 0"), ({"batch": -2}, "`batch` is -2"), ({"count": 0}, "`count` is 0"),
        ({"utilisation": 1.5}, "`utilisation`"), ({"cpu_moe_layers": 33}, "`cpu_moe_layers`"),
        ({"precision": "Q4_K_M"}, "does not run weights in Q4_K_M"), ({"cpu_moe_layers": 2}, "llama.cpp can"),
        ({"overhead_bytes": -1}, "`overhead`"), ({"chunk_tokens": 0}, "`chunk`"),
    ],
)  # fmt: skip
def test_impossible_numbers_are_refused(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(DomainError, match=sentence):
        replace(way(llama_8b(), "4090", "vllm", 4_096), **change)


def test_an_unknown_engine_or_cache_type_is_refused_with_what_there_is() -> None:
    with pytest.raises(DomainError, match="Did you mean vllm"):
        find_engine("vlm")
    with pytest.raises(DomainError, match=r"vllm has no cache type 'q8_0'.*fp8"):
        find_engine("vllm").cache_type("q8_0")
    assert find_engine("LLAMA-CPP").name == "llama.cpp"


def test_a_model_whose_layers_keep_nothing_known_is_refused() -> None:
    model = llama_8b()
    empty = replace(model, layers=tuple(replace(layer, cache=LayerCache()) for layer in model.layers))
    with pytest.raises(DomainError, match="does not say what its layers keep"):
        demand(way(empty, "4090", "vllm", 4_096))


def test_cache_types_are_among_those_read_from_the_engines() -> None:
    from ropescope.checks.serving.engines.engine import read_flags
    from ropescope.checks.serving.memory.storage import LAYOUTS

    for engine in ENGINES.values():
        known = set(read_flags()[engine.name].get("kv_types", ()))
        for name, kind in engine.cache_types.items():
            assert kind.kind in LAYOUTS and kind.values in LAYOUTS
            assert engine.name == "transformers" or kind.flag in known, (engine.name, name)
    assert engine_default("vllm", "gpu_memory_utilization") == 0.92


def test_what_an_engine_quantises_itself_is_among_its_methods() -> None:
    from ropescope.checks.serving.engines.engine import read_flags

    for name in ("vllm", "sglang"):
        assert set(ENGINES[name].online.values()) <= set(read_flags()[name]["quantization"])


servings = st.builds(
    lambda model, engine, device, context, batch: Serving(
        model, device, engine, context, engine.cache_type("auto"), batch
    ),
    st.sampled_from([make() for make in MODELS]),
    st.sampled_from(list(ENGINES.values())),
    st.sampled_from(devices()),
    st.integers(1, 200_000),
    st.integers(1, 300),
)


@settings(deadline=None, max_examples=150)
@given(servings, st.integers(0, 5_000), st.integers(0, 40))
def test_memory_never_shrinks_with_context_or_batch(serving: Serving, more: int, others: int) -> None:
    held = demand(serving)
    longer = demand(replace(serving, context_tokens=serving.context_tokens + more))
    wider = demand(replace(serving, batch=serving.batch + others))
    assert held.total <= longer.total and held.total <= wider.total
    assert held.cache.n_bytes <= longer.cache.n_bytes and held.cache.n_bytes <= wider.cache.n_bytes


@settings(deadline=None, max_examples=100)
@given(servings, st.sampled_from([2, 4, 8, 16]))
def test_no_device_holds_more_when_there_are_more(serving: Serving, count: int) -> None:
    one, more = demand(serving), replace(serving, count=count)
    if more.deals_layers:  # every byte lies on one of them
        held = [device.demand for device in each_device(more)]
        assert sum(each.weights.n_bytes for each in held) == pytest.approx(one.weights.n_bytes, abs=2 * count)
        assert sum(each.cache.n_bytes for each in held) == one.cache.n_bytes
        return
    several = demand(more)
    assert several.weights.n_bytes < one.weights.n_bytes
    assert several.cache.n_bytes <= one.cache.n_bytes
    # Together the devices hold all of it at least.
    assert several.weights.n_bytes * count >= one.weights.n_bytes
    assert several.cache.n_bytes * count >= one.cache.n_bytes


@settings(deadline=None, max_examples=60)
@given(servings)
def test_an_engine_holds_no_less_than_the_tokens_themselves(serving: Serving) -> None:
    if serving.engine.name == "sglang":  # its pool for sliding layers is a share of the tokens by choice
        return
    exact = serving.batch * serving.model.cache_bytes(
        serving.context_tokens, key_type=serving.cache_type.kind, state_type=serving.engine.state_kind
    )
    assert device_cache_bytes(serving) >= exact
