"""The same network with its weights rounded to fewer bits, as weight-only quantisation without calibration leaves them.

Every linear layer of the decoder is rounded to the nearest value of its format; embeddings, norms and the output head stay
as they are. This shows what the rounding does, and not how fast a kernel is: nothing is packed. Q8_0 and Q4_0 are
llama.cpp's formats, by the reference code of the gguf package.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from ropescope.errors import MeasurementError
from ropescope.network.loading.number_type import AUTO, number_type
from ropescope.network.loading.weights import Weights

NF4_LEVELS = (
    -1.0,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0.0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1.0,
)
"""The sixteen values of NF4 relative to a block's largest: quantiles of a normal (Dettmers et al. 2023, QLoRA, app. E)."""

_BLOCK, _NF4_BLOCK = 32, 64


@dataclass(frozen=True, slots=True)
class Rounding:
    """A format of weights. `round` takes fp32 weights [outputs, inputs] and gives them on the format's grid.

    bits: per weight, scales included. block: inputs that share a scale; a layer whose inputs it does not divide is left.
    """

    name: str
    about: str
    bits: float
    block: int
    round: Callable[[Tensor], Tensor]


def _llama_cpp(name: str) -> Callable[[Tensor], Tensor]:
    def rounded(weight: Tensor) -> Tensor:
        from gguf import GGMLQuantizationType, dequantize, quantize

        kind = GGMLQuantizationType[name]
        values = weight.contiguous().cpu().numpy()
        return torch.from_numpy(dequantize(quantize(values, kind), kind).reshape(values.shape)).to(weight.device)

    return rounded


def _nf4(weight: Tensor) -> Tensor:
    levels = torch.tensor(NF4_LEVELS, device=weight.device)
    blocks = weight.reshape(-1, _NF4_BLOCK)
    scale = blocks.abs().amax(dim=1, keepdim=True)
    middles = (levels[1:] + levels[:-1]) / 2
    index = torch.bucketize(blocks / torch.where(scale > 0, scale, 1.0), middles)
    nearest: Tensor = levels[index] * scale
    return nearest.reshape(weight.shape)


def _few_bits(bits: int) -> Callable[[Tensor], Tensor]:
    """Q4_0's rule with fewer levels: a block's largest weight lies at the end of the grid, which holds zero."""

    half: int = 2 ** (bits - 1)

    def rounded(weight: Tensor) -> Tensor:
        blocks = weight.reshape(-1, _BLOCK)
        largest = blocks.gather(1, blocks.abs().argmax(dim=1, keepdim=True))
        scale = largest / -half
        steps = torch.floor(blocks / torch.where(scale != 0, scale, 1.0) + 0.5)
        return (steps.clamp(-half, half - 1) * scale).reshape(weight.shape)

    return rounded


ROUNDINGS: Mapping[str, Rounding] = {
    rounding.name: rounding
    for rounding in (
        Rounding("bfloat16", "the nearest bfloat16", 16, 1, lambda weight: weight.bfloat16().float()),
        Rounding("Q8_0", "llama.cpp: 8 bits, one scale for 32 weights", 8.5, _BLOCK, _llama_cpp("Q8_0")),
        Rounding("NF4", "QLoRA: 16 normal quantiles, one scale for 64 weights", 4.5, _NF4_BLOCK, _nf4),
        Rounding("Q4_0", "llama.cpp: 4 bits, one scale for 32 weights", 4.5, _BLOCK, _llama_cpp("Q4_0")),
        Rounding("3 bits", "Q4_0's rule with 8 levels", 3.5, _BLOCK, _few_bits(3)),
        Rounding("2 bits", "Q4_0's rule with 4 levels", 2.5, _BLOCK, _few_bits(2)),
    )
}
"""The formats by name, finest first."""


def rounded(weights: Weights, name: str, *, dtype: str = AUTO) -> Weights:
    """A copy of `weights` whose linear layers are rounded to the format `name`, to be computed with in `dtype` (auto: what
    suits the machine). Needs memory for a second copy.

    Raises MeasurementError for a name that is not in `ROUNDINGS`, or when no linear layer fits its blocks.
    """
    if name not in ROUNDINGS:
        raise MeasurementError(f"There is no rounding {name!r}: choose one of {', '.join(ROUNDINGS)}.")
    rounding = ROUNDINGS[name]
    network = copy.deepcopy(weights.network)
    found = 0
    with torch.no_grad():
        for module in linear_layers(network):
            weight = module.weight.T if isinstance(module, Conv1D) else module.weight
            if weight.shape[1] % rounding.block:
                continue
            found += 1
            grid = rounding.round(weight.float())
            module.weight.copy_(grid.T if isinstance(module, Conv1D) else grid)
    if not found:
        raise MeasurementError(
            f"No linear layer of {weights.model.name} has inputs in blocks of {rounding.block}: {name} does not fit it."
        )
    kind = number_type(dtype, network.device)
    return replace(
        weights,
        network=network.to(kind.dtype),
        dtype_reason=kind.reason,
        fingerprint=f"{weights.fingerprint}, rounded to {name}",
    )


def linear_layers(network: Any) -> Iterator[Any]:
    """The linear layers of a transformers model that are rounded: all but the output head."""
    head = network.get_output_embeddings()
    for module in network.modules():
        if isinstance(module, nn.Linear | Conv1D) and module is not head:
            yield module


def rounded_share(network: Any) -> float:
    """The share of the network's parameters that lies in linear layers and is rounded."""
    inside: int = sum(module.weight.numel() for module in linear_layers(network))
    return inside / int(sum(parameter.numel() for parameter in network.parameters()))
