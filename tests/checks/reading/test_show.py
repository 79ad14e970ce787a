"""What `show` says of released models: every figure here was worked out by hand."""

import dataclasses

import pytest
import released_configs as released

from ropescope.checks.reading.layer_groups import layer_groups, layout, ranges, reach
from ropescope.checks.reading.show import show_model
from ropescope.models import Parameters, Weights, from_config
from ropescope.report.figure import svg
from ropescope.report.json import to_json


def of(config, **changes):
    return dataclasses.replace(from_config(config, name="model"), **changes)


def facts(report):
    return {fact.name: fact for fact in report.facts}


def table(report, title):
    return next(table for table in report.tables if table.title == title)


def column(found, name):
    place = [heading.name for heading in found.columns].index(name)
    return [row[place] for row in found.rows]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (released.LLAMA_31_8B, "32 full layers"),
        (released.GEMMA_3_27B, "10 full and 52 sliding (1,024 tokens) layers"),
        (released.GPT_OSS_20B, "12 full and 12 sliding (128 tokens) layers"),
        (released.MISTRAL_7B_V01, "32 sliding (4,096 tokens) layers"),
        (released.LLAMA_4_SCOUT, "12 full and 36 chunked (8,192 tokens) layers"),
        (released.JAMBA_V01, "4 full and 28 state-space layers"),
        (released.MAMBA_28B, "64 state-space layers"),
        (released.RWKV_4_169M, "12 recurrent layers"),
        (released.NEMOTRON_H_8B, "4 full, 24 state-space and 24 MLP-only layers"),
        (released.QWEN3_NEXT_80B_A3B, "12 full and 36 linear layers"),
        (released.FALCON_H1_05B, "36 full with state-space beside layers"),
    ],
)
def test_layout(config, words):
    assert layout(of(config)) == words


def test_reach_says_who_reads_what():
    assert reach(of(released.LLAMA_31_8B)) == "Every attention layer can read every earlier token."
    assert reach(of(released.GEMMA_3_27B)) == "10 of 62 layers can read every earlier token; 52 the last 1,024 tokens."
    mistral = reach(of(released.MISTRAL_7B_V01))
    assert (
        mistral.startswith("Every attention layer reads the last 4,096 tokens.") and "131,040 tokens later" in mistral
    )  # 32 × 4,095
    scout = reach(of(released.LLAMA_4_SCOUT))
    assert scout == "12 of 48 layers can read every earlier token; 36 back to the start of a chunk of 8,192 tokens."
    assert "28 keep a constant state" in reach(of(released.JAMBA_V01))
    mamba = reach(of(released.MAMBA_28B))
    assert "No layer reads earlier tokens" in mamba and "23,592,960 bytes" in mamba  # 64 × 5,120 × 72


def test_layers_alike_are_one_row():
    groups = layer_groups(of(released.GEMMA_3_27B))
    assert [len(group.indices) for group in groups] == [52, 10] and groups[1].indices[:2] == (5, 11)
    assert [ranges(group.indices) for group in groups] == ["0–4, 6–10 … 60–61", "5, 11 … 59"]
    assert [ranges(group.indices) for group in layer_groups(of(released.DEEPSEEK_V3))] == ["0–2", "3–60"]
    assert ranges((0,)) == "0" and ranges((1, 2, 5)) == "1–2, 5" and ranges((0, 1, 2, 3)) == "0–3"


