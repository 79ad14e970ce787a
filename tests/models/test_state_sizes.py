"""State sizes against the states that transformers holds after a forward pass."""

import pytest
from newest import of_newest_transformers

from ropescope.models.state_sizes import (
    gated_delta_state,
    mamba1_state,
    mamba2_state,
    rwkv_state,
    short_convolution_state,
)

MAMBA = {"state_size": 6, "conv_kernel": 4, "expand": 2, "time_step_rank": 4, "intermediate_size": 64}
MAMBA2 = {
    "state_size": 6, "conv_kernel": 4, "expand": 2, "num_heads": 4, "head_dim": 16, "n_groups": 2, "chunk_size": 8,
}  # fmt: skip
DELTA = {
    "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 6,
    "layer_types": ["linear_attention", "full_attention"], "linear_conv_kernel_dim": 4, "num_experts": 0,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "intermediate_size": 48,
}  # fmt: skip
SHORT = {
    "layer_types": ["conv", "full_attention"], "conv_L_cache": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 48, "block_auto_adjust_ff_dim": False,
}  # fmt: skip


@of_newest_transformers
@pytest.mark.parametrize(
    ("model_type", "settings", "expected"),
    [
        ("mamba", MAMBA, mamba1_state(64, 6, 4)),
        ("mamba2", MAMBA2, mamba2_state(4, 16, 2, 6, 4)),
        ("qwen3_next", DELTA, gated_delta_state(2, 4, 8, 6, 4)),
        ("lfm2", SHORT, short_convolution_state(32, 3)),
    ],
)
def test_the_states_are_those_that_transformers_holds(model_type, settings, expected):
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        model_type, vocab_size=64, hidden_size=32, num_hidden_layers=2, pad_token_id=0, **settings
    )
    network = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).eval()
    with torch.inference_mode():
        output = network(torch.arange(1, 20)[None], use_cache=True)
    cache = output.get("past_key_values") or output["cache_params"]
    held = cache.layers[0]
    convolution, recurrent = held.conv_states[0], held.recurrent_states[0]
    assert (convolution.numel(), 0 if recurrent is None else recurrent.numel()) == expected
    assert convolution.dtype == torch.bfloat16
    assert recurrent is None or recurrent.dtype == torch.float32


def test_the_state_of_a_published_rwkv():
    # RWKV-6 World 1.6B: 24 layers of width 2048 in heads of 64; each keeps two shifted tokens and 32 matrices of 64 × 64.
    assert rwkv_state(2048, 64) == (4096, 131_072)
