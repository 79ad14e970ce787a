"""Read chosen rows of a model's attention while it runs, without changing what it computes.

`capture_rows(model, positions, consume)` is a context manager. Inside it, every forward pass computes each attention
layer's output as SDPA would and hands `consume` the softmax rows of the chosen query positions, in fp32, from the very
queries, keys, scale, mask, soft-cap, sink logits and bias the layer uses. No N×N matrix is made: full causal layers go
to the fused kernel, every other layer is computed a block of query rows at a time.

Two ways in, both chosen by the model's own code:

- a model that asks `transformers.AttentionInterface` for its attention function gets ours, with a mask
  (`AttentionMaskInterface`) that is evaluated only for the rows needed;
- a model with attention code of its own (BLOOM, Falcon, MPT, GPT-J, …) is watched through a torch function mode, which
  sees its softmax or its fused attention call. Such code makes (queries × keys) weights itself: run it in chunks.

On exit, also by an exception, the model is as before.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from ropescope.errors import CaptureError
from ropescope.measure.own_attention import attending_by, attention_configs
from ropescope.measure.rowmask import RowMask, row_mask
from ropescope.measure.rows import Consumer, RowReader
from ropescope.measure.softmax import Logits, Workspace, attend_in_blocks

IMPLEMENTATION = "ropescope"
"""The name under which the attention function and its mask are registered with transformers."""


_active: ContextVar[RowReader | None] = ContextVar("ropescope_capture", default=None)


@contextmanager
def capture_rows(model: nn.Module, positions: Sequence[int], consume: Consumer) -> Iterator[RowReader]:
    """Within the context, forward passes of `model` (batch size 1) hand `consume` the attention rows at `positions`.

    positions: absolute query positions. Raises CaptureError for a model without decoder layers.
    """
    reader = RowReader(positions, consume)
    owner, layers = decoder_layers(model)
    with ExitStack() as stack:
        for index, layer in enumerate(layers):
            stack.callback(layer.register_forward_pre_hook(reader.enter_layer(index)).remove)
        stack.callback(owner.register_forward_pre_hook(reader.start_forward).remove)
        if uses_interface(model):
            stack.enter_context(_through_interface(model))
            token = _active.set(reader)
            stack.callback(_active.reset, token)
        else:
            stack.enter_context(_OwnAttention(model, reader))
        yield reader


def decoder_layers(model: nn.Module) -> tuple[nn.Module, nn.ModuleList]:
    """The module that runs the decoder layers, and the layers: the longest ModuleList outside of any other."""
    best: tuple[nn.Module, nn.ModuleList] | None = None
    for module in model.modules():
        for child in module.children():
            if isinstance(child, nn.ModuleList) and len(child) and (best is None or len(child) > len(best[1])):
                inside_other = best is not None and any(child is inner for inner in best[1].modules())
                if not inside_other:
                    best = (module, child)
    if best is None:
        raise CaptureError(
            f"{type(model).__name__} has no list of decoder layers: ropescope measures decoder-only models."
        )
    return best


def uses_interface(model: nn.Module) -> bool:
    """Whether the model's own code asks transformers' AttentionInterface for its attention function."""
    modules = {type(module).__module__ for module in model.modules()}
    return any("ALL_ATTENTION_FUNCTIONS" in vars(sys.modules[name]) for name in modules if name in sys.modules)


@contextmanager
def _through_interface(model: nn.Module) -> Iterator[None]:
    AttentionInterface.register(IMPLEMENTATION, _attention)
    AttentionMaskInterface.register(IMPLEMENTATION, row_mask)
    with attending_by(attention_configs(model), IMPLEMENTATION):
        yield


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: RowMask | Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """The attention function: output as SDPA's, rows to the active capture. Shapes as transformers': [1, H, N, d]."""
    reader = _active.get()
    if isinstance(attention_mask, Tensor) and attention_mask.dim() == 4:
        attention_mask = attention_mask[..., : key.shape[2]]
    n_queries, n_keys = query.shape[2], key.shape[2]
    if isinstance(attention_mask, RowMask):
        first_query, key_start = attention_mask.q_offset, attention_mask.kv_offset
    else:
        first_query, key_start = n_keys - n_queries, 0
    sinks = kwargs.get("s_aux")
    logits = Logits(
        key=key,
        scale=query.shape[-1] ** -0.5 if scaling is None else float(scaling),
        softcap=kwargs.get("softcap"),
        sinks=None if sinks is None else sinks.reshape(-1),
        bias=kwargs.get("position_bias"),
    )
    causal = kwargs.get("is_causal")
    if reader is not None and causal is not False:
        if query.shape[0] != 1:
            raise CaptureError(
                f"Attention rows are read at batch size 1, not {query.shape[0]}: pass one prompt at a time."
            )
        reader.read(logits, query, first_query, key_start, attention_mask)

    fused = logits.softcap is None and logits.sinks is None and query.shape[-1] == value.shape[-1]
    if fused and not isinstance(attention_mask, RowMask):
        output, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
        return output, None
    if fused and attention_mask.is_plain_causal:  # type: ignore[union-attr]
        output, _ = sdpa_attention_forward(module, query, key, value, None, dropout=dropout, scaling=scaling, **kwargs)
        return output, None
    workspace = Workspace() if reader is None else reader.workspace
    return attend_in_blocks(query, value, logits, attention_mask, first_query, key_start, workspace), None


class _OwnAttention(TorchFunctionMode):
    """Watches a model whose attention modules call softmax, or the fused attention function, themselves."""

    def __init__(self, model: nn.Module, reader: RowReader) -> None:
        super().__init__()
        self.reader = reader
        self.depth = 0
        self.hooks: list[Any] = []
        self.modules = [
            module
            for module in model.modules()
            if "attention" in type(module).__name__.lower() and not isinstance(module, nn.ModuleList)
        ]

    def __enter__(self) -> _OwnAttention:
        for module in self.modules:
            self.hooks.append(module.register_forward_pre_hook(self._enter_attention))
            self.hooks.append(module.register_forward_hook(self._leave_attention, always_call=True))
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *exc: Any) -> None:
        super().__exit__(*exc)  # type: ignore[no-untyped-call]
        for hook in self.hooks:
            hook.remove()
        self.hooks.clear()

    def _enter_attention(self, *_: Any) -> None:
        self.depth += 1

    def _leave_attention(self, *_: Any) -> None:
        self.depth -= 1

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.depth and func is F.scaled_dot_product_attention:
            self._read_fused(*args, **kwargs)
        output = func(*args, **kwargs)
        if self.depth and func in _SOFTMAXES:
            weights = output.unsqueeze(0) if output.dim() == 3 else output
            if weights.dim() == 4 and weights.shape[3] >= weights.shape[2]:
                self.reader.read_weights(weights)
        return output

    def _read_fused(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        **_: Any,
    ) -> None:
        with torch._C.DisableTorchFunction():
            logits = Logits(key=key, scale=query.shape[-1] ** -0.5 if scale is None else scale)
            self.reader.read(logits, query, key.shape[2] - query.shape[2], 0, attn_mask)


_SOFTMAXES = {F.softmax, torch.softmax, Tensor.softmax}
