"""Replace a model's attention function and its mask by ours, and do what it would have done without."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS


def attention_configs(network: nn.Module) -> list[Any]:
    """The configs in which the modules of `network` look up their attention implementation, each once."""
    return list(
        {id(module.config): module.config for module in network.modules() if hasattr(module, "config")}.values()
    )


@contextmanager
def attending_by(configs: Sequence[Any], name: str) -> Iterator[None]:
    """Within the context the attention of these configs is the implementation registered as `name`."""
    before = [config._attn_implementation for config in configs]
    try:
        for config in configs:
            # Not `set_attn_implementation`: it refuses names for models that it believes support eager only.
            config._attn_implementation_internal = name
        yield
    finally:
        for config, implementation in zip(configs, before, strict=True):
            config._attn_implementation_internal = implementation


class DeferredMask:
    """A mask that is made only if a layer needs it, as the model's own implementation would make it."""

    def __init__(self, implementation: str, arguments: dict[str, Any]) -> None:
        # A static cache counts its tokens in place, so its number is another by the time that a layer asks.
        self.arguments: dict[str, Any] = {
            name: int(value) if isinstance(value, Tensor) and value.dim() == 0 else value
            for name, value in arguments.items()
        }
        self.implementation = implementation
        self._made: tuple[Any] | None = None

    def make(self) -> Any:
        """The mask: a tensor, None where the kernel needs none, or what else the implementation uses."""
        if self._made is None:
            make: Callable[..., Any] = ALL_MASK_ATTENTION_FUNCTIONS[self.implementation]
            self._made = (make(**self.arguments),)
        return self._made[0]


def own_attention(module: nn.Module, implementation: str) -> Callable[..., Any]:
    """The function that the model would have called: eager code lies in the module's own file."""
    eager = getattr(sys.modules[type(module).__module__], "eager_attention_forward", sdpa_attention_forward)
    found: Callable[..., Any] = ALL_ATTENTION_FUNCTIONS.get(implementation, eager)
    return found
