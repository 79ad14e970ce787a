"""Sharing a model: what a device holds under data-parallel attention, whole experts and stages; counts by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from serving_models import deepseek_v3, llama_8b, qwen_30b_a3b
from serving_ways import way

from ropescope.checks.fit import fit_report
from ropescope.checks.launch import launch_report
from ropescope.checks.serving.engines.engine import find_engine
from ropescope.checks.serving.fitting.fit import fit, splits
from ropescope.checks.serving.fitting.ways_to_fit import ways_to_fit
from ropescope.checks.serving.launch.commands import command
from ropescope.checks.serving.memory.demand import demand, device_weight_bytes
from ropescope.checks.serving.parallel import Parallel, ParallelText, read_parallel
from ropescope.checks.serving.speed.roofline import decode
from ropescope.checks.serving.splits.stages import part_shares, stages
from ropescope.checks.serving.splits.ways import other_ways
from ropescope.checks.serving.weights.precisions import weight_size
from ropescope.errors import DomainError
from ropescope.models import count_parameters, from_config

TOKEN = 70_272
"""Bytes of a token's latents in DeepSeek-V3: 61 layers × 576 numbers × 2."""


def test_copies_of_the_attention_are_what_avoids_repeated_latents() -> None:
    # 64 sequences of 4,096 tokens: with tensors alone each of 8 devices holds the latents of all, else of its own 8.
    tensors = way(deepseek_v3(), "h200-sxm", "vllm", 4_096, 64, count=8)
    copies = replace(tensors, parallel=Parallel(1, 8, experts=True))
    assert demand(tensors).cache.n_bytes == 64 * 4_096 * TOKEN
    assert demand(copies).cache.n_bytes == 8 * 4_096 * TOKEN
    # The price: attention, dense MLPs and embeddings in every copy; the experts stay divided.
    parts = deepseek_v3().parameters.parts  # type: ignore[union-attr]
    size = weight_size(deepseek_v3(), "stored")
    own = sum(size.of(name, n) for name, n in parts.items() if name != "experts")
    held = (
        size.n_bytes
        - sum(size.of(name, n) for name, n in parts.items())
        + own
        + size.of("experts", parts["experts"]) / 8
    )
    assert demand(copies).weights.n_bytes == pytest.approx(held, rel=1e-6)
    # The rest of 65 sequences takes a ninth slot in one copy.
    assert demand(replace(copies, batch=65)).cache.n_bytes == 9 * 4_096 * TOKEN


def test_sglang_shares_dense_mlps_and_the_output_among_all_copies() -> None:
    shares = part_shares(
        way(deepseek_v3(), "h200-sxm", "sglang", 4_096, count=8, parallel=Parallel(2, 4, experts=True))
    )
    assert shares["mlp"] == shares["output"] == shares["experts"] == Fraction(1, 8)
    assert "mlp" not in part_shares(way(deepseek_v3(), "h200-sxm", "vllm", 4_096, count=8, parallel=Parallel(2, 4)))


def test_experts_that_do_not_divide_leave_one_device_with_more() -> None:
    # 128 experts over 24 devices: 5 or 6 each.
    shares = part_shares(
        way(qwen_30b_a3b(), "h100-sxm", "vllm", 4_096, count=24, parallel=Parallel(1, 24, experts=True))
    )
    assert shares["experts"] == Fraction(6, 128)


@pytest.mark.parametrize(("engine", "sizes"), [("vllm", [7, 8, 8, 8, 7]), ("sglang", [7, 7, 8, 8, 8])])
def test_stages_are_dealt_as_each_engine_deals_them(engine: str, sizes: list[int]) -> None:
    # get_pp_indices of both, on 38 layers over 5 stages.
    model = replace(llama_8b(), layers=llama_8b().layers + llama_8b().layers[:6])
    serving = way(model, "h100-sxm", engine, 4_096, count=5, parallel=Parallel(1, 1, 5))
    assert [len(stage) for stage in stages(serving)] == sizes


def test_a_stage_holds_its_layers_and_the_ends_theirs() -> None:
    model, size = llama_8b(), weight_size(llama_8b(), "stored")
    halves = way(model, "h100-sxm", "vllm", 8_192, 2, count=2, parallel=Parallel(1, 1, 2))
    layers = 16 * 2 * (41_943_040 + 176_160_768 + 8_192)
    assert device_weight_bytes(halves, size) == pytest.approx(layers + 2 * 525_336_576, abs=2 * 4_096)
    assert demand(halves).cache.n_bytes == 2 * 2**30 // 2  # 16 of 32 layers, for both sequences
    four = replace(halves, count=4, parallel=Parallel(2, 1, 2))
    assert demand(four).cache.n_bytes == 2**30 // 2


