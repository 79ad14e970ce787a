"""Whether the installed transformers carries the state of convolutions and linear attention from one call to the next."""

from __future__ import annotations

from typing import Any

import transformers
from packaging.version import Version

KEPT_IN_CACHES: bool = Version(transformers.__version__) >= Version("5.18")
"""Before 5.5 each family had a cache class of its own, and as late as 5.14 convolutions lost their state between chunks;
in 5.18 and later the tests find it carried."""

KINDS = frozenset({"linear", "state-space", "convolution", "recurrent"})
"""Kinds of layers with such a state."""

INSTALL = f"this is transformers {transformers.__version__}; install 5.18 or newer."
"""The end of a sentence about what cannot be done without that."""


def goes_on(cache: Any) -> bool:
    """Whether a cache that a model returned has all that further tokens need."""
    if not hasattr(cache, "layers"):
        return False
    return KEPT_IN_CACHES or not any(hasattr(layer, "conv_states") for layer in cache.layers)
