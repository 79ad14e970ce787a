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
    # The keys of Gemma 4's full layers can serve as values.
    twin = layer.kind == "full" and fields.flag("attention_k_eq_v") is True
    keys = 0 if borrows else layer.n_kv_heads * layer.head_dim
    values = 0 if borrows or twin else layer.n_kv_heads * layer.value_dim
    queries, out = layer.n_heads * layer.head_dim, layer.n_heads * layer.value_dim
    n = (queries + keys + values + out) * width
    n += is_on(fields, design.qkv_bias) * (queries + keys + values) + is_on(fields, design.out_bias) * width
    n += {"": 0, "head": layer.n_heads, "element": out}[design.gate] * width + design.sinks * layer.n_heads
    norm = 0
    if design.qk_norm and (not design.qk_norm_if or is_on(fields, design.qk_norm_if)):
        norm = queries + keys if design.qk_norm == "width" else layer.head_dim * (1 if borrows else 2)
        if design.norm == "layer" and design.qk_norm == "head":
            norm *= 2
    return {"attention": n, "norm": norm}


def _latent(fields: Fields, design: Design, layer: Layer, latent: Latent, width: int) -> Counts:
    """Multi-head latent attention (DeepSeek-V2), and the indexer of sparse attention where there is one."""
    kv_rank, rotary, query_rank = latent.kv_rank, latent.rotary_dim, latent.query_rank
    queries, out = layer.n_heads * layer.head_dim, layer.n_heads * layer.value_dim
    n = queries * width if query_rank is None else query_rank * (width + queries)
    n += width * (kv_rank + rotary) + kv_rank * (queries - layer.n_heads * rotary + out) + out * width
    if is_on(fields, design.qkv_bias):
        n += (query_rank or 0) + kv_rank + rotary + width
    norm = kv_rank + (query_rank or 0)
    if query_rank is not None and fields.value("index_n_heads") is not None:
        index_heads, index_dim = fields.required("index_n_heads"), fields.required("index_head_dim")
        n += query_rank * index_heads * index_dim + width * (index_dim + index_heads)
        norm += 2 * index_dim
    return {"attention": n, "norm": norm}