def test_keys_and_values_of_one_head_are_held_at_least() -> None:
    model, size = llama_8b(), weight_size(llama_8b(), "stored")
    sixteen = device_weight_bytes(way(model, "h100-sxm", "vllm", 64, count=16), size)
    # 8 KV heads over 16 devices: twice an even share of the projections to keys and values.
    kv = 32 * 2 * 4_096 * 8 * 128 * 2
    even = (size.n_bytes - 2 * (32 * 8_192 + 4_096)) / 16 + 2 * (32 * 8_192 + 4_096)
    assert sixteen == pytest.approx(even + kv / 16, rel=1e-6)


def test_a_stage_may_hold_layers_that_read_the_caches_of_others_alone() -> None:
    # As the last 15 of Gemma 3n's 35 layers do.
    config = {
        "model_type": "gemma3n_text",
        "hidden_size": 2048,
        "intermediate_size": 16_384,
        "num_hidden_layers": 35,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "head_dim": 256,
        "num_kv_shared_layers": 15,
        "layer_types": ["full_attention"] * 35,
        "vocab_size": 262_400,
    }
    shared = from_config(config)
    assert shared.layers[-1].kv_source is not None
    # 5 stages of 7 layers, of which the last two have no cache of their own; keys and values of 2 × 256 numbers, two bytes.
    held = way(replace(shared, parameters=count_parameters(shared, build=False)), "h100-sxm", "sglang", 4_096, count=5)
    assert demand(replace(held, parallel=Parallel(1, 1, 5))).cache.n_bytes == 7 * 4_096 * 2 * 2 * 256 * 2


def test_the_way_out_is_a_split_before_anything_is_lost() -> None:
    asked = way(deepseek_v3(), "h200-sxm", "vllm", 32_768, 64, count=8)
    first = ways_to_fit(asked)[0]
    assert first.change == "split as `tp` 1 `dp` 8 `ep`" and first.serving.split == Parallel(1, 8, experts=True)
    assert "Cheapest way out: split as `tp` 1 `dp` 8 `ep`." in fit_report(asked).verdict
    # 32 heads do not divide by 3, and 3 stages do hold the layers.
    three = way(llama_8b(), "h100-sxm", "vllm", 8_192, count=3)
    assert ways_to_fit(three)[0].serving.split == Parallel(1, 1, 3)
    assert {found.split.count for found in other_ways(three)} == {3}


def test_fewer_devices_are_named_where_fewer_do() -> None:
    assert "It fits one H100 SXM as well." in fit_report(way(llama_8b(), "h100-sxm", "vllm", 8_192, count=4)).verdict
    one = fit_report(way(llama_8b(), "h100-sxm", "vllm", 8_192)).verdict
    assert "as well" not in one
    counted = splits(way(deepseek_v3(), "h200-sxm", "vllm", 4_096, 64, count=8, parallel=Parallel(1, 8, experts=True)))
    assert [found.serving.parallel is None for found in counted if found.serving.count == 8] == [False]
    assert fit(way(llama_8b(), "h100-sxm", "vllm", 8_192, count=3)).outcome == "cannot be split"


@pytest.mark.parametrize(
    ("text", "count", "engine", "found"),
    [
        (ParallelText(), None, "vllm", (1, None)),
        (ParallelText(), 8, "vllm", (8, None)),
        (ParallelText(tensor=4), None, "vllm", (4, Parallel(4))),
        (ParallelText(pipeline=2), 8, "vllm", (8, Parallel(4, 1, 2))),
        (ParallelText(data=8, experts=True), 8, "sglang", (8, Parallel(1, 8, 1, True))),
        (ParallelText(experts=True), 8, "vllm", (8, Parallel(8, experts=True))),
        (ParallelText(nodes=2), 16, "vllm", (16, Parallel(8, 1, 2, nodes=2))),
        (ParallelText(nodes=2), 16, "sglang", (16, Parallel(16, nodes=2))),
    ],
)
def test_what_is_not_given_follows(text: ParallelText, count: int | None, engine: str, found: Any) -> None:
    assert read_parallel(text, count, engine, True) == found


@pytest.mark.parametrize(
    ("text", "count", "engine", "why"),
    [
        (ParallelText(tensor=8, data=8), 8, "sglang", "are 64 devices, and `count` is 8"),
        (ParallelText(tensor=3), 8, "vllm", "are 3 devices, and `count` is 8"),
        (ParallelText(tensor=0), None, "vllm", "`tp` is 0"),
        (ParallelText(tensor=4, nodes=3), None, "vllm", "spread evenly"),
        (ParallelText(tensor=2), 2, "llama.cpp", "deals whole layers out"),
    ],
)
def test_splits_that_do_not_agree_are_refused(text: ParallelText, count: int | None, engine: str, why: str) -> None:
    with pytest.raises(DomainError, match=why):
        read_parallel(text, count, engine, find_engine(engine).split == "tensor")
    assert not ParallelText().given


