"""Attention over a part of the keys, and how parts are put together: by the logarithms of their sums of exponentials."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

_SUM_BYTES = 256 * 2**20
"""float32 weights that are held at once where no fused kernel is."""

Summed = tuple[Tensor, Tensor]
"""Output [batch, heads, queries, value dim], and the logarithm of the sum of exponentials, float32 [batch, heads, queries]."""
Kernel = Callable[[Tensor, Tensor, Tensor, Tensor | None, float], Summed]
"""Queries, keys, values, what to add to the scores, the scale."""


def attend_part(query: Tensor, key: Tensor, value: Tensor, visible: Tensor | None, scale: float) -> Summed:
    """The softmax over some keys alone.

    query: [batch, heads, queries, dim]; key, value: [batch, KV heads, keys, dim]; visible: bool [queries, keys] or [batch, 1,
    queries, keys], None where all are seen. A query that sees nothing has a sum that vanishes beside any other part's.
    """
    batch, heads, queries, dim = query.shape
    shared = heads // key.shape[1]
    kernel: Kernel = _by_the_sum
    if not torch.is_grad_enabled() and key.shape[-1] == value.shape[-1] and _fused_is_right(key.device.type, key.dtype):
        kernel = _FUSED[key.device.type]
    if visible is None:
        # The queries of a group are rows of one call: no key is repeated for them.
        rows = query.reshape(batch, key.shape[1], shared * queries, dim)
        output, total = kernel(rows, key, value, None, scale)
        return output.reshape(batch, heads, queries, -1), total.reshape(batch, heads, queries)
    hidden = torch.zeros(visible.shape, dtype=query.dtype, device=query.device)
    # Half of the least number: a score is added to it.
    hidden.masked_fill_(~visible, torch.finfo(query.dtype).min / 2)
    hidden = hidden.expand(batch, heads, -1, -1)
    key, value = key.repeat_interleave(shared, dim=1), value.repeat_interleave(shared, dim=1)
    return kernel(query, key, value, hidden, scale)


def put_together(one: Summed, other: Summed) -> Summed:
    """The softmax over the keys of both parts."""
    share = torch.sigmoid(other[1] - one[1])[..., None]
    output = torch.lerp(one[0].float(), other[0].float(), share)
    return output.to(one[0].dtype), torch.logaddexp(one[1], other[1])


def _by_the_sum(query: Tensor, key: Tensor, value: Tensor, hidden: Tensor | None, scale: float) -> Summed:
    outputs, totals = [], []
    step = max(1, _SUM_BYTES // (4 * query.shape[0] * query.shape[1] * key.shape[2]))
    for start in range(0, query.shape[2], step):
        scores = (query[:, :, start : start + step] @ key.transpose(2, 3)).float() * scale
        if hidden is not None:
            scores = scores + hidden[:, :, start : start + step]
        total = scores.logsumexp(dim=-1)
        outputs.append((scores - total[..., None]).exp().to(value.dtype) @ value)
        totals.append(total)
    return torch.cat(outputs, dim=2), torch.cat(totals, dim=2)


def _fused_on_cpu(query: Tensor, key: Tensor, value: Tensor, hidden: Tensor | None, scale: float) -> Summed:
    found = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, 0.0, False, attn_mask=hidden, scale=scale
    )
    return found[0], found[1]


def _fused_on_cuda(query: Tensor, key: Tensor, value: Tensor, hidden: Tensor | None, scale: float) -> Summed:
    if hidden is not None or query.dtype == torch.float32:
        return _by_the_sum(query, key, value, hidden, scale)  # flash attention takes no mask and no float32
    found = torch.ops.aten._scaled_dot_product_flash_attention(query, key, value, 0.0, False, False, scale=scale)
    return found[0], found[1][..., : query.shape[2]]


_FUSED: dict[str, Kernel] = {"cpu": _fused_on_cpu, "cuda": _fused_on_cuda}
"""PyTorch's own kernels. It has no public function that returns the sums, so each is tried before it is used."""


@cache
def _fused_is_right(device: str, dtype: torch.dtype) -> bool:
    """Whether the kernel of this PyTorch gives on a small example what the sum gives."""
    if device not in _FUSED or dtype not in (torch.float32, torch.bfloat16, torch.float16):
        return False
    made = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(1, 2, n, 64, generator=made).to(device, dtype) for n in (5, 40, 40))
    hidden = torch.zeros(1, 2, 5, 40, device=device, dtype=dtype)
    hidden[..., 7:30] = torch.finfo(dtype).min / 2
    try:
        for mask in (None, hidden):
            found, expected = (kernel(query, key, value, mask, 0.125) for kernel in (_FUSED[device], _by_the_sum))
            for one, other in zip(found, expected, strict=True):
                torch.testing.assert_close(one.float(), other.float(), atol=0.02, rtol=0.02)
    except (RuntimeError, AttributeError, TypeError, AssertionError):
        return False
    return True
