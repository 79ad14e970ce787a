"""Whether the installed transformers keeps the state of convolutions and linear attention in the cache of the sequence."""

from __future__ import annotations

import transformers
from transformers import cache_utils

KEPT_IN_CACHES: bool = hasattr(cache_utils, "LinearAttentionLayer")
"""Since transformers 5.5. Before, each family had a cache class of its own, and several lost the state between chunks."""

KINDS = frozenset({"linear", "state-space", "convolution", "recurrent"})
"""Kinds of layers with such a state."""

INSTALL = f"this is transformers {transformers.__version__}; install 5.5 or newer."
"""The end of a sentence about what cannot be done without that."""
