"""Storage: how many bytes each row of a layer's cache takes, in the layout that an engine gives it on a device.

Most types store a number in a fixed number of bytes. Some add scales for each vector (one head's key or value of a
token), and sparse attention has layouts of its own: `fp8_ds_mla` packs a latent of 512 numbers in 656 bytes, an indexer's
key of 128 takes 132. Read from vLLM 0.33.0, SGLang 0.5.23 and llama.cpp 0c1e57098; each function names where.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ropescope.checks.serving.engines.engine import CacheType
from ropescope.checks.serving.memory.compressed import CONCURRENT_BATCHES, state_bytes
from ropescope.checks.serving.serving import Serving
from ropescope.errors import DomainError
from ropescope.models.cache import BLOCK, BLOCK_BYTES, BLOCK_TYPES, Rows, plain_bytes, row_bytes
from ropescope.models.config.fields import text_part
from ropescope.models.model import Layer


@dataclass(frozen=True, slots=True)
class Layout:
    """How a vector is stored: every `block` numbers in `n_bytes`, and `beside` bytes for the vector's own scales."""

    block: int
    n_bytes: int
    beside: int = 0

    def bytes_of(self, numbers: int) -> int:
        """The bytes of one vector; an unfinished block is a whole one."""
        return -(-numbers // self.block) * self.n_bytes + self.beside


LAYOUTS: Final[Mapping[str, Layout]] = {
    **{kind: Layout(BLOCK, n_bytes) for kind, n_bytes in BLOCK_BYTES.items() if kind in BLOCK_TYPES},
    **{kind: Layout(1, n_bytes // BLOCK) for kind, n_bytes in BLOCK_BYTES.items() if kind not in BLOCK_TYPES},
    # An 8-bit scale for 32 numbers; for 16 of 4 bits (`nvfp4_kv_cache_full_dim` of vLLM's torch_utils.py).
    "mxfp8": Layout(32, 33),
    "nvfp4": Layout(16, 9),
    # A float32 scale for each vector: `customize_spec` of vLLM's triton_attn.py.
    "fp8 a head": Layout(1, 1, 4),
    "int8 a head": Layout(1, 1, 4),
    "int4 a head": Layout(2, 1, 4),
    # Codes and a 16-bit norm for keys, codes with a 16-bit scale and zero for values: vLLM's turboquant/config.py.
    "tq k4": Layout(2, 1, 2),
    "tq k3": Layout(8, 3, 2),
    "tq v4": Layout(2, 1, 4),
    "tq v3": Layout(8, 3, 4),
    # 4-bit codes and an 8-bit scale for 32 of them: `slot_size` of vLLM's ultraquant/format.py.
    "ultraquant": Layout(32, 17),
}
"""The types that an engine's cache can hold, by the names that `CacheType.kind` takes."""

BOUNDARY: Final = 2
"""Attention layers at each end that vLLM leaves in 16 bits under the packed types, where every layer attends
(`get_boundary_skip_layers` of its turboquant/config.py)."""

_HALF: Final = CacheType("auto", "bf16")
_MINIMAX: Final = frozenset({"minimax_m3_vl_text", "minimax-m3"})
_RECURRENT_IN_32_BITS: Final = frozenset({"nemotron_h", "kimi_linear", "glm5_next_text"})
_LATENT_KINDS: Final = frozenset({"f32", "f16", "bf16", "fp8", "nvfp4", *BLOCK_TYPES})


def stored_rows(serving: Serving, layer: Layer) -> Rows:
    """The bytes that one row of each part of `layer` takes, for all KV heads together and without padding between rows.

    Raises DomainError for a type that cannot hold this layer.
    """
    cache, engine, kind = layer.cache, serving.engine, serving.cache_type
    if engine.name == "transformers":
        return row_bytes(cache, kind.kind, kind.values, kind.kind)
    held_as = _HALF if left_in_16_bits(serving, layer) else kind
    if layer.latent is not None:
        token = _latent_bytes(serving, layer, held_as) if cache.key_elements else 0
    elif layer.tokens_per_entry is not None:
        token = _entry_bytes(serving, layer)
    else:
        token = _vectors(serving, layer, cache.key_elements, held_as.kind, "keys")
        token += _vectors(serving, layer, cache.value_elements, held_as.values, "values")
    # vLLM and SGLang hold the compressor's states in pages of their own (`compressed`).
    kept, state = state_bytes(cache) if engine.name in ("llama.cpp", "ollama") else (0, 0)
    return Rows(
        tokens=token,
        index=_index_bytes(serving, layer) if cache.index_elements else 0,
        entries=token if layer.tokens_per_entry is not None else 0,
        entry_index=_index_bytes(serving, layer) if cache.entry_index_elements else 0,
        states=plain_bytes(cache.state_elements, engine.state_kind)
        + plain_bytes(cache.recurrent_elements, "f32")
        + kept * state,
    )


def growth_bytes(serving: Serving) -> float:
    """The bytes that one more token of one sequence costs once every window is full, on all devices together and held
    once: without the engine's rounding to blocks."""
    growth = 0.0
    for layer in serving.model.layers:
        each = stored_rows(serving, layer)
        if not serving.windows(layer):
            growth += each.tokens
        growth += each.index / keys_pooled(serving, layer)
        if layer.tokens_per_entry is not None:
            growth += (each.entries + each.entry_index) / layer.tokens_per_entry
    return growth


def storage_remarks(serving: Serving) -> list[str]:
    """What a reader must know of the layout that an engine gives this cache on this device."""
    engine, kind, said = serving.engine, serving.cache_type, list[str]()
    if kind.flag == "auto" and engine.name in ("vllm", "sglang") and kind.kind not in ("bf16", "f16"):
        said.append(
            f"The cache is in {kind.label}: that is what {engine.name}'s auto becomes for this model and device."
        )
    if any(left_in_16_bits(serving, layer) for layer in serving.model.layers):
        said.append(f"{engine.name} leaves the {BOUNDARY} layers at either end in 16 bits under {kind.label}.")
    compressed = any(layer.tokens_per_entry is not None for layer in serving.model.layers)
    if compressed and engine.name == "vllm":
        said.append(
            f"vLLM holds the compressors' states of every token of {CONCURRENT_BATCHES} steps in 32 bits; they are counted "
            "with the activations, and `chunk` makes the steps smaller."
        )
    return said


def keys_pooled(serving: Serving, layer: Layer) -> int:
    """How many tokens share one of the indexer's keys as the engine holds them: vLLM and SGLang keep the pooled keys
    alone (`tokens_per_state` of glm5next and qwen4_exp), the others a key for each token."""
    if layer.sparse is None or layer.tokens_per_entry is not None or serving.engine.name not in ("vllm", "sglang"):
        return 1
    return layer.sparse.tokens_per_key


def least_state_bytes(serving: Serving, layer: Layer, each: Rows) -> int:
    """The bytes of a sequence's constant state at least: vLLM holds recurrent states in the model's 16 bits unless the
    config or the model type asks for 32 (`_mamba_state_dtype` of its mamba_utils.py), which counting memory assumes."""
    stated = {text_part(serving.model.config)[0].get(name) for name in ("mamba_ssm_dtype", "mamba_ssm_cache_dtype")}
    if serving.engine.name != "vllm" or "float32" in stated or serving.model.model_type in _RECURRENT_IN_32_BITS:
        return each.states
    return each.states - 2 * layer.cache.recurrent_elements


def left_in_16_bits(serving: Serving, layer: Layer) -> bool:
    """Whether vLLM leaves this layer out of a packed type: one of those at either end, where every layer attends."""
    kind = serving.cache_type
    if not kind.flag.startswith(("turboquant", "ultraquant")):
        return False
    n_layers = len(serving.model.layers)
    at_end = layer.index < BOUNDARY or layer.index >= n_layers - BOUNDARY
    return at_end and len(serving.model.attention_layers) == n_layers


def _vectors(serving: Serving, layer: Layer, elements: int, kind: str, what: str) -> int:
    """The bytes of the keys or values of one token in all heads, or of the one latent that they share."""
    if not elements:
        return 0
    several = layer.latent is None and layer.n_kv_heads and elements % layer.n_kv_heads == 0
    heads = layer.n_kv_heads if several else 1
    layout, dim = LAYOUTS[kind], elements // heads
    if kind in BLOCK_TYPES and dim % layout.block:
        # llama.cpp asks it of every head, in the constructor of its context.
        raise DomainError(
            f"a head's {what} have {dim} numbers, no multiple of {layout.block}: {kind} cannot hold this cache; choose "
            "f16 or bf16."
        )
    return heads * layout.bytes_of(dim)


def _latent_bytes(serving: Serving, layer: Layer, kind: CacheType) -> int:
    """The bytes of a token's latent and rotary key, which all heads share."""
    assert layer.latent is not None
    rank, rotary, name = layer.latent.kv_rank, layer.latent.rotary_dim, serving.engine.name
    if kind.values != kind.kind and not kind.name:
        raise DomainError(
            f"{serving.model.name} keeps one latent for keys and values: {name} takes one type for both, not {kind.label}."
        )
    bare = kind.kind == "nvfp4" and name == "vllm" and kind.flag != "nvfp4_ds_mla"
    if kind.kind not in _LATENT_KINDS or kind.values != kind.kind or bare:
        raise DomainError(f"{name} {serving.engine.version} does not hold latents in {kind.label}: choose bf16 or fp8.")
    if kind.kind in BLOCK_TYPES:
        return _vectors(serving, layer, rank + rotary, kind.kind, "latents")
    if kind.flag == "nvfp4_ds_mla":
        return rank // 2 + rank // 16 + rotary  # flashmla_sparse.py: 352 bytes of 512 + 64 numbers
    if kind.kind == "fp8" and packs_latents(serving, layer, kind):
        # 656 bytes of 512 + 64 numbers: 512, four scales, 64 in bfloat16; vLLM keeps their room where there are none.
        return rank + rank // 128 * 4 + 2 * (max(rotary, 64) if name == "vllm" else rotary)
    return LAYOUTS[kind.kind].bytes_of(rank + rotary)


def packs_latents(serving: Serving, layer: Layer, kind: CacheType) -> bool:
    """Whether 8-bit latents have scales for 128 numbers each and a rotary key in 16 bits.

    vLLM: FlashMLA's sparse kernels, which Hopper takes, and those of compute capability 12; on data-centre Blackwell
    FlashInfer takes plain rows (platforms/cuda.py, mla_attention.py). SGLang: `flashmla_kv` on Hopper; plain rows for
    TensorRT-LLM's kernels on Blackwell and for AMD (`calculate_mla_kv_cache_dim` of its kv_cache_configurator.py).
    """
    if layer.sparse is None or layer.latent is None or serving.device.vendor not in ("nvidia", ""):
        return False
    if kind.flag == "fp8_ds_mla":
        return True
    major = (serving.device.compute or (9, 0))[0]
    if serving.engine.name == "vllm":
        # FlashInfer's kernel asks for 128 or 192 dimensions without rotary positions in a head, or for none with them.
        rotary = layer.latent.rotary_dim
        return major in (9, 12) or (rotary > 0 and layer.head_dim - rotary not in (128, 192))
    return major < 10 or (major == 12 and serving.model.model_type == "glm_moe_dsa")


def _entry_bytes(serving: Serving, layer: Layer) -> int:
    """A token or compressed entry of DeepSeek-V4: in vLLM and SGLang 8 bits a number, the rotary part in 16, and a scale
    for 64 numbers, in 8 bytes (584 of 512 numbers; models/deepseek_v4/attention.py, deepseek_v4_memory_pool.py)."""
    kind, numbers, name = serving.cache_type, layer.cache.key_elements, serving.engine.name
    if name in ("vllm", "sglang") and kind.kind not in ("fp8", "bf16", "f16"):
        raise DomainError(
            f"{name} {serving.engine.version} does not hold {serving.model.name} in {kind.label}: choose auto."
        )
    if name == "vllm" and kind.kind != "fp8" and (serving.device.compute or (10, 0))[0] != 10:
        raise DomainError(f"vllm holds {serving.model.name} in 8 bits on {serving.device.name}: choose auto.")
    if kind.values != kind.kind:
        raise DomainError(f"{serving.model.name} keeps one vector for keys and values: {name} takes one type for both.")
    if kind.kind != "fp8":
        return _vectors(serving, layer, numbers, kind.kind, "keys")
    rotary = 0 if layer.rope is None else round(layer.head_dim * layer.rope.rotary_fraction)
    return numbers + rotary + 8


def _index_bytes(serving: Serving, layer: Layer) -> int:
    """One of the indexer's keys.

    DeepSeek's indexers keep 8 bits a number and a float32 scale for 128 in vLLM and SGLang, whatever the type of the
    cache (`DeepseekV32IndexerCache`, `DSATokenToKVPool`); the others' keys are in 16 bits, in SGLang in the 8 bits of the
    cache on Hopper and Blackwell. llama.cpp holds them in the type of the keys
    (llama-kv-cache-msa.cpp, llama-memory-hybrid-idx.cpp).
    """
    cache, kind = layer.cache, serving.cache_type
    dim = layer.sparse.head_dim if layer.sparse is not None else cache.index_elements or cache.entry_index_elements
    if serving.engine.name in ("llama.cpp", "ollama"):
        layout = LAYOUTS[kind.kind]
        if kind.kind in BLOCK_TYPES and dim % layout.block:
            raise DomainError(
                f"the indexer's keys have {dim} numbers, no multiple of {layout.block}: {kind.kind} cannot hold them; "
                "choose f16 or bf16."
            )
        pooled = layer.latent is not None and layer.sparse is not None and layer.sparse.tokens_per_key > 1
        # GLM-5.3: a gate and a pooled key beside each; MiniMax-M3: the cache has room for values that no one uses.
        unused = LAYOUTS[kind.values].bytes_of(layer.value_dim) if serving.model.model_type in _MINIMAX else 0
        return layout.bytes_of(dim) * (3 if pooled else 1) + unused
    if layer.latent is not None or layer.tokens_per_entry is not None:
        return dim + dim // 128 * 4
    eight = serving.engine.name == "sglang" and kind.kind == "fp8" and serving.model.model_type in _MINIMAX
    return dim if eight and (serving.device.compute or (0, 0))[0] in (9, 10) else 2 * dim
