"""How many numbers a layer without attention keeps of a sequence, however long that is.

Each function returns (convolution elements, recurrent elements) for one sequence. The first are held in the type of the
model, the second in float32. A convolution counts as transformers holds it, with all `d_conv` columns of its window;
llama.cpp and vLLM hold the `d_conv − 1` that the next token needs.
"""

from __future__ import annotations


def mamba1_state(d_inner: int, d_state: int, d_conv: int) -> tuple[int, int]:
    """Mamba: `d_inner` channels, each with a window of `d_conv` inputs and a state of `d_state` (Gu & Dao, 2023)."""
    return d_inner * d_conv, d_inner * d_state


def mamba2_state(n_heads: int, head_dim: int, n_groups: int, d_state: int, d_conv: int) -> tuple[int, int]:
    """Mamba-2: the convolution also passes over B and C, which the heads of a group share (Dao & Gu, 2024)."""
    d_inner = n_heads * head_dim
    return (d_inner + 2 * n_groups * d_state) * d_conv, d_inner * d_state


def gated_delta_state(
    n_key_heads: int, n_value_heads: int, key_head_dim: int, value_head_dim: int, d_conv: int
) -> tuple[int, int]:
    """Gated DeltaNet (Qwen3-Next): a convolution over queries, keys and values, and a matrix for each value head."""
    key_dim, value_dim = n_key_heads * key_head_dim, n_value_heads * value_head_dim
    return (2 * key_dim + value_dim) * d_conv, n_value_heads * key_head_dim * value_head_dim


def short_convolution_state(hidden_size: int, d_conv: int) -> tuple[int, int]:
    """A gated short convolution (LFM2): a window over the hidden state, and nothing recurrent."""
    return hidden_size * d_conv, 0


def rwkv_state(hidden_size: int, head_dim: int, token_shifts: int = 2) -> tuple[int, int]:
    """RWKV 5 to 7: `token_shifts` hidden states of the token before, and a matrix of `head_dim`² for each head."""
    return token_shifts * hidden_size, hidden_size * head_dim