def test_commands_say_the_split_in_each_engines_words() -> None:
    split = Parallel(1, 8, experts=True)
    vllm = command(way(deepseek_v3(), "h200-sxm", "vllm", 4_096, 64, count=8, parallel=split)).text
    assert "--data-parallel-size 8" in vllm and "--enable-expert-parallel" in vllm and "--tensor" not in vllm
    assert "--max-num-seqs 8" in vllm  # each copy has a scheduler of its own
    sglang = command(way(deepseek_v3(), "h200-sxm", "sglang", 4_096, 64, count=8, parallel=split)).text
    # Its tensor size counts all devices of a stage.
    for words in ("--tp-size 8", "--dp-size 8", "--enable-dp-attention", "--ep-size 8", "--max-running-requests 64"):
        assert words in sglang
    stages_of_four = Parallel(4, 1, 2)
    assert (
        "--pipeline-parallel-size 2"
        in command(way(llama_8b(), "h100-sxm", "vllm", 64, count=8, parallel=stages_of_four)).text
    )
    assert "--pp-size 2" in command(way(llama_8b(), "h100-sxm", "sglang", 64, count=8, parallel=stages_of_four)).text


def test_each_machine_has_its_command() -> None:
    split = Parallel(8, 1, 2, nodes=2)
    first, second = command(way(deepseek_v3(), "h200-sxm", "vllm", 64, count=16, parallel=split)).text.split(
        "# on machine 1\n"
    )
    assert "--nnodes 2" in first and "--node-rank 0" in first and "--headless" not in first
    assert "--node-rank 1" in second and second.rstrip().endswith("--headless")
    both = command(way(deepseek_v3(), "h200-sxm", "sglang", 64, count=16, parallel=Parallel(16, nodes=2))).text
    assert both.count("--dist-init-addr") == 2 and "--node-rank 1" in both


def test_the_ceiling_of_each_split() -> None:
    model = llama_8b()
    one = decode(way(model, "h100-sxm", "vllm", 8_192, 8))
    four = decode(way(model, "h100-sxm", "vllm", 8_192, 8, count=4))
    assert four.memory_seconds == pytest.approx(one.memory_seconds / 4)
    # Four stages each read all their weights for each of four parts of the batch, and the cache of their own layers.
    staged = decode(way(model, "h100-sxm", "vllm", 8_192, 8, count=4, parallel=Parallel(1, 1, 4)))
    assert staged.weight_bytes == one.weight_bytes and staged.cache_bytes == pytest.approx(one.cache_bytes / 4)
    # A sequence alone gains nothing from stages.
    single = way(model, "h100-sxm", "vllm", 8_192)
    assert decode(replace(single, count=4, parallel=Parallel(1, 1, 4))).seconds == decode(single).seconds
    # Latents: eight copies of the attention read those of an eighth of the sequences each.
    tensors = way(deepseek_v3(), "h200-sxm", "vllm", 8_192, 64, count=8)
    copies = decode(replace(tensors, parallel=Parallel(1, 8, experts=True)))
    assert copies.cache_bytes * 8 == decode(tensors).cache_bytes and copies.weight_bytes > decode(tensors).weight_bytes


def test_a_number_of_devices_alone_is_launched_with_a_split_that_works() -> None:
    # 32 heads do not divide by 3; nothing else was asked, so the command has three stages, and says so.
    asked = way(llama_8b(), "h100-sxm", "vllm", 8_192, count=3)
    report = launch_report(asked)
    assert "--pipeline-parallel-size 3" in report.data["command"] and report.data["fits"]
    assert report.data["changed"] == "split as `tp` 1 `pp` 3" and "split as `tp` 1 `pp` 3" in report.verdict
    # What was asked for in words is not changed.
    own = replace(asked, count=6, parallel=Parallel(3, 1, 2))
    assert launch_report(own).data["changed"] == ""
    assert "--tensor-parallel-size 3" in launch_report(own).data["command"]


def test_other_splits_are_shown_beside_the_one_asked() -> None:
    tables = {
        table.title: table for table in fit_report(way(deepseek_v3(), "h200-sxm", "vllm", 4_096, 64, count=8)).tables
    }
    rows = {row[0]: row for row in tables["Other splits of 8 × H200 SXM, each holds"].rows}
    assert rows["`tp` 1 `dp` 8 `ep`"][2] == pytest.approx(8 * 4_096 * TOKEN / 2**30)
    assert not any(
        "Other splits" in title
        for title in (t.title for t in fit_report(way(llama_8b(), "h100-sxm", "vllm", 64)).tables)
    )
