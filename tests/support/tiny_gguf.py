"""A tiny Llama of random weights, as transformers loads it and as the same in a GGUF file, in float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

N_LAYERS, N_HEADS, N_KV_HEADS, HEAD_DIM, WIDTH, INNER, VOCABULARY = 2, 4, 2, 16, 64, 96, 259
TRAINED = 128


def network() -> Any:
    """A network whose attention is sharp enough that positions matter."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=WIDTH, intermediate_size=INNER, num_hidden_layers=N_LAYERS,
        num_attention_heads=N_HEADS, num_key_value_heads=N_KV_HEADS, head_dim=HEAD_DIM, max_position_embeddings=TRAINED,
        rope_theta=10000.0, tie_word_embeddings=False,
    )  # fmt: skip
    made = LlamaForCausalLM(config).float().eval()
    for weights in made.parameters():
        if weights.dim() > 1:
            weights.data.mul_(6)
    made.lm_head.weight.data[:3] = 0  # a text that is over has no next token to compare
    return made


def write(made: Any, path: Path) -> Path:
    """`made` as a GGUF file, as llama.cpp's converter lays out a Llama; keys that no plan touches among its metadata."""
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(TRAINED)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(N_LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(N_HEADS)
    writer.add_head_count_kv(N_KV_HEADS)
    writer.add_rope_dimension_count(HEAD_DIM)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(made.config.rms_norm_eps)
    writer.add_vocab_size(VOCABULARY)
    writer.add_file_type(0)
    writer.add_array("tests.words", ["kept", "as they are"])
    add_vocabulary(writer)
    weights = {name: value.numpy() for name, value in made.state_dict().items()}
    for name, theirs in (("token_embd", "model.embed_tokens"), ("output_norm", "model.norm"), ("output", "lm_head")):
        writer.add_tensor(f"{name}.weight", weights[f"{theirs}.weight"])
    for layer in range(N_LAYERS):
        for name, theirs in _OF_LAYER.items():
            values = weights[f"model.layers.{layer}.{theirs}.weight"]
            heads = {"attn_q": N_HEADS, "attn_k": N_KV_HEADS}.get(name)
            writer.add_tensor(f"blk.{layer}.{name}.weight", values if heads is None else _interleaved(values, heads))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


_OF_LAYER = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip


def _interleaved(weights: Any, heads: int) -> Any:
    """Rows i and i + d/2 of a head, which turn together, side by side: llama.cpp turns neighbours."""
    return weights.reshape(heads, 2, -1, weights.shape[-1]).swapaxes(1, 2).reshape(weights.shape)


def add_vocabulary(writer: Any) -> None:
    """Whole words: half of a character, as a byte may be, is held back by servers, and told without its probability."""
    words = ["<unk>", "<s>", "</s>", *(f"w{index}" for index in range(3, VOCABULARY))]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(words)
    writer.add_token_scores([0.0] * len(words))
    writer.add_token_types([2, 3, 3, *[1] * (len(words) - 3)])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
