"""What a model would have done, had its attention function and its mask not been replaced by ours."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS


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
