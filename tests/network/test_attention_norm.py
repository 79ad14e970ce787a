"""The norm behind attention is found where a model has one, by what it reads and not by its name."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_models import TINY, build

from ropescope.network.attention_norm import gain, norms_behind_attention


@pytest.mark.parametrize(
    ("model_type", "name"),
    [("llama", None), ("qwen3", None), ("olmo2", "post_attention_layernorm"), ("gemma2", "post_attention_layernorm")],
)
def test_the_norm_is_found_by_what_it_reads(model_type: str, name: str | None) -> None:
    network: Any = build(next(tiny for tiny in TINY if tiny.model_type == model_type and tiny.attention == "eager"))
    layers = network.model.layers
    found = norms_behind_attention(network, {index: layer.self_attn.o_proj for index, layer in enumerate(layers)})
    expected = {} if name is None else {index: getattr(layer, name) for index, layer in enumerate(layers)}
    assert found == expected
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in layers.modules())


def test_the_gain_is_what_a_norm_multiplies_by() -> None:
    network: Any = build(next(tiny for tiny in TINY if tiny.model_type == "gemma2" and tiny.attention == "eager"))
    norm = network.model.layers[0].post_attention_layernorm
    layer_norm = torch.nn.LayerNorm(norm.weight.shape[0])
    with torch.no_grad():
        for module in (norm, layer_norm):
            module.weight.uniform_(-2, 30)
        layer_norm.bias.normal_()
    device = torch.device("cpu")
    assert torch.allclose(
        gain(norm, len(norm.weight), device), 1 + norm.weight, rtol=1e-4
    )  # Gemma keeps the gain less one
    assert torch.allclose(gain(layer_norm, len(norm.weight), device), layer_norm.weight, rtol=1e-4, atol=1e-4)
