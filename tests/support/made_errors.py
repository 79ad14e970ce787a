"""Output errors of a made model: they fall as heads keep more, each at a pace of its own."""

from __future__ import annotations

import numpy as np

from ropescope.compress.plan.output_error import OutputErrors
from ropescope.compress.plan.picks import SHARES
from ropescope.models.model import Model
from ropescope.models.opening import open as open_model

LENGTH = 256


def model_of(layers: int, heads: int) -> Model:
    """A Llama of so many layers and KV heads."""
    return open_model(
        {
            "model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": layers, "vocab_size": 100,
            "num_attention_heads": 4, "num_key_value_heads": heads, "head_dim": 16, "max_position_embeddings": 4096,
            "torch_dtype": "bfloat16",
        }
    )  # fmt: skip


def made_errors(layers: int, heads: int, *, sinks: int, seed: int = 0) -> OutputErrors:
    """Errors that are convex in the tokens kept, with picks at some paces better and at some worse than windows alone."""
    rng = np.random.default_rng(seed)
    kept = np.array([1, 2, 4, 8, 16, 32, 64, 128, 192, LENGTH - sinks])
    scale = 10 ** rng.uniform(-2, 0, (layers, heads, 1, 1))
    pace = rng.uniform(10, 100, (layers, heads, len(SHARES), 1))
    error = scale * (np.exp(-kept / pace) - np.exp(-(LENGTH - sinks) / pace))
    mass = np.broadcast_to(kept / LENGTH, (layers, 4, len(SHARES), len(kept)))
    return OutputErrors(
        kept=kept, error=error, mass=mass, layers=tuple(range(layers)), n_heads=(4,) * layers, n_kv_heads=(heads,) * layers,
        length=LENGTH, sinks=sinks, n_prompts=1, model="made", about="made",
    )  # fmt: skip
