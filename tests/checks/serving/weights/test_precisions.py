"""Weights in bytes: against published sizes, and against formats counted by hand."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from serving_models import deepseek_v3, llama_8b, qwen_30b_a3b

import ropescope.checks.serving.weights.precisions as module
from ropescope.checks.serving.weights.precisions import (
    compute_kind,
    is_gguf,
    precision_names,
    read_precision,
    weight_size,
)
from ropescope.errors import DomainError
from ropescope.models.parameters import Quantization

TABLE = list(csv.DictReader((Path(module.__file__).parent / "gguf_bits_per_weight.csv").open()))


def test_stored_bytes_are_those_of_the_files() -> None:
    size = weight_size(llama_8b(), "stored")
    assert size.n_bytes == 16_060_522_496 and size.basis == "config"
    assert weight_size(llama_8b(), "bf16").n_bytes == 16_060_522_496
    assert weight_size(llama_8b(), "f32").n_bytes == 32_121_044_992


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["quant"])
def test_gguf_mixes_have_the_published_size(row: dict[str, str]) -> None:
    # llama.cpp's table gives bits and GiB of the same files; the counts of parameters must join them.
    precision = read_precision(row["quant"])
    size = weight_size(llama_8b(), precision)
    assert size.n_bytes / 2**30 == pytest.approx(float(row["size_gib"]), abs=0.006)
    assert size.basis == ("published" if is_gguf(precision) else "formula")


def test_block_formats_by_hand() -> None:
    # Llama-3.1-8B: 1,050,939,392 parameters stay in 16 bits (embedding, output, norms), 6,979,321,856 do not.
    kept, rest = 2 * 525_336_576 + 32 * 8_192 + 4_096, 32 * (41_943_040 + 176_160_768)
    assert kept + rest == 8_030_261_248
    bits = {"fp8": 8, "int8": 8, "awq": 4 + 20 / 128, "gptq": 4 + 20 / 128, "nf4": 4.5, "mxfp4": 4.25, "nvfp4": 4.5}
    for precision, width in bits.items():
        assert weight_size(llama_8b(), precision).n_bytes == round(rest * width / 8) + 2 * kept, precision
    # hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4 is published with 5.73 GB of safetensors.
    assert weight_size(llama_8b(), "awq").n_bytes == pytest.approx(5.73e9, rel=0.005)


def test_all_experts_are_held() -> None:
    assert weight_size(qwen_30b_a3b(), "bf16").n_bytes == 61_064_245_248
    assert weight_size(deepseek_v3(), "bf16").n_bytes == 2 * 671_026_419_200


def test_a_quantised_checkpoint_keeps_its_embedding_in_16_bits() -> None:
    stored = weight_size(llama_8b(), "awq").n_bytes
    model = llama_8b()
    assert model.weights is not None
    by_part = {"embedding": 2 * 525_336_576, "mlp": round(5_637_144_576 * (4 + 20 / 128) / 8)}
    held = replace(model.weights, n_bytes=stored, by_part=by_part)
    size = weight_size(replace(model, weights=held, quantization=Quantization("awq", 4)), "stored")
    assert size.of("embedding", 1000) == 2000 and size.of("mlp", 1000) == pytest.approx(1000 * (4 + 20 / 128) / 8)


def test_without_parameters_the_way_to_get_them_is_told() -> None:
    bare = replace(llama_8b(), parameters=None, weights=None)
    for precision in ("stored", "bf16", "Q4_K_M"):
        with pytest.raises(DomainError, match=r"`parameters` 8B"):
            weight_size(bare, precision)
    # With the counts alone the stored type is the one the config states.
    assert weight_size(replace(llama_8b(), weights=None, dtype="float32"), "stored").n_bytes == 32_121_044_992


@pytest.mark.parametrize(
    ("text", "name"), [("FP16", "f16"), ("q4_k_m", "Q4_K_M"), ("bfloat16", "bf16"), ("as-stored", "stored")]
)
def test_names_are_read_in_any_case(text: str, name: str) -> None:
    assert read_precision(text) == name


def test_an_unknown_precision_is_refused_with_the_nearest() -> None:
    with pytest.raises(DomainError) as nothing_near:
        read_precision("Q9")
    assert "nearest" not in str(nothing_near.value)
    with pytest.raises(DomainError, match="Q4_K_M"):
        read_precision("Q4KM")
    assert len(precision_names()) == len(set(precision_names()))


def test_products_run_in_the_type_of_the_weights_or_in_16_bits() -> None:
    llama = llama_8b()
    kinds = {name: compute_kind(llama, name) for name in ("bf16", "fp8", "awq", "nf4", "nvfp4", "Q4_K_M", "stored")}
    assert kinds == {
        "bf16": "bf16", "fp8": "fp8", "awq": "bf16", "nf4": "bf16", "nvfp4": "fp4", "Q4_K_M": "int8", "stored": "bf16",
    }  # fmt: skip
    assert compute_kind(replace(llama, quantization=Quantization("fp8", 8)), "stored") == "fp8"


def test_a_config_that_states_its_quantisation_is_counted_so():
    import released_configs as released

    from ropescope.models import open as open_model

    # openai/gpt-oss-20b: 13,761,264,768 bytes of safetensors, experts in MXFP4 and all else in bf16.
    gpt = weight_size(open_model(released.GPT_OSS_20B), "stored")
    assert gpt.n_bytes == pytest.approx(13_761_264_768, rel=1e-4)
    assert gpt.of("experts", 1000) < 540 and gpt.of("attention", 1000) == 2000
    # DeepSeek-V3: embedding and output of 129,280 × 7,168 and its norms and routers in 16 bits, all else in 8.
    deepseek = weight_size(open_model(released.DEEPSEEK_V3), "stored")
    in_16_bits = 2 * 129_280 * 7_168 + 61 * (2 * 7_168 + 1_536 + 512) + 7_168 + 58 * (256 * 7_168 + 256)
    # A 32-bit scale for 128 × 128 of them: 41.0 M blocks.
    scales = 4 * (671_026_419_200 - in_16_bits / 2) / 128**2
    assert deepseek.n_bytes == pytest.approx(671_026_419_200 + in_16_bits + scales, rel=2e-6)
