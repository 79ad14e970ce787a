"""Five released models, made by hand from their published configs: parameter counts add up to the published totals."""

from __future__ import annotations

from typing import Any

from ropescope.models.cache import LayerCache
from ropescope.models.context import Context
from ropescope.models.model import Experts, Latent, Layer, Model, Rope
from ropescope.models.parameters import Parameters, Weights
from ropescope.models.source import Source


def made_model(
    name: str, model_type: str, layers: tuple[Layer, ...], parameters: Parameters, *, vocab: int, hidden: int,
    context: int, source: Source | None = None, n_bytes: int | None = None, **config: Any,
) -> Model:  # fmt: skip
    """A Model with those layers; its files hold `n_bytes` (None: two bytes a parameter)."""
    stored = 2 * parameters.total if n_bytes is None else n_bytes
    return Model(
        name=name,
        source=source or Source("hub", name, repo_id=name, revision="0" * 40),
        model_type=model_type,
        layers=layers,
        context=Context(context, "max_position_embeddings", context, "max_position_embeddings"),
        vocab_size=vocab,
        hidden_size=hidden,
        config=config,
        dtype="bfloat16",
        parameters=parameters,
        weights=Weights(stored, {"BF16": stored}, 1, "model.safetensors.index.json"),
    )


def attention(index: int, heads: int, kv_heads: int, dim: int, window: int | None = None, **more: Any) -> Layer:
    """An attention layer with the cache that transformers keeps for it."""
    held = None if window is None else window - 1
    cache = LayerCache(kv_heads * dim, kv_heads * dim, tokens_held=held)
    kind = "full" if window is None else "sliding"
    return Layer(index, kind, heads, kv_heads, dim, window, Rope(5e5), value_dim=dim, cache=cache, **more)  # type: ignore[arg-type]


def llama_8b() -> Model:
    """meta-llama/Llama-3.1-8B: 8,030,261,248 parameters, of which embedding and output are 128,256 × 4,096 each."""
    parts = {
        "embedding": 525_336_576, "attention": 32 * 41_943_040, "mlp": 32 * 176_160_768, "norm": 32 * 8_192 + 4_096,
        "output": 525_336_576,
    }  # fmt: skip
    parameters = Parameters(sum(parts.values()), sum(parts.values()), parts, "exact", "model.safetensors.index.json")
    layers = tuple(attention(index, 32, 8, 128) for index in range(32))
    return made_model(
        "meta-llama/Llama-3.1-8B", "llama", layers, parameters, vocab=128_256, hidden=4_096, context=131_072,
        intermediate_size=14_336,
    )  # fmt: skip


def qwen_30b_a3b() -> Model:
    """Qwen/Qwen3-30B-A3B: 128 experts of which a token passes 8; 30,532,122,624 parameters, 3,353,032,704 active."""
    dense = {"embedding": 311_164_928, "attention": 48 * 18_874_368, "router": 48 * 262_144, "output": 311_164_928}
    dense["norm"] = 48 * 4_352 + 2_048
    experts = 48 * 603_979_776
    active = sum(dense.values()) + experts // 16
    parameters = Parameters(sum(dense.values()) + experts, active, dense | {"experts": experts}, "exact", "index")
    layers = tuple(attention(index, 32, 4, 128, experts=Experts(128, 8)) for index in range(48))
    return made_model(
        "Qwen/Qwen3-30B-A3B", "qwen3_moe", layers, parameters, vocab=151_936, hidden=2_048, context=40_960,
        intermediate_size=6_144, moe_intermediate_size=768,
    )  # fmt: skip


def deepseek_v3() -> Model:
    """deepseek-ai/DeepSeek-V3 without its prediction layer: 671,026,419,200 parameters; latents of 512 + 64."""
    dense = {
        "embedding": 926_679_040, "attention": 61 * 187_105_280, "mlp": 3 * 396_361_728 + 58 * 44_040_192,
        "router": 58 * 1_835_264, "norm": 61 * 16_384 + 7_168, "output": 926_679_040,
    }  # fmt: skip
    experts = 58 * 11_274_289_152
    active = sum(dense.values()) + experts // 32
    parameters = Parameters(sum(dense.values()) + experts, active, dense | {"experts": experts}, "exact", "index")
    layers = tuple(
        Layer(
            index, "full", 128, 128, 192, None, Rope(1e4), value_dim=128, latent=Latent(512, 64, 1536),
            experts=Experts(256, 8, 1) if index >= 3 else None, cache=LayerCache(512, 64),
        )
        for index in range(61)
    )  # fmt: skip
    return made_model(
        "deepseek-ai/DeepSeek-V3", "deepseek_v3", layers, parameters, vocab=129_280, hidden=7_168, context=163_840,
        n_bytes=688_586_727_753, intermediate_size=18_432, moe_intermediate_size=2_048,
    )  # fmt: skip


def gemma_27b() -> Model:
    """google/gemma-3-27b-pt, its language model: of 62 layers every sixth is full, the others see 1,024 tokens."""
    parts = {
        "embedding": 1_409_630_208, "attention": 62 * 66_060_288, "mlp": 62 * 346_816_512, "norm": 62 * 21_760 + 5_376,
    }  # fmt: skip
    parameters = Parameters(sum(parts.values()), sum(parts.values()), parts, "exact", "model.safetensors.index.json")
    layers = tuple(attention(index, 32, 16, 128, None if index % 6 == 5 else 1_024) for index in range(62))
    return made_model(
        "google/gemma-3-27b-pt", "gemma3_text", layers, parameters, vocab=262_208, hidden=5_376, context=131_072,
        intermediate_size=21_504,
    )  # fmt: skip


def mamba_3b() -> Model:
    """state-spaces/mamba-2.8b-hf: 64 layers of 5,120 channels, with a window of 4 inputs and 16 states each."""
    parts = {"embedding": 128_716_800, "mixer": 64 * 41_235_968, "norm": 64 * 2_560 + 2_560}
    parameters = Parameters(sum(parts.values()), sum(parts.values()), parts, "exact", "model.safetensors.index.json")
    cache = LayerCache(state_elements=5_120 * 4, recurrent_elements=5_120 * 16)
    layers = tuple(Layer(index, "state-space", 0, 0, 0, cache=cache) for index in range(64))
    return made_model(
        "state-spaces/mamba-2.8b-hf", "mamba", layers, parameters, vocab=50_280, hidden=2_560, context=2_048,
        intermediate_size=5_120,
    )  # fmt: skip


MODELS = (llama_8b, qwen_30b_a3b, deepseek_v3, gemma_27b, mamba_3b)
"""Makers of all five."""