def test_deepseek_v4_packs_its_older_tokens():
    ratios = [0, 0, *[4, 128] * 20, 4]
    model = of({"model_type": "deepseek_v4", "num_hidden_layers": 43, "compress_ratios": ratios})
    assert layout(model) == "41 full (older tokens 4 or 128 to one entry) and 2 sliding (128 tokens) layers"
    assert reach(model).startswith(
        "41 of 43 layers can read every earlier token; in 21 of them the older ones are packed 4"
    )
    # 2 × 127 × 1,024 for the sliding, 41 × 127 × 512 for the windows, 640 for 4 and 512 for 128 tokens, and the overlap
    length = 1 << 20
    entries = 21 * (length // 4 * 640 + 2 * 640 * 4) + 20 * (length // 128 * 512)
    assert model.cache_bytes(length) == 2 * (2 * 127 * 1024 + 41 * 127 * 512 + entries)


def test_memory_at_length_and_where_the_context_ends():
    memory = table(show_model(of(released.LLAMA_31_8B)), "Memory of one sequence")
    assert column(memory, "tokens")[0] == 4_096 and column(memory, "tokens")[-1] == 1_048_576
    # 131,072 bytes a token: 0.5 GiB at 4,096
    assert column(memory, "16-bit cache")[0] == 0.5 and column(memory, "16-bit cache")[-1] == 128.0
    assert column(memory, "q8_0 cache")[0] == 0.5 * 17 / 32 and column(memory, "q4_0 cache")[0] == 0.5 * 9 / 32
    assert column(memory, "within context") == ["yes"] * 6 + ["beyond"] * 3


def test_contexts_are_told_apart():
    llama = facts(show_model(of(released.LLAMA_31_8B)))
    assert (llama["context, configured"].value, llama["context, before scaling"].value) == (131_072, 8_192)
    assert llama["context, extended"].value == 131_072 and llama["context, extended"].source.startswith("llama3 × 8")
    deepseek = facts(show_model(of(released.DEEPSEEK_V3)))
    assert (deepseek["context, before scaling"].value, deepseek["context, extended"].value) == (4_096, 163_840)
    # Gemma 3 states the length after its linear scaling.
    gemma = of(released.GEMMA_3_27B)
    assert gemma.context.longest == 131_072 and gemma.context.rule == "linear" and gemma.context.trained is None
    assert "linear" not in show_model(gemma).verdict
    # YaRN switched on by hand, with max_position_embeddings left as trained: 4 × 32,768.
    yarn = {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32_768}
    qwen = of(released.QWEN25_7B | {"max_position_embeddings": 32_768, "rope_scaling": yarn})
    assert (qwen.context.configured, qwen.context.trained, qwen.context.longest) == (32_768, 32_768, 131_072)


def test_facts_of_latents_experts_and_absent_rope():
    deepseek = facts(show_model(of(released.DEEPSEEK_V3)))
    assert deepseek["KV latent"].value == "512 + 64 rotary" and deepseek["cache a token"].value == 70_272
    assert deepseek["experts a token"].value == "8 of 256 + 1 shared" and "58 of 61" in deepseek["experts a token"].note
    assert facts(show_model(of(released.BLOOM_7B1)))["positions"].value == "alibi"
    assert "θ" not in str([fact.value for fact in show_model(of(released.GPT2)).facts])
    gemma = facts(show_model(of(released.GEMMA_3_27B)))["positions"]
    assert gemma.value == "RoPE θ = 10,000 (sliding); RoPE θ = 1,000,000, linear (full)" and gemma.basis == "assumed"


def test_counted_parameters_say_how_they_were_counted():
    parts = {"embedding": 25, "attention": 25, "experts": 50}
    exact = Parameters(8_030_261_248, 8_030_261_248, parts, "exact", "3 files")
    report = show_model(
        of(released.LLAMA_31_8B, parameters=exact, weights=Weights(16_060_522_496, {"BF16": 16_060_522_496}, 4))
    )
    assert "8.03B parameters" in report.verdict and "about" not in report.verdict
    assert facts(report)["weights"].value == "15 GiB"  # 14.96
    assert column(table(report, "Memory of one sequence"), "with weights")[0] == pytest.approx(15.457, abs=1e-3)
    guess = dataclasses.replace(exact, count="estimate", active=3_000_000_000)
    report = show_model(of(released.LLAMA_31_8B, parameters=guess))
    assert "about 8.03B parameters, 3B a token" in report.verdict and facts(report)["parameters"].basis == "formula"
    assert facts(show_model(of(released.LLAMA_31_8B)))["parameters"].value is None


def test_what_was_not_read_is_shown():
    odd = of(released.LLAMA_31_8B | {"wavelet_levels": 3, "attention_dropout": 0.0, "flux": None, "mlp_bias": False})
    assert odd.unread == ("wavelet_levels",)
    assert "Not read: wavelet_levels." in show_model(odd).caveats


@pytest.mark.parametrize("name", [name for name in dir(released) if name.isupper() and name != "RELEASED"])
def test_every_released_model_is_shown_and_travels_as_json(name):
    report = show_model(from_config(getattr(released, name), name=name))
    assert to_json(report)
    assert {figure.name for figure in report.figures} == {"layers", "memory"}


def test_the_pictures_hold_what_the_layers_hold():
    pytest.importorskip("vl_convert")
    report = show_model(of(released.GEMMA_3_27B))
    layers, memory = report.figures
    rows = layers.spec["data"]["values"]
    assert [row["kind"] for row in rows[:6]] == ["sliding"] * 5 + ["full"]
    assert sum(row["MiB"] for row in rows) == pytest.approx(of(released.GEMMA_3_27B).cache_bytes(131_072) / 2**20)
    for figure in (layers, memory):
        assert "role-legend" in svg(figure), "each colour is named"


def test_a_window_that_holds_the_whole_context_bounds_nothing():
    # Phi-3.5-mini: windows of 262,144 tokens, a context of 131,072, two vectors of 32 × 96 numbers in 32 layers.
    shape = {"model_type": "phi3", "hidden_size": 3072, "num_hidden_layers": 32, "num_attention_heads": 32}
    for window, sees, grows in (
        (262_144, "can read every earlier token", 32 * 2 * 3072 * 2),
        (2_047, "reads the last 2,047 tokens", 0),
    ):
        model = from_config({**shape, "max_position_embeddings": 131_072, "sliding_window": window})
        assert sees in reach(model)
        assert facts(show_model(model))["cache a token"].value == grows
