"""Weights on coarser grids: hand-checked blocks, the published NF4 values, and what is left alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm
from tiny_models import TINY, build, tokens

from ropescope.errors import MeasurementError
from ropescope.models.config.reading import from_config
from ropescope.models.source import Source
from ropescope.network.loading.weights import Weights
from ropescope.network.rounding import NF4_LEVELS, ROUNDINGS, linear_layers, rounded, rounded_share


def weights(model_type: str = "llama") -> Weights:
    network = build(next(tiny for tiny in TINY if tiny.model_type == model_type))
    return Weights(network, None, from_config(network.config.to_dict()), Source("dict", model_type), "made")


def test_nf4_levels_are_quantiles_of_a_normal() -> None:
    """As QLoRA constructs them: eight quantiles below zero, seven above, scaled to one."""
    offset = 0.9677083
    upper = norm.ppf(np.linspace(offset, 0.5, 9)[:-1])
    lower = -norm.ppf(np.linspace(offset, 0.5, 8)[:-1])
    expected = np.sort(np.concatenate([upper, [0.0], lower])) / upper.max()
    np.testing.assert_allclose(NF4_LEVELS, expected, atol=2e-6)


def test_nf4_takes_the_nearest_level_of_its_block() -> None:
    torch.manual_seed(0)
    weight = torch.randn(6, 128)
    found = ROUNDINGS["NF4"].round(weight)
    for row in range(6):
        for start in (0, 64):
            block = weight[row, start : start + 64]
            levels = torch.tensor(NF4_LEVELS) * block.abs().max()
            nearest = levels[(block[:, None] - levels).abs().argmin(dim=1)]
            torch.testing.assert_close(found[row, start : start + 64], nearest)
    torch.testing.assert_close(ROUNDINGS["NF4"].round(torch.zeros(2, 64)), torch.zeros(2, 64))


@pytest.mark.parametrize("name", ["Q4_0", "3 bits", "2 bits"])
def test_a_block_that_lies_on_the_grid_stays(name: str) -> None:
    half = {"Q4_0": 8, "3 bits": 4, "2 bits": 2}[name]
    block = torch.arange(-half, half).repeat(32 // (2 * half)).float()[None] * 0.25
    torch.testing.assert_close(ROUNDINGS[name].round(block), block)


def test_two_bits_by_hand() -> None:
    block = torch.zeros(1, 32)
    block[0, :6] = torch.tensor([-4.0, 3.9, 1.1, 0.9, -1.1, -2.9])
    expected = torch.tensor([-4.0, 2.0, 2.0, 0.0, -2.0, -2.0])
    # The largest, −4, is the end of the grid −4, −2, 0, 2; −2.9 is nearer to −2.
    torch.testing.assert_close(ROUNDINGS["2 bits"].round(block)[0, :6], expected)


def test_q8_0_is_within_half_a_step() -> None:
    torch.manual_seed(1)
    weight = torch.randn(8, 64)
    blocks = weight.reshape(-1, 32)
    error = (ROUNDINGS["Q8_0"].round(weight) - weight).reshape(-1, 32).abs().amax(dim=1)
    step = blocks.abs().amax(dim=1) / 127
    assert (error <= 0.5 * step + 127 * step * 2**-11).all()  # the scale itself is a half-precision number
    assert error.max() > 0.4 * step.max()


def test_fewer_bits_err_more() -> None:
    torch.manual_seed(2)
    weight = torch.randn(64, 256)
    errors = [float((item.round(weight) - weight).norm()) for item in ROUNDINGS.values() if item.name != "NF4"]
    assert errors == sorted(errors)
    assert [item.bits for item in ROUNDINGS.values()] == sorted((r.bits for r in ROUNDINGS.values()), reverse=True)


def test_only_the_linear_layers_of_a_copy_change() -> None:
    whole = weights()
    before = {name: value.clone() for name, value in whole.network.state_dict().items()}
    coarse = rounded(whole, "Q4_0", dtype="bfloat16")
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, before[name])
    assert coarse.network.dtype == torch.bfloat16 and coarse.fingerprint != whole.fingerprint
    for name, value in coarse.network.state_dict().items():
        same = torch.equal(value, before[name].bfloat16())
        # Inputs of 48 are no whole number of blocks of 32: that layer is left as it is.
        kept = "norm" in name or "embed" in name or "lm_head" in name or "down_proj" in name
        assert same == kept, name
    with torch.inference_mode():
        assert torch.isfinite(coarse.network(tokens(16)).logits).all()


def test_bfloat16_is_the_cast() -> None:
    whole = weights()
    cast = build(TINY[0]).to(torch.bfloat16)
    for name, value in rounded(whole, "bfloat16", dtype="bfloat16").network.state_dict().items():
        assert torch.equal(value, cast.state_dict()[name]), name


def test_gpt2_keeps_its_inputs_first() -> None:
    """Its linear layers are stored [inputs, outputs]: blocks must run along the inputs all the same."""
    whole = weights("gpt2")
    coarse = rounded(whole, "2 bits", dtype="bfloat16").network.transformer.h[0].attn.c_attn.weight.float()
    original = whole.network.transformer.h[0].attn.c_attn.weight
    expected = ROUNDINGS["2 bits"].round(original.T.contiguous()).T.bfloat16().float()
    torch.testing.assert_close(coarse, expected)
    assert len(torch.unique(coarse[:, 0])) <= 4


def test_share_and_refusals() -> None:
    whole = weights()
    share = rounded_share(whole.network)
    linear = sum(layer.weight.numel() for layer in linear_layers(whole.network))
    # Three layers of q, k, v, o (32→32, 16, 16, 32) and gate, up, down (32→48 twice, 48→32).
    assert linear == 3 * (32 * 32 * 2 + 32 * 16 * 2 + 32 * 48 * 3) and 0 < share < 1
    with pytest.raises(MeasurementError, match="no rounding 'int5'"):
        rounded(whole, "int5")
    with pytest.raises(MeasurementError, match="blocks of 64"):
        rounded(whole, "NF4")
