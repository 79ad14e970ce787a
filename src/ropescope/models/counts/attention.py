"""How many parameters the attention of a layer has: grouped queries, and queries and keys of low rank."""

from __future__ import annotations

from ropescope.models.config.fields import Fields
from ropescope.models.counts.designs import Design, is_on
from ropescope.models.counts.mixers import Counts
from ropescope.models.model import Latent, Layer


def attention_counts(fields: Fields, design: Design, layer: Layer, width: int) -> Counts:
    """Queries, keys, values and output of one layer, with biases, gate, sinks, and norms of queries and keys, in a model
    of this `width`."""
    if layer.latent is not None:
        return _latent(fields, design, layer, layer.latent, width)
    borrows = layer.kv_source is not None
    queries, keys, values, _ = _widths(fields, layer)
    n = sum(rows * columns for rows, columns in attention_matrices(fields, design, layer, width).values())
    n += is_on(fields, design.qkv_bias) * (queries + keys + values) + is_on(fields, design.out_bias) * width
    n += design.sinks * layer.n_heads
    norm = 0
    if design.qk_norm and (not design.qk_norm_if or is_on(fields, design.qk_norm_if)):
        norm = queries + keys if design.qk_norm == "width" else layer.head_dim * (1 if borrows else 2)
        if design.norm == "layer" and design.qk_norm == "head":
            norm *= 2
    return {"attention": n, "norm": norm}


def attention_matrices(fields: Fields, design: Design, layer: Layer, width: int) -> dict[str, tuple[int, int]]:
    """(outputs, inputs) of each matrix of a layer's attention, by the name that a Llama's or DeepSeek's has."""
    if layer.latent is not None:
        return _latent_matrices(fields, layer, layer.latent, width)
    queries, keys, values, out = _widths(fields, layer)
    found = {"q_proj": (queries, width), "k_proj": (keys, width), "v_proj": (values, width), "o_proj": (width, out)}
    if design.gate == "element" and design.mixer == "delta":
        found["q_proj"] = (queries + out, width)  # Qwen3-Next computes the gate with the queries
    elif design.gate:
        found["gate_proj"] = (layer.n_heads if design.gate == "head" else out, width)
    return found


def _widths(fields: Fields, layer: Layer) -> tuple[int, int, int, int]:
    """The width of all queries, keys, values, and of what the output reads."""
    borrows = layer.kv_source is not None
    # The keys of Gemma 4's full layers can serve as values.
    twin = layer.kind == "full" and fields.flag("attention_k_eq_v") is True
    keys = 0 if borrows else layer.n_kv_heads * layer.head_dim
    values = 0 if borrows or twin else layer.n_kv_heads * layer.value_dim
    return layer.n_heads * layer.head_dim, keys, values, layer.n_heads * layer.value_dim


def _latent_matrices(fields: Fields, layer: Layer, latent: Latent, width: int) -> dict[str, tuple[int, int]]:
    kv_rank, rotary, query_rank = latent.kv_rank, latent.rotary_dim, latent.query_rank
    queries, out = layer.n_heads * layer.head_dim, layer.n_heads * layer.value_dim
    found = {
        "kv_a_proj_with_mqa": (kv_rank + rotary, width),
        "kv_b_proj": (queries - layer.n_heads * rotary + out, kv_rank),
        "o_proj": (width, out),
    }
    if query_rank is None:
        return found | {"q_proj": (queries, width)}
    found |= {"q_a_proj": (query_rank, width), "q_b_proj": (queries, query_rank)}
    if fields.value("index_n_heads") is not None:
        index_heads, index_dim = fields.required("index_n_heads"), fields.required("index_head_dim")
        found |= {
            "indexer.wq_b": (index_heads * index_dim, query_rank),
            "indexer.wk": (index_dim, width),
            "indexer.weights_proj": (index_heads, width),
        }
    return found


def _latent(fields: Fields, design: Design, layer: Layer, latent: Latent, width: int) -> Counts:
    """Multi-head latent attention (DeepSeek-V2), and the indexer of sparse attention where there is one."""
    kv_rank, rotary, query_rank = latent.kv_rank, latent.rotary_dim, latent.query_rank
    n = sum(rows * columns for rows, columns in _latent_matrices(fields, layer, latent, width).values())
    if is_on(fields, design.qkv_bias):
        n += (query_rank or 0) + kv_rank + rotary + width
    norm = kv_rank + (query_rank or 0)
    if query_rank is not None and fields.value("index_n_heads") is not None:
        norm += 2 * fields.required("index_head_dim")
    return {"attention": n, "norm": norm}
