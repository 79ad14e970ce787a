"""Encoder-decoders: bytes of the decoder's cache against those of the networks, and the parameters of both stacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import stored_models as made

from ropescope.errors import FormatError
from ropescope.models import count_on_meta, from_config
from ropescope.models import open as open_model
from ropescope.models.counts.estimate import estimate

T5 = {"d_model": 32, "d_kv": 8, "num_heads": 4, "num_layers": 2, "num_decoder_layers": 3, "d_ff": 48, "vocab_size": 64}
BART = {
    "d_model": 32, "encoder_layers": 2, "decoder_layers": 3, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "vocab_size": 64, "max_position_embeddings": 64, "pad_token_id": 1,
}  # fmt: skip
WHISPER = {**BART, "max_source_positions": 20, "max_target_positions": 40, "num_mel_bins": 8, "bos_token_id": 2, "eos_token_id": 3,
           "decoder_start_token_id": 2}  # fmt: skip
TYPES = {"t5": T5, "umt5": T5, "bart": BART, "m2m_100": BART, "whisper": WHISPER}


@pytest.mark.parametrize("model_type", TYPES)
def test_bytes_and_parameters_are_those_of_the_network(model_type: str) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    config = transformers.AutoConfig.for_model(model_type, **TYPES[model_type])
    speech = model_type == "whisper"
    auto = transformers.AutoModelForSpeechSeq2Seq if speech else transformers.AutoModelForSeq2SeqLM
    network, tokens = auto.from_config(config).float().eval(), torch.ones(1, 11, dtype=torch.long)
    given: dict[str, Any] = {"input_features": torch.zeros(1, 8, 40)} if speech else {"input_ids": tokens}
    with torch.no_grad():
        past = network(**given, decoder_input_ids=tokens, use_cache=True).past_key_values
    caches = (past.self_attention_cache, past.cross_attention_cache)
    held = sum(4 * part.numel() for cache in caches for layer in cache.layers for part in (layer.keys, layer.values))
    model = from_config(json.loads(json.dumps(config.to_dict(), default=str)))
    assert model.cache_bytes(11, key_type="f32", state_type="f32") == held
    assert len(model.layers) == 3 and model.layers[0].beside == ("cross",) and "encoder-decoder" in model.notes[-1]
    counted = count_on_meta(model.config)
    own = sum(part.numel() for part in network.parameters())
    own += 64 if model_type == "bart" else 0  # its final_logits_bias, a buffer that files hold
    assert counted.total == counted.active == own
    with pytest.raises(FormatError, match="built in a way"):
        estimate(model)


def test_stored_weights_of_both_stacks_are_parts_of_the_model(tmp_path: Path) -> None:
    # Distil-Whisper has 32 layers of encoder and 2 of decoder: none of them is for multi-token prediction.
    config = {"model_type": "whisper", "is_encoder_decoder": True, **WHISPER, "encoder_layers": 6, "decoder_layers": 2}
    table = {f"model.{stack}.layers.{layer}.self_attn.q_proj.weight": ("F32", (32, 32))
             for stack, count in (("encoder", 6), ("decoder", 2)) for layer in range(count)}  # fmt: skip
    model = open_model(made.write_folder(tmp_path / "whisper", config, table))
    assert model.parameters is not None and dict(model.parameters.parts) == {"attention": 8 * 32 * 32}


def test_other_encoder_decoders_are_refused_by_type() -> None:
    with pytest.raises(FormatError, match="prophetnet is an encoder-decoder of a type"):
        from_config({"model_type": "prophetnet", "is_encoder_decoder": True})
