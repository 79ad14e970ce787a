"""Engine × device × format: what runs where, as the engines' sources say, and which engine is named instead."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from serving_models import llama_8b
from serving_ways import way

from ropescope.checks.fit import fit_report
from ropescope.checks.launch import launch_report
from ropescope.checks.serving.engines.engine import ENGINES
from ropescope.checks.serving.fitting.fit import fit
from ropescope.checks.serving.support.kernels import support_problem, support_remarks
from ropescope.errors import DomainError
from ropescope.models.opening import open as open_model
from ropescope.models.source import Source

LLAMA = {
    "model_type": "llama",
    "hidden_size": 2048,
    "num_hidden_layers": 4,
    "num_attention_heads": 16,
    "num_key_value_heads": 4,
    "intermediate_size": 8192,
    "vocab_size": 32000,
    "max_position_embeddings": 8192,
    "torch_dtype": "bfloat16",
}
MLA = {
    "model_type": "deepseek_v3",
    "q_lora_rank": 256,
    "kv_lora_rank": 512,
    "qk_rope_head_dim": 64,
    "qk_nope_head_dim": 128,
    "v_head_dim": 128,
    "n_routed_experts": 8,
    "num_experts_per_tok": 2,
    "n_shared_experts": 1,
    "moe_intermediate_size": 512,
    "first_k_dense_replace": 1,
}
FORMATS: dict[str, dict[str, Any]] = {
    "nvfp4": {"quant_method": "modelopt", "quant_algo": "NVFP4"},
    "fp8": {"quant_method": "fp8"},
    "awq": {"quant_method": "awq", "bits": 4, "group_size": 128},
    "gptq": {"quant_method": "gptq", "bits": 4, "group_size": 128},
    "mxfp4": {"quant_method": "mxfp4"},
    "bitsandbytes": {"quant_method": "bitsandbytes", "load_in_4bit": True},
    "mlx": {"bits": 4, "group_size": 64},
    "exl2": {"quant_method": "exl2", "bits": 4.0},
}


def told(form: str, gpu: str, engine: str, **more: Any) -> str:
    config = LLAMA if form == "plain" else LLAMA | {"quantization_config": FORMATS[form]}
    return support_problem(way(open_model(config), gpu, engine, 4_096, **more))


@pytest.mark.parametrize(
    ("form", "gpu", "engine", "what", "instead"),
    [
        (
            "plain",
            "m4 max 64gb",
            "vllm",
            "vLLM 0.33.0 does not run on Apple devices",
            "llama.cpp, ollama, transformers",
        ),
        ("plain", "m4 max 64gb", "vllm", "Apple", "mlx-lm does too"),
        ("plain", "m4 max 64gb", "sglang", "with its MLX backend alone", "llama.cpp"),
        ("plain", "v100 16gb", "vllm", "from compute capability 7.5 on, and V100 16GB has 7.0", "llama.cpp"),
        ("plain", "v100 16gb", "sglang", "7.5 on", "transformers"),
        ("nvfp4", "t4", "sglang", "NVFP4 weights from compute capability 8.0 on, and T4 has 7.5", "vllm"),
        ("nvfp4", "t4", "transformers", "from compute capability 10.0 on", "vllm"),
        ("fp8", "t4", "sglang", "FP8 weights from compute capability 8.0", "vllm"),
        ("fp8", "3090", "transformers", "expands FP8 weights to bfloat16 on RTX 3090", "vllm, sglang"),
        ("mxfp4", "t4", "vllm", "MXFP4 weights from compute capability 8.0", "llama.cpp"),
        ("awq", "v100 16gb", "vllm", "7.5", "llama.cpp runs a GGUF of the model there"),
        ("gptq", "mi300x", "sglang", "does not run GPTQ weights on AMD devices", "vllm"),
        ("bitsandbytes", "h100-sxm", "vllm", "has no loader for bitsandbytes", "sglang, transformers"),
        ("mlx", "m4 max 64gb", "llama.cpp", "has no loader for MLX", "mlx-lm on Apple devices runs them"),
        ("mlx", "h100-sxm", "vllm", "has no loader for MLX", "mlx-lm"),
        ("mlx", "24GiB", "transformers", "has no loader for MLX", "mlx-lm"),
        ("exl2", "3090", "vllm", "has no loader for exl2", "ExLlamaV2"),
        ("plain", "p40", "vllm", "from compute capability 7.5 on, and P40 has 6.1", "llama.cpp"),
        ("plain", "7900 xtx", "sglang", "is not built for RX 7900 XTX (gfx1100)", "vllm"),
        ("plain", "strix halo 128gb", "sglang", "is not built for Strix Halo 128GB (gfx1151)", "vllm"),
        ("plain", "mi100", "vllm", "is not built for MI100 (gfx908)", "llama.cpp"),
        (
            "nvfp4",
            "b580",
            "vllm",
            "does not run NVFP4 weights on Intel devices",
            "llama.cpp runs a GGUF of the model there",
        ),
        ("fp8", "7900 xtx", "vllm", "does not run FP8 weights on RX 7900 XTX (gfx1100)", "llama.cpp runs a GGUF"),
        ("mxfp4", "2080 ti", "vllm", "from compute capability 8.0 on, and RTX 2080 Ti has 7.5", "llama.cpp"),
    ],
)
def test_what_does_not_run_and_what_does(form: str, gpu: str, engine: str, what: str, instead: str) -> None:
    sentence = told(form, gpu, engine)
    assert what in sentence and instead in sentence


@pytest.mark.parametrize(
    ("form", "gpu", "engine"),
    [
        ("plain", "t4", "vllm"),
        ("plain", "m4 max 64gb", "llama.cpp"),
        ("plain", "m4 max 64gb", "transformers"),
        ("plain", "v100 16gb", "llama.cpp"),
        ("plain", "24GiB", "vllm"),
        ("nvfp4", "t4", "vllm"),
        ("nvfp4", "3090", "sglang"),
        ("nvfp4", "b200", "transformers"),
        ("fp8", "t4", "vllm"),
        ("fp8", "a100 80gb sxm", "sglang"),
        ("fp8", "mi300x", "vllm"),
        ("awq", "t4", "vllm"),
        ("awq", "mi300x", "vllm"),
        ("gptq", "t4", "sglang"),
        ("bitsandbytes", "t4", "transformers"),
        ("plain", "strix halo 128gb", "vllm"),
        ("plain", "7900 xtx", "vllm"),
        ("plain", "9070", "vllm"),
        ("plain", "gb10", "vllm"),
        ("nvfp4", "gb10", "sglang"),
        ("fp8", "9070 xt", "vllm"),
        ("plain", "b580", "vllm"),
        ("plain", "b580", "sglang"),
        ("awq", "arc pro b60", "vllm"),
        ("plain", "p40", "llama.cpp"),
        ("plain", "p40", "transformers"),
        ("mxfp4", "a100 80gb sxm", "vllm"),
        ("mxfp4", "t4", "transformers"),
        ("awq", "m4 max 64gb", "transformers"),
    ],
)
def test_what_runs_is_not_refused(form: str, gpu: str, engine: str) -> None:
    assert told(form, gpu, engine) == ""


def test_weights_alone_in_a_format_without_units_and_16_bits_without_bfloat16() -> None:
    model = open_model(LLAMA | {"quantization_config": FORMATS["nvfp4"]})
    said = support_remarks(way(model, "t4", "vllm", 4_096))
    assert "T4 has no bfloat16: vLLM 0.33.0 runs the model in float16." in said
    assert any("weights alone are NVFP4" in one for one in said)
    assert support_remarks(way(model, "b200", "vllm", 4_096)) == ()
    assert "give `precision` f16" in told("plain", "t4", "vllm", precision="bf16")
    assert told("plain", "t4", "vllm", precision="f16") == told("plain", "t4", "vllm", precision="f32") == ""


def test_gemma_3_takes_twice_the_bytes_where_bfloat16_is_missing() -> None:
    # _FLOAT16_NOT_SUPPORTED_MODELS of vLLM: what falls back from bfloat16 falls to float32.
    gemma = LLAMA | {"model_type": "gemma3_text", "head_dim": 128}
    assert "it runs in float32" in support_problem(way(open_model(gemma), "t4", "vllm", 4_096))
    assert support_problem(way(open_model(gemma), "t4", "vllm", 4_096, precision="f32")) == ""
    assert support_problem(way(open_model(gemma), "a100 80gb sxm", "vllm", 4_096)) == ""


def test_vllm_makes_int8_and_nvfp4_of_experts_alone_so_they_are_checkpoints_here() -> None:
    # config/quantization.py: int8_per_channel_weight_only and nvfp4_per_token have a spec for `moe` and none for `linear`.
    for precision in ("int8", "nvfp4"):
        assert precision in ENGINES["vllm"].ready_made and precision not in ENGINES["vllm"].online


def test_fit_says_so_first_and_launch_writes_no_command() -> None:
    serving = way(llama_8b(), "m4 max 64gb", "vllm", 4_096)
    found = fit(serving)
    assert found.outcome == "does not run" and not found.ok and found.longest_context == 0
    verdict = fit_report(serving).verdict
    assert "does not run on one Apple M4 Max 64GB: vLLM 0.33.0 does not run on Apple devices." in verdict
    with pytest.raises(DomainError, match="does not run on one Apple M4 Max 64GB"):
        launch_report(serving)


def test_an_mlx_folder_is_known_by_its_bits_and_group(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA | {"quantization": {"group_size": 64, "bits": 4}}))
    model = open_model(str(tmp_path))
    assert model.quantization is not None and (model.quantization.method, model.quantization.bits) == ("mlx", 4.0)
    assert "mlx-lm" in support_problem(way(model, "m4 max 64gb", "vllm", 4_096))


def test_every_fact_has_a_source_and_an_engine() -> None:
    text = files("ropescope.checks.serving.support").joinpath("kernels.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert len({(row["engine"], row["weights"]) for row in rows}) == len(rows)
    for row in rows:
        assert row["engine"] in ENGINES and row["source"], row
        assert row["nvidia"] in ("", "no") or float(row["nvidia"]) >= 6, row


def test_a_gguf_file_is_not_for_vllm() -> None:
    model = replace(llama_8b(), source=Source("gguf", "llama-Q4_K_M.gguf", path=Path("llama-Q4_K_M.gguf")))
    assert "vLLM 0.33.0 has no loader for GGUF weights. Engines that do: llama.cpp, ollama." in support_problem(
        way(model, "4090", "vllm", 4_096)
    )
    assert support_problem(way(model, "4090", "llama.cpp", 4_096)) == ""


def test_caches_and_sparse_attention_need_kernels_too() -> None:
    llama, mla = open_model(LLAMA), open_model(LLAMA | MLA)
    # FlashInfer takes FP8 from 8.0 on, Triton's kernels and those for latents from 8.9 on.
    assert "keeps a cache in FP8 from compute capability 8.0 on, and T4 has 7.5" in support_problem(
        way(llama, "t4", "vllm", 4_096, cache="fp8")
    )
    assert support_problem(way(llama, "a100 80gb sxm", "vllm", 4_096, cache="fp8")) == ""
    assert "from compute capability 8.9 on (latents)" in support_problem(
        way(mla, "a100 80gb sxm", "vllm", 4_096, cache="fp8")
    )
    assert support_problem(way(mla, "4090", "vllm", 4_096, cache="fp8")) == ""
    assert "no bfloat16 for the cache" in support_problem(way(llama, "t4", "vllm", 4_096, cache="bf16"))
    sparse = open_model(
        LLAMA | MLA | {"model_type": "deepseek_v32", "index_n_heads": 4, "index_head_dim": 128, "index_topk": 2048}
    )
    assert "sparse attention over latents" in support_problem(way(sparse, "a100 80gb sxm", "vllm", 4_096))
    assert (
        support_problem(way(sparse, "h100-sxm", "vllm", 4_096))
        == support_problem(way(mla, "a100 80gb sxm", "vllm", 4_096))
        == ""
    )


def test_amd_devices_are_told_apart_by_their_target() -> None:
    # setup_rocm.py of SGLang's kernels stops for targets other than gfx942 and gfx950; vLLM's pages list RDNA as well.
    serving = way(llama_8b(), "mi300x", "sglang", 4_096)
    assert support_problem(serving) == ""
    consumer = replace(serving, device=replace(serving.device, name="RX 7900 XTX", capability="gfx1100"))
    assert (
        "SGLang 0.5.23 is not built for RX 7900 XTX (gfx1100). Engines that do: llama.cpp, ollama, vllm, transformers."
        in (support_problem(consumer))
    )
