"""Encoders keep no cache: held to the networks themselves, and to what GGUF files say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf_models
import pytest
from serving_ways import way

from ropescope.checks.fit import fit_report
from ropescope.checks.reading.show import show_model
from ropescope.checks.serving.launch.commands import command
from ropescope.errors import DomainError
from ropescope.models import from_config
from ropescope.models import open as open_model
from ropescope.models.config.encoders import ENCODERS
from ropescope.models.config.fields import families
from ropescope.models.model import Model

TINY = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "vocab_size": 64,
    "max_position_embeddings": 64,
}
BERT = {"model_type": "bert", **TINY}


@pytest.mark.parametrize(
    "model_type", ["bert", "roberta", "xlm-roberta", "modernbert", "deberta-v2", "electra", "eurobert", "mpnet"]
)
def test_the_network_of_an_encoder_returns_no_cache(model_type: str) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    config = transformers.AutoConfig.for_model(model_type, **TINY, pad_token_id=0)
    network = transformers.AutoModel.from_config(config).eval()
    with torch.no_grad():
        found = network(torch.arange(3, 9)[None])
    assert getattr(found, "past_key_values", None) is None
    model = from_config({"model_type": model_type, **TINY})
    assert not model.causal and model.cache_bytes(64) == 0 and model.attention_layers


def test_every_other_type_known_here_keeps_a_cache() -> None:
    kept = {"llama", "gpt2", "opt", "bloom", "gpt_neox", "qwen2", "xglm", "biogpt", "modernbert-decoder"}
    assert kept <= set(families()["families"]) - ENCODERS
    # A decoder of BERT's shape keeps one, and what switches causal masks off makes an encoder of any type.
    assert from_config({**BERT, "is_decoder": True}).causal
    assert not from_config({"model_type": "qwen2", **TINY, "num_key_value_heads": 2, "is_causal": False}).causal
    assert not from_config(
        {"model_type": "gemma3_text", **TINY, "num_key_value_heads": 2, "use_bidirectional_attention": True}
    ).causal


def test_it_is_said_and_counted_so() -> None:
    model = open_model({**BERT, "architectures": ["BertForSequenceClassification"]})
    report = show_model(model)
    assert "keeps no cache" in report.verdict and "whose cache" not in report.verdict
    assert not any("Memory" in table.title for table in report.tables) and not any(
        "measure" in str(step) for step in report.next_steps
    )
    fitted = fit_report(way(model, "t4", "vllm", 64, 32, precision="f16"))
    assert fitted.data["bytes"]["cache"] == 0 and fitted.data["longest_context"] == 64
    assert "--runner pooling" in command(way(model, "h100-sxm", "vllm", 64)).text
    assert "--is-embedding" in command(way(model, "h100-sxm", "sglang", 64)).text
    with pytest.raises(DomainError, match="is an encoder"):
        command(way(model, "h100-sxm", "transformers", 64))
    assert Model.from_dict(model.to_dict()) == model


@pytest.mark.parametrize(
    ("keys", "flag"), [({"attention.causal": False}, "--embeddings"), ({"pooling_type": 4}, "--reranking")]
)
def test_so_are_those_in_gguf_files(tmp_path: Path, keys: dict[str, Any], flag: str) -> None:
    shape = {
        "block_count": 1,
        "embedding_length": 64,
        "attention.head_count": 4,
        "attention.head_count_kv": 4,
        "context_length": 128,
    }
    table = gguf_models.ends(64, 100, head=False) | gguf_models.layer(
        0, gguf_models.attention(64, 4, 4, 16), gguf_models.mlp(64, 96)
    )
    model = open_model(gguf_models.write(tmp_path / "x.gguf", "bert", shape | keys, table))
    assert not model.causal and model.cache_bytes(128) == 0
    serving = way(model, "t4", "llama.cpp", 128)
    assert fit_report(serving).data["bytes"]["cache"] == 0 and flag in command(serving).text


@pytest.mark.parametrize(
    ("changes", "tokens"),
    [
        ({"model_type": "xlm-roberta", "max_position_embeddings": 8194, "pad_token_id": 1}, 8192),
        ({"model_type": "roberta", "max_position_embeddings": 514}, 512),
        ({"model_type": "longformer", "max_position_embeddings": 4098, "pad_token_id": 1}, 4096),
        ({"model_type": "bert", "max_position_embeddings": 512, "pad_token_id": 0}, 512),
    ],
)
def test_positions_after_the_padding_are_the_context(changes: dict[str, Any], tokens: int) -> None:
    shape = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100}
    assert from_config({**shape, **changes}).context.longest == tokens


@pytest.mark.parametrize("model_type", ["vit", "dinov2", "wav2vec2", "clip", "siglip"])
def test_networks_that_write_no_text_keep_no_cache(model_type: str) -> None:
    shape = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100}
    config: dict[str, Any] = {"model_type": model_type, **shape}
    if model_type in ("clip", "siglip"):
        config = {"model_type": model_type, "text_config": {"model_type": f"{model_type}_text_model", **shape}}
    model = from_config(config)
    assert not model.causal and model.cache_bytes(100) == 0
    # What reads images beside a language model is no such network.
    assert from_config(
        {"model_type": "llava", "text_config": {"model_type": "llama", **shape}, "vision_config": config}
    ).causal
