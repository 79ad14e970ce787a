"""The norm that some decoders (Gemma 2 and 3, OLMo 2, GLM 4) put between the output of attention and the residual stream.

Behind such a norm the size of an attention output says nothing: what a layer adds has the size of the norm's gain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ropescope.network.capture import decoder_layers


def norms_behind_attention(network: Any, projections: Mapping[int, nn.Module]) -> dict[int, nn.Module]:
    """The norm that takes the output of a layer's attention as it is, by decoder layer; layers without one are left out.

    projections: the output projection of the attention of each layer. Found by a pass of four tokens, since names do not tell:
    Llama's `post_attention_layernorm` comes before its MLP, Gemma's behind its attention.
    """
    _, layers = decoder_layers(network)
    found: dict[int, nn.Module] = {}
    written: dict[int, tuple[int, torch.Size]] = {}
    handles = []

    def wrote(index: int) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Tensor) -> None:
            written[index] = (output.data_ptr(), output.shape)

        return hook

    def reads(index: int) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any) -> None:
            if args and isinstance(args[0], Tensor) and written.get(index) == (args[0].data_ptr(), args[0].shape):
                found.setdefault(index, module)

        return hook

    for index, projection in projections.items():
        handles.append(projection.register_forward_hook(wrote(index)))
        norms = (module for module in layers[index].modules() if "norm" in type(module).__name__.lower())
        handles += [norm.register_forward_pre_hook(reads(index)) for norm in norms]
    try:
        with torch.inference_mode():
            network.base_model(input_ids=torch.arange(4, device=network.device)[None], use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return found


def gain(norm: nn.Module, width: int, device: torch.device) -> Tensor:
    """float32 [width] what a norm multiplies a normed state by, whatever it calls its weight."""
    sign = torch.ones(width, device=device)
    sign[1::2] = -1  # of mean 0 and size 1, so that a norm leaves it as it is
    dtype = next((weight.dtype for weight in norm.parameters()), torch.float32)
    with torch.inference_mode():
        both = norm(torch.stack([sign, -sign])[None].to(dtype)).float()[0]
    change: Tensor = (both[0] - both[1]) / 2 * sign
    return change
