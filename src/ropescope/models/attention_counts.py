"""How many parameters the attention of a layer has: grouped queries, and queries and keys of low rank."""

from __future__ import annotations

from ropescope.models.config_fields import Fields
from ropescope.models.designs import Design, is_on, whole
from ropescope.models.mixer_counts import Counts
from ropescope.models.model import Layer


def attention_counts(fields: Fields, design: Design, layer: Layer, n_layers: int, width: int) -> Counts:
    """Queries, keys, values and output of one layer of `n_layers`, with biases, gate, sinks, and norms of queries and
    keys, in a model of this `width`."""
    if (dims := fields.latent_head_dims()) is not None:
        return _latent(fields, design, layer, dims, width)
    dim = layer.head_dim
    value_dim = layer.value_dim or fields.integer("v_head_dim") or dim
    kv_heads = layer.n_kv_heads
    twin = layer.kind == "full" and fields.flag("attention_k_eq_v") is True
    if twin:  # the keys of Gemma 4's full layers serve as values
        kv_heads = whole(fields, "num_global_key_value_heads", kv_heads)
    borrows = reads_other_layer(fields, layer, n_layers)
    keys = 0 if borrows else kv_heads * dim
    values = 0 if borrows or twin else kv_heads * value_dim
    queries, out = layer.n_heads * dim, layer.n_heads * value_dim
    n = (queries + keys + values + out) * width
    n += is_on(fields, design.qkv_bias) * (queries + keys + values) + is_on(fields, design.out_bias) * width
    n += {"": 0, "head": layer.n_heads, "element": out}[design.gate] * width + design.sinks * layer.n_heads
    norm = 0
    if design.qk_norm and (not design.qk_norm_if or is_on(fields, design.qk_norm_if)):
        norm = queries + keys if design.qk_norm == "width" else dim + (0 if borrows else dim)
        if design.norm == "layer" and design.qk_norm == "head":
            norm *= 2
    return {"attention": n, "norm": norm}


def reads_other_layer(fields: Fields, layer: Layer, n_layers: int) -> bool:
    """Whether a layer has no keys and values of its own: the last `num_kv_shared_layers` of Gemma 3n and Gemma 4."""
    return layer.kv_source is not None or layer.index >= n_layers - whole(fields, "num_kv_shared_layers")


def _latent(fields: Fields, design: Design, layer: Layer, dims: tuple[int, int], width: int) -> Counts:
    """Multi-head latent attention (DeepSeek-V2), and the indexer of sparse attention where there is one."""
    (rotary, other), heads = dims, layer.n_heads
    kv_rank, query_rank = fields.required("kv_lora_rank"), fields.integer("q_lora_rank")
    value_dim = fields.integer("v_head_dim") or other
    queries = heads * (rotary + other)
    n = queries * width if query_rank is None else query_rank * (width + queries)
    n += width * (kv_rank + rotary) + kv_rank * heads * (other + value_dim) + heads * value_dim * width
    if is_on(fields, design.qkv_bias):
        n += (query_rank or 0) + kv_rank + rotary + width
    norm = kv_rank + (query_rank or 0)
    if query_rank is not None and fields.value("index_n_heads") is not None:
        index_heads, index_dim = fields.required("index_n_heads"), fields.required("index_head_dim")
        n += query_rank * index_heads * index_dim + width * (index_dim + index_heads)
        norm += 2 * index_dim
    return {"attention": n, "norm": norm}
