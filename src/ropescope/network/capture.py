"""Read chosen rows of a model's attention while it runs, without changing what it computes.

`capture_rows(model, positions, consume)` is a context manager. Inside it, every forward pass computes each attention
layer's output as SDPA would and hands `consume` the softmax rows of the chosen query positions, in fp32, from the very
queries, keys, scale, mask, soft-cap, sink logits and bias the layer uses. No N×N matrix is made: full causal layers go
to the fused kernel, every other layer is computed a block of query rows at a time.

Two ways in, both chosen by the model's own code:

- a model that asks `transformers.AttentionInterface` for its attention function gets ours (`adapter`), with a mask that is
  evaluated only for the rows needed;
- a model with attention code of its own (BLOOM, Falcon, MPT, GPT-J, …) is watched through a torch function mode, which
  sees its softmax or its fused attention call. Such code makes (queries × keys) weights itself: run it in chunks.

On exit, also by an exception, the model is as before.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from ropescope.errors import CaptureError
from ropescope.network.adapter import AttentionCall, DeferredMask, InPlace, Output, attending
from ropescope.network.rowmask import RowMask, row_masks
from ropescope.network.rows import Consumer, RowReader
from ropescope.network.softcap import require_softcap
from ropescope.network.softmax import Logits, attend_in_blocks

_reading: ContextVar[tuple[RowReader, ...]] = ContextVar("ropescope_reading", default=())
"""The readers of this thread or task: hooks stand on the model, so they run in the passes of every thread."""


@contextmanager
def capture_rows(model: nn.Module, positions: Sequence[int], consume: Consumer) -> Iterator[RowReader]:
    """Within the context, forward passes of `model` hand `consume` the attention rows at `positions`: prefills, chunks of one,
    and the steps of `generate`.

    positions: of the queries, counted from the first token of each row of a batch; what pads a row, on either side, is neither
    counted nor among its keys. Raises CaptureError for a model without decoder layers, for one whose attention drops its soft-cap,
    and in a pass whose padding cannot be told: a batch with a mask that is no [batch, tokens], or with padding between its tokens.
    It holds for the thread that entered it: what other threads do with the model is neither read nor hindered.
    """
    require_softcap(model, CaptureError)
    reader = RowReader(positions, consume)
    owner, layers = decoder_layers(model)
    with ExitStack() as stack:
        stack.callback(_reading.reset, _reading.set((*_reading.get(), reader)))
        for index, layer in enumerate(layers):
            stack.callback(layer.register_forward_pre_hook(_read_here(reader, reader.enter_layer(index))).remove)
        start = _read_here(reader, reader.start_forward)
        stack.callback(owner.register_forward_pre_hook(start, with_kwargs=True).remove)
        if uses_interface(model):
            stack.enter_context(attending(model, _Capture(reader)))
        else:
            stack.enter_context(_OwnAttention(model, reader))
        yield reader


def _read_here(reader: RowReader, hook: Callable[..., None]) -> Callable[..., None]:
    """A hook that is silent in the passes of other threads."""

    def of_this_context(*args: Any) -> None:
        if reader in _reading.get():
            hook(*args)

    return of_this_context


def decoder_layers(model: nn.Module) -> tuple[nn.Module, nn.ModuleList]:
    """The module that runs the decoder layers, and the layers: the longest ModuleList outside of any other."""
    best = _longest_list(_text_part(model)) or _longest_list(model)
    if best is None:
        raise CaptureError(
            f"{type(model).__name__} has no list of decoder layers: ropescope measures decoder-only models."
        )
    return best


def _longest_list(model: nn.Module) -> tuple[nn.Module, nn.ModuleList] | None:
    best: tuple[nn.Module, nn.ModuleList] | None = None
    for module in model.modules():
        for child in module.children():
            if isinstance(child, nn.ModuleList) and len(child) and (best is None or len(child) > len(best[1])):
                inside_other = best is not None and any(child is inner for inner in best[1].modules())
                if not inside_other:
                    best = (module, child)
    return best


def _text_part(model: nn.Module) -> nn.Module:
    """The decoder of a model that has other parts too: towers for images have layers, but no tokens."""
    own = getattr(model, "_orig_mod", model)
    ask = getattr(own, "get_decoder", None)
    found = ask() if callable(ask) else None
    return found if isinstance(found, nn.Module) else model


def uses_interface(model: nn.Module) -> bool:
    """Whether the model's own code asks transformers' AttentionInterface for its attention function."""
    modules = {type(module).__module__ for module in _text_part(model).modules()}
    return any("ALL_ATTENTION_FUNCTIONS" in vars(sys.modules[name]) for name in modules if name in sys.modules)


class _Capture(InPlace):
    """The attention function: output as SDPA's, rows to the reader."""

    def __init__(self, reader: RowReader) -> None:
        self.reader = reader

    def attend(self, call: AttentionCall, own: Callable[[], Output]) -> Output:
        """The output [batch, new, heads, dim], without weights."""
        query, key = call.query, call.key
        masks = _masks(call, len(query))
        mask = masks[0]
        first_query, key_start = key.shape[2] - query.shape[2], 0
        if isinstance(mask, RowMask):
            first_query, key_start = mask.q_offset, mask.kv_offset
        bias = call.options.get("position_bias")
        logits = Logits(key=key, scale=call.scale, softcap=call.softcap, sinks=call.sinks, bias=bias)
        if call.options.get("is_causal") is not False:
            self.reader.read(logits, query, first_query, key_start, masks)
        if len(query) > 1 or self.reader.padded or query.requires_grad:
            return own()[0], None
        fused = logits.softcap is None and logits.sinks is None and query.shape[-1] == call.value.shape[-1]
        if fused and (not isinstance(mask, RowMask) or mask.is_plain_causal):
            plain = None if isinstance(mask, RowMask) else mask
            output, _ = sdpa_attention_forward(call.module, query, key, call.value, plain, *call.rest, **call.options)
            return output, None
        return attend_in_blocks(query, call.value, logits, mask, first_query, key_start, self.reader.workspace), None

    def bypassed(self, call: AttentionCall) -> None:
        """Raises CaptureError: the rows of this call are not those that a softmax over the keys would give."""
        if call.options.get("is_causal") is not False:
            raise CaptureError(
                "Attention rows cannot be read where another attention stands on the model (a planned cache behind its first "
                "pass, skipped blocks, Leaky ReRoPE beyond the trained length): read them without it."
            )


