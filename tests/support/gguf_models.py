"""GGUF files of released models: true metadata and tensor tables over sparse files, written with the gguf package."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Table = Mapping[str, tuple[tuple[int, ...], str]]
"""Tensor name → (shape, slowest dimension first, as in PyTorch; type)."""

LLAMA_31_8B: dict[str, Any] = {
    "block_count": 32, "context_length": 131072, "embedding_length": 4096, "feed_forward_length": 14336,
    "attention.head_count": 32, "attention.head_count_kv": 8, "rope.freq_base": 500000.0, "rope.dimension_count": 128,
    "vocab_size": 128256,
}  # fmt: skip


def write(
    path: Path, architecture: str, keys: Mapping[str, Any], table: Table, more: Mapping[str, Any] | None = None
) -> Path:
    """A GGUF file whose tensors are holes; `keys` come under the architecture's name, `more` under their own."""
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(path, architecture)
    named = {f"{architecture}.{key}": value for key, value in keys.items()} | dict(more or {})
    for key, value in named.items():
        add(writer, key, value)
    end = 0
    for name, (shape, kind) in table.items():
        quant = gguf.GGMLQuantizationType[kind]
        block, size = gguf.GGML_QUANT_SIZES[quant]
        n_bytes = int(np.prod(shape, dtype=np.int64)) // block * size
        stored = gguf.quant_shape_to_byte_shape(shape, quant) if block > 1 else shape
        writer.add_tensor_info(name, stored, np.dtype(np.uint8 if block > 1 else np.float32), n_bytes, raw_dtype=quant)
        end += -(-n_bytes // 32) * 32
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    start = -(-os.path.getsize(path) // 32) * 32
    os.truncate(path, start + end)
    return path


def add(writer: Any, key: str, value: Any) -> None:
    """One key with the type that converters give such a value."""
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    elif isinstance(value, list):
        writer.add_array(key, value)
    else:
        writer.add_uint32(key, value)


def attention(
    width: int, heads: int, kv_heads: int, dim: int, kind: str = "Q8_0"
) -> dict[str, tuple[tuple[int, ...], str]]:
    """The tensors of a layer's attention and its norm, without the layer's name."""
    return {
        "attn_norm.weight": ((width,), "F32"), "attn_q.weight": ((heads * dim, width), kind),
        "attn_k.weight": ((kv_heads * dim, width), kind), "attn_v.weight": ((kv_heads * dim, width), kind),
        "attn_output.weight": ((width, heads * dim), kind),
    }  # fmt: skip


def mlp(width: int, inner: int, kind: str = "Q8_0") -> dict[str, tuple[tuple[int, ...], str]]:
    """The tensors of a layer's gated MLP and its norm."""
    return {
        "ffn_norm.weight": ((width,), "F32"), "ffn_gate.weight": ((inner, width), kind),
        "ffn_up.weight": ((inner, width), kind), "ffn_down.weight": ((width, inner), kind),
    }  # fmt: skip


def experts(width: int, inner: int, total: int, kind: str = "Q8_0") -> dict[str, tuple[tuple[int, ...], str]]:
    """The tensors of a layer's router and experts, and its norm."""
    return {
        "ffn_norm.weight": ((width,), "F32"), "ffn_gate_inp.weight": ((total, width), "F32"),
        "ffn_gate_exps.weight": ((total, inner, width), kind), "ffn_up_exps.weight": ((total, inner, width), kind),
        "ffn_down_exps.weight": ((total, width, inner), kind),
    }  # fmt: skip


def layer(index: int, *groups: Table) -> dict[str, tuple[tuple[int, ...], str]]:
    """Groups of tensors under the name of a layer."""
    return {f"blk.{index}.{name}": stored for group in groups for name, stored in group.items()}


def ends(width: int, vocab: int, *, head: bool = True, kind: str = "Q8_0") -> dict[str, tuple[tuple[int, ...], str]]:
    """Embedding, last norm and, unless it is tied, the output matrix."""
    table: dict[str, tuple[tuple[int, ...], str]] = {
        "token_embd.weight": ((vocab, width), kind), "output_norm.weight": ((width,), "F32")
    }  # fmt: skip
    return table | ({"output.weight": ((vocab, width), kind)} if head else {})


def llama_table() -> dict[str, tuple[tuple[int, ...], str]]:
    """The tensors of Llama 3.1 8B as Q8_0."""
    table = ends(4096, 128256) | {"rope_freqs.weight": ((64,), "F32")}
    for index in range(32):
        table |= layer(index, attention(4096, 32, 8, 128), mlp(4096, 14336))
    return table
