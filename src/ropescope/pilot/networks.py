"""The decoder of an arm: transformers' own Llama, with RoPE at a base, without positions, or with ALiBi."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ropescope.models.model import Model
from ropescope.models.opening import open as open_model
from ropescope.network.loading.transformers_messages import quiet_transformers
from ropescope.network.loading.weights import Weights
from ropescope.pilot.arms import POSITIONS, Arm
from ropescope.pilot.sizes import HEAD_DIM, Size

_UNUSED_THETA = 10_000.0
"""A Llama config needs a base; NoPE and ALiBi do not turn by it."""


def config_of(arm: Arm, size: Size) -> dict[str, Any]:
    """The config of a decoder, as config.json would hold it."""
    theta = _UNUSED_THETA if arm.theta is None else arm.theta
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": size.vocabulary,
        "hidden_size": size.width,
        "intermediate_size": size.mlp,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.heads,
        "head_dim": HEAD_DIM,
        "max_position_embeddings": size.length,
        "rope_parameters": {"rope_type": "default", "rope_theta": theta},
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": None,
        "attention_bias": False,
        "dtype": "float32",
    }


def fresh_network(arm: Arm, size: Size, seed: int, device: torch.device) -> Any:
    """The decoder with the initial weights of `seed`, in float32: to the bit the same in every arm."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    with quiet_transformers():
        network = LlamaForCausalLM(LlamaConfig(**config_of(arm, size), attn_implementation="sdpa"))
    return with_positions(network.float(), arm).to(device)


def with_positions(network: Any, arm: Arm) -> Any:
    """`network`, a Llama, with the positions of `arm` in place of its own, where these are not RoPE."""
    if arm.kind == "rope":
        return network
    network.model.rotary_emb = _Unturned()
    if arm.kind == "alibi":
        bias = _Alibi(network.config.num_attention_heads)
        for layer in network.model.layers:
            layer.self_attn.register_forward_pre_hook(bias, with_kwargs=True)
    return network


def weights_of(network: Any, arm: Arm, size: Size, seed: int, *, random_init: bool = False) -> Weights:
    """`network` as the instrument takes it."""
    model = model_of(arm, size, seed)
    return Weights(
        network=network,
        tokenizer=None,
        model=model,
        source=model.source,
        fingerprint=f"{fingerprint_of(network)}, {arm.name}",  # NoPE and ALiBi share config and first weights with a base
        random_init=random_init,
        dtype_reason="the weights are trained and measured in it",
    )


def model_of(arm: Arm, size: Size, seed: int) -> Model:
    """What there is to know of the decoder of an arm."""
    read = open_model(config_of(arm, size), config_only=True)
    layers = read.layers if arm.kind == "rope" else tuple(replace(layer, rope=None) for layer in read.layers)
    return replace(read, name=f"pilot-{size.name}-{arm.name}-seed-{seed}", layers=layers, positions=POSITIONS[arm.kind])


def fingerprint_of(network: nn.Module) -> str:
    """The SHA-256 of the weights, in the order of their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def alibi_slopes(n_heads: int) -> Tensor:
    """[heads] the slopes 2^(−8h/n) of ALiBi, h = 1 … n (Press et al. 2022, arXiv 2108.12409)."""
    return torch.tensor([2.0 ** (-8.0 * (head + 1) / n_heads) for head in range(n_heads)])


class _Unturned(nn.Module):
    """In the place of the rotary embedding: queries and keys stay as they are."""

    def forward(self, x: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        shape = (*position_ids.shape, HEAD_DIM)
        return x.new_ones(shape), x.new_zeros(shape)


class _Alibi:
    """Before each attention layer: the causal mask with −slope · distance in place of zero."""

    def __init__(self, n_heads: int) -> None:
        self._slopes = alibi_slopes(n_heads)
        self._made: Tensor | None = None

    def __call__(self, module: nn.Module, args: tuple[Any, ...], given: dict[str, Any]) -> Any:
        hidden = given["hidden_states"] if "hidden_states" in given else args[0]
        n_queries, cache = hidden.shape[1], given.get("past_key_values")
        seen = 0 if cache is None else cache.get_seq_length(module.layer_idx)
        return args, {**given, "attention_mask": self._mask(n_queries, seen + n_queries, hidden)}

    def _mask(self, n_queries: int, n_keys: int, like: Tensor) -> Tensor:
        made = self._made
        if made is None or made.shape[-2:] != (n_queries, n_keys) or made.device != like.device:
            with torch.inference_mode(False):  # what is made while measuring serves in training too
                queries = torch.arange(n_keys - n_queries, n_keys, device=like.device)
                distance = queries[:, None] - torch.arange(n_keys, device=like.device)
                bias = -self._slopes.to(like.device)[:, None, None] * distance
                made = self._made = bias.masked_fill(distance < 0, torch.finfo(torch.float32).min)[None]
        kind = like.device.type
        return made.to(torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else like.dtype)