def _masks(call: AttentionCall, batch: int) -> Sequence[RowMask | Tensor | None]:
    """The mask of each row of the batch."""
    mask = call.mask
    if isinstance(mask, DeferredMask):
        found = mask.read_by(row_masks)
        return found if len(found) == batch else found[:1] * batch
    if isinstance(mask, Tensor) and mask.dim() == 4:
        mask = mask[..., : call.key.shape[2]]
        return [mask[row : row + 1] if len(mask) > 1 else mask for row in range(batch)]
    return [mask] * batch


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
            enter, leave = (_read_here(self.reader, hook) for hook in (self._enter_attention, self._leave_attention))
            self.hooks.append(module.register_forward_pre_hook(enter))
            self.hooks.append(module.register_forward_hook(leave, always_call=True))
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
            batch = len(self.reader.spans)
            weights = (
                output.view(batch, -1, *output.shape[1:]) if output.dim() == 3 and len(output) % batch == 0 else output
            )
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
            rows = range(len(query))
            alike = attn_mask is None or attn_mask.dim() < 4 or len(attn_mask) == 1
            masks = [attn_mask if alike or attn_mask is None else attn_mask[row : row + 1] for row in rows]
            self.reader.read(logits, query, key.shape[2] - query.shape[2], 0, masks)


_SOFTMAXES = {F.softmax, torch.softmax, Tensor.softmax}
