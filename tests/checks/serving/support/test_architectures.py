"""Which classes an engine lists: what it does not serve is refused or told, and what it lists goes through unsaid."""

from __future__ import annotations

from typing import Any

import pytest
from serving_ways import way

from ropescope.checks.serving.engines.engine import ENGINES
from ropescope.checks.serving.support.kernels import support_problem, support_remarks
from ropescope.models.opening import open as open_model

LLAMA = {
    "model_type": "llama", "hidden_size": 2048, "num_hidden_layers": 4, "num_attention_heads": 16, "num_key_value_heads": 4,
    "intermediate_size": 8192, "vocab_size": 32000, "max_position_embeddings": 8192, "torch_dtype": "bfloat16",
}  # fmt: skip
T5 = {
    "model_type": "t5", "d_model": 512, "num_layers": 6, "num_heads": 8, "d_kv": 64, "d_ff": 2048, "vocab_size": 32128,
    "n_positions": 512, "is_encoder_decoder": True, "architectures": ["T5ForConditionalGeneration"],
}  # fmt: skip
RWKV = {
    "model_type": "rwkv", "hidden_size": 768, "attention_hidden_size": 768, "num_hidden_layers": 12, "vocab_size": 50277,
    "context_length": 1024, "architectures": ["RwkvForCausalLM"],
}  # fmt: skip


def told(config: dict[str, Any], engine: str) -> tuple[str, str]:
    serving = way(open_model(config), "h100 sxm", engine, 512)
    return support_problem(serving), " ".join(support_remarks(serving))


@pytest.mark.parametrize(
    ("config", "engine", "problem"),
    [
        (T5, "vllm", "vLLM 0.33.0 (2026-11-01) does not list T5ForConditionalGeneration, an encoder-decoder"),
        (T5, "sglang", "SGLang 0.5.23 (2026-10-30) does not list T5ForConditionalGeneration"),
        (T5 | {"model_type": "bart", "architectures": ["BartForConditionalGeneration"]} | {
            "decoder_layers": 6, "decoder_attention_heads": 8, "max_position_embeddings": 1024, "decoder_ffn_dim": 2048,
            "encoder_layers": 6, "encoder_attention_heads": 8, "encoder_ffn_dim": 2048,
        }, "vllm", "with a plugin alone: https://github.com/vllm-project/bart-plugin"),
        (RWKV, "vllm", "RwkvForCausalLM, a model without attention"),
        (RWKV, "llama.cpp", "RwkvForCausalLM, a model without attention"),
    ],
)  # fmt: skip
def test_what_no_backend_of_an_engine_runs_is_refused(config: dict[str, Any], engine: str, problem: str) -> None:
    assert problem in told(config, engine)[0]


def test_llama_cpp_converts_t5_and_is_named_instead() -> None:
    assert told(T5, "llama.cpp") == ("", "")
    assert "llama.cpp" in told(T5, "vllm")[0].partition("Engines that do")[2]


@pytest.mark.parametrize(
    ("architecture", "engine", "remark"),
    [
        ("NewestForCausalLM", "vllm", "(2026-11-01) does not list NewestForCausalLM: it is served only where"),
        ("NewestForCausalLM", "sglang", "Transformers backend"),
        ("NewestForCausalLM", "llama.cpp", "does not list NewestForCausalLM: a newer version may"),
        ("XverseForCausalLM", "vllm", "does not list XverseForCausalLM any more (it did until 0.23.0)"),
    ],
)
def test_a_class_beyond_the_list_is_told_and_not_refused(architecture: str, engine: str, remark: str) -> None:
    problem, said = told(LLAMA | {"architectures": [architecture]}, engine)
    assert (problem, remark in said) == ("", True), said


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_a_listed_class_and_an_unnamed_one_go_through(engine: str) -> None:
    for config in (LLAMA | {"architectures": ["LlamaForCausalLM"]}, LLAMA):
        assert "list" not in " ".join(told(config, engine))


def test_vllm_puts_another_head_on_a_listed_model() -> None:
    assert told(LLAMA | {"architectures": ["Starcoder2ForSequenceClassification"]}, "vllm") == ("", "")
