"""Run a network with an attention that is registered with transformers under a name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import nn


def attention_configs(network: nn.Module) -> list[Any]:
    """The configs in which the modules of `network` look up their attention implementation, each once."""
    return list(
        {id(module.config): module.config for module in network.modules() if hasattr(module, "config")}.values()
    )


@contextmanager
def attending_by(configs: Sequence[Any], name: str) -> Iterator[None]:
    """Within the context the attention of these configs is the implementation registered as `name`, in every thread."""
    before = [config._attn_implementation for config in configs]
    try:
        for config in configs:
            # Not `set_attn_implementation`: it refuses names for models that it believes support eager only.
            config._attn_implementation_internal = name
        yield
    finally:
        for config, implementation in zip(configs, before, strict=True):
            config._attn_implementation_internal = implementation
