"""Put Leaky ReRoPE on a loaded network, after a look at whether its keys can be turned."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from torch import nn

from ropescope.errors import ExtendError
from ropescope.extend.apply.positions import Positions
from ropescope.extend.apply.rerope.attention import FarAttention
from ropescope.extend.apply.rerope.ranges import Ranges
from ropescope.extend.apply.undo import Undo
from ropescope.network.adapter import AttentionCall, InPlace, Output, attending
from ropescope.network.capture import uses_interface

_PLACES = (3, 14, 159)
"""Positions at which a few keys are looked at."""


def attach(plan: Positions, network: nn.Module, config: Any, rotary: nn.Module, undo: Undo) -> None:
    """Let `network` read as the plan says. `config` is its text config, `rotary` its rotary module.

    Raises ExtendError where its attention cannot be told, or its keys are not what its positions make of them.
    """
    if not uses_interface(network):
        raise ExtendError(
            f"{type(network).__name__} has its own attention code, which Leaky ReRoPE cannot replace: use another method."
        )
    entry = plan.layer_types[0]
    assert entry.near_tokens is not None
    far_divisor = entry.before[0] / entry.after[0]
    kind: Any = type(rotary)
    far = FarAttention(
        Ranges(entry.near_tokens, plan.trained_length, far_divisor), kind(rotary.config), config._attn_implementation
    )
    configs = [one for one in attention_configs(network) if type(one) is type(config)]
    _check_keys(plan, network, far)
    undo.change(config, "max_position_embeddings", plan.max_position_embeddings)
    name = far.register()
    for one in configs:
        # Not `set_attn_implementation`: it refuses names for models that it believes support eager only.
        undo.change(one, "_attn_implementation_internal", name)


def attention_configs(network: nn.Module) -> list[Any]:
    """The configs in which the modules of `network` look up their attention implementation, each once."""
    return list(
        {id(module.config): module.config for module in network.modules() if hasattr(module, "config")}.values()
    )


class _Enough(Exception):
    """The first attention layer was reached: no more of the network need run."""


class _Probe(InPlace):
    """Takes note of the first attention call."""

    def __init__(self) -> None:
        self.seen: list[AttentionCall] = []

    def attend(self, call: AttentionCall, own: Callable[[], Output]) -> Output:
        """Ends the pass."""
        self.seen.append(call)
        raise _Enough


def _check_keys(plan: Positions, network: nn.Module, far: FarAttention) -> None:
    """Raise ExtendError unless the keys of the first layer are at other positions what turning them makes of them."""
    probe = _Probe()
    try:
        with attending(network, probe):
            for places in ((0, 0, 0), _PLACES):
                given = torch.tensor([places], device=network.device)  # type: ignore[arg-type]
                with suppress(_Enough), torch.inference_mode():
                    network(input_ids=torch.full_like(given, 2), position_ids=given, use_cache=False)
    except TypeError as error:
        raise ExtendError(f"{plan.model} does not accept position_ids ({error}): use another method.") from error
    if len(probe.seen) != 2:
        raise ExtendError(f"No attention layer of {plan.model} was called at the given positions: use another method.")
    first, keys = probe.seen[0], probe.seen[1].key
    unknown = next(
        (name for name in ("softcap", "s_aux", "position_bias") if first.options.get(name) is not None), None
    )
    if unknown is not None:
        raise ExtendError(
            f"The attention of {plan.model} uses {unknown}, which Leaky ReRoPE does not support here: use another method."
        )
    turned = far.turned(first.module, first.key, torch.tensor(_PLACES, device=keys.device).double())
    # bfloat16 rounds to a third of a per cent; another layout of the pairs leaves most of what was turned.
    if not torch.allclose(turned.float(), keys.float(), rtol=0.02, atol=0.02 * float(keys.float().abs().max())):
        raise ExtendError(
            f"{plan.model} rotates its keys in a way that ropescope does not know: use another method than rerope."
        )
