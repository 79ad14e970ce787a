"""One count of the cache: show, fit and speed agree for every model type that transformers describes, on every engine."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from serving_ways import way

from ropescope.checks.serving.engines.engine import ENGINES
from ropescope.checks.serving.fitting.fit import longest_context
from ropescope.checks.serving.memory.cache import device_cache_bytes, held_layers
from ropescope.checks.serving.memory.demand import fits
from ropescope.checks.serving.memory.storage import growth_bytes
from ropescope.checks.serving.speed.roofline import decode
from ropescope.errors import DomainError, FormatError
from ropescope.models import from_config
from ropescope.models.config.fields import families
from ropescope.models.model import Model
from ropescope.models.parameters import Parameters

OWN = [engine for engine in ENGINES if engine != "ollama"]  # which is counted as llama.cpp, on which it is built
LENGTHS = (1, 3, 127, 128, 129, 1_000, 4_095, 4_096, 8_191, 100_000)
# These models' layers are listed in the file, which a model type alone does not do.
LISTED = {
    "gemma3n_text": {"layer_types": (["sliding_attention"] * 4 + ["full_attention"]) * 7},
    "qwen4_exp_text": {
        "indexer_n_heads": 8, "indexer_kv_heads": 1,
        "indexer_head_dim": 128, "indexer_budget": 2_048, "indexer_compress_ratio": 16,
    },
    "kimi_linear": {
        "linear_attn_config": {
            "full_attn_layers": [4, 8, 12, 16, 20, 24, 27], "num_heads": 32, "head_dim": 128, "short_conv_kernel_size": 4,
        },
    },
    "minimax_m3_vl_text": {"layer_types": ["full_attention"] * 3 + ["minimax_m3_sparse"] * 57},
    "mistral_large4_text": {"kv_source_layers": [index // 2 * 2 for index in range(72)]},
}  # fmt: skip


@cache
def models() -> tuple[Model, ...]:
    """A model of every type whose layers its type alone tells, and which keeps something of a sequence."""
    found: list[Model] = []
    for model_type in families()["families"]:
        try:
            model = from_config({"model_type": model_type, **LISTED.get(model_type, {})})
        except FormatError:
            continue
        if any(layer.cache.elements_per_token or layer.cache.state_elements for layer in model.layers):
            found.append(replace(model, parameters=Parameters(10**6, 10**6, {}, "estimate", "made")))
    return tuple(found)


def test_most_types_are_counted() -> None:
    types = {model.model_type for model in models()}
    assert len(types) > 140 and set(LISTED) | {"deepseek_v4", "deepseek_v32", "kimi_linear", "llama4_text"} <= types


def test_fit_counts_what_show_counts() -> None:
    """transformers allocates nothing ahead: the same bytes, but for tokens that wait until an entry is made of them."""
    for model in models():
        serving = way(model, "h200-sxm", "transformers", 1)
        kind = serving.cache_type.kind
        for length in LENGTHS:
            held = device_cache_bytes(replace(serving, context_tokens=length))
            told = model.cache_bytes(length, key_type=kind, state_type=kind)
            if model.model_type != "deepseek_v4":
                assert held == told, (model.model_type, length)
            else:
                most = max(model.cache_bytes(passed) for passed in range(max(length - 256, 1), length + 1))
                assert most <= held <= 1.04 * most and (length < 50_000 or held < 1.01 * told)


@pytest.mark.parametrize("engine", OWN)
def test_memory_grows_with_every_token_and_the_longest_context_is_exact(engine: str) -> None:
    for model in models():
        serving = way(model, "h200-sxm", engine, 1)
        held = [device_cache_bytes(replace(serving, context_tokens=length)) for length in LENGTHS]
        assert held == sorted(held), model.model_type
        longest, grows = longest_context(serving), growth_bytes(serving) > 0
        if grows:
            assert held[-1] > held[0] and longest is not None, model.model_type
        if longest:
            assert fits(replace(serving, context_tokens=longest)), model.model_type
            assert not fits(replace(serving, context_tokens=longest + 1)), model.model_type


@pytest.mark.parametrize("engine", OWN)
def test_a_step_reads_no_more_than_is_held(engine: str) -> None:
    for model in models():
        serving = way(model, "h200-sxm", engine, 100_000)
        states = sum(2 * layer.cache.state_elements + 4 * layer.cache.recurrent_elements for layer in model.layers)
        held = sum(one.n_bytes for one in held_layers(serving))
        # Constant states are read and written, and llama.cpp holds those that follow a model's type in 32 bits.
        assert decode(serving).cache_bytes <= held + 2 * states, model.model_type


def test_a_type_that_cannot_hold_a_cache_is_refused_by_every_check() -> None:
    model = next(model for model in models() if model.model_type == "deepseek_v3")
    for check in (device_cache_bytes, decode, longest_context):
        with pytest.raises(DomainError, match="one type for both"):
            check(way(model, "h200-sxm", "llama.cpp", 1_000, cache="q8_0,q4_0"))
