"""Files of weights without the weights: true headers over sparse files, so that models of any size fit on a disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from math import prod
from pathlib import Path

BITS = {"F4": 4, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E8M0": 8, "BOOL": 8, "BF16": 16, "F16": 16, "I16": 16, "I32": 32, "F32": 32,
        "I64": 64}  # fmt: skip

Table = Mapping[str, tuple[str, tuple[int, ...]]]
"""Tensor name → (dtype, shape)."""

LLAMA_31_8B = {
    "model_type": "llama", "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
    "hidden_size": 4096, "intermediate_size": 14336, "max_position_embeddings": 131072, "rope_theta": 500000.0,
    "vocab_size": 128256, "torch_dtype": "bfloat16", "tie_word_embeddings": False,
}  # fmt: skip
LLAMA_31_8B_PARAMETERS = 8_030_261_248
"""As the model's page on the Hub gives it."""


def header(table: Table, *, spaces: bool = False, metadata: Mapping[str, str] | None = None) -> tuple[bytes, int]:
    """(the length and JSON that a safetensors file starts with, the bytes of its data)."""
    entries: dict[str, object] = {} if metadata is None else {"__metadata__": dict(metadata)}
    place = 0
    for name, (dtype, shape) in table.items():
        size = prod(shape) * BITS[dtype] // 8
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [place, place + size]}
        place += size
    text = json.dumps(entries, separators=None if spaces else (",", ":")).encode()
    return len(text).to_bytes(8, "little") + text, place


def write_safetensors(path: Path, table: Table, **how: object) -> Path:
    """A safetensors file with these tensors, all zeros that take no room on the disk."""
    start, data = header(table, **how)  # type: ignore[arg-type]
    with path.open("wb") as file:
        file.write(start)
        file.truncate(len(start) + data)
    return path


def write_shards(folder: Path, tables: Iterable[Table]) -> None:
    """Several files and the index that lists them."""
    tables = list(tables)
    names = [f"model-{part:05d}-of-{len(tables):05d}.safetensors" for part in range(1, len(tables) + 1)]
    for name, table in zip(names, tables, strict=True):
        write_safetensors(folder / name, table, metadata={"format": "pt"})
    listed = {tensor: name for name, table in zip(names, tables, strict=True) for tensor in table}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": listed}))


def llama_linears(config: Mapping[str, object] = LLAMA_31_8B) -> dict[str, tuple[int, int]]:
    """The matrices of a Llama that quantisers quantise: name of the module → (out, in)."""
    width, inner = int(config["hidden_size"]), int(config["intermediate_size"])  # type: ignore[call-overload]
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    narrow = width * int(groups) // int(heads)  # type: ignore[call-overload]
    shapes = {
        "self_attn.q_proj": (width, width), "self_attn.k_proj": (narrow, width), "self_attn.v_proj": (narrow, width),
        "self_attn.o_proj": (width, width), "mlp.gate_proj": (inner, width), "mlp.up_proj": (inner, width),
        "mlp.down_proj": (width, inner),
    }  # fmt: skip
    return {
        f"model.layers.{layer}.{name}": shape
        for layer in range(int(config["num_hidden_layers"]))  # type: ignore[call-overload]
        for name, shape in shapes.items()
    }


def llama_rest(
    config: Mapping[str, object] = LLAMA_31_8B, dtype: str = "BF16"
) -> dict[str, tuple[str, tuple[int, ...]]]:
    """What quantisers leave alone in a Llama: embedding, output head and norms."""
    width, vocab = int(config["hidden_size"]), int(config["vocab_size"])  # type: ignore[call-overload]
    table: dict[str, tuple[str, tuple[int, ...]]] = {
        "model.embed_tokens.weight": (dtype, (vocab, width)),
        "model.norm.weight": (dtype, (width,)),
        "lm_head.weight": (dtype, (vocab, width)),
    }
    for layer in range(int(config["num_hidden_layers"])):  # type: ignore[call-overload]
        for name in ("input_layernorm", "post_attention_layernorm"):
            table[f"model.layers.{layer}.{name}.weight"] = (dtype, (width,))
    return table


def write_folder(folder: Path, config: Mapping[str, object], table: Table, **how: object) -> Path:
    """A model folder with a config and one file of weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    write_safetensors(folder / "model.safetensors", table, **how)
    return folder
