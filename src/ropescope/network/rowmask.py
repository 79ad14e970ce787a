"""A causal, sliding or chunked mask that is evaluated only for the query rows that are asked for.

transformers builds masks from an index function (query position, key position) → may attend. For long inputs the full
boolean matrix costs more memory than the attention itself, so this keeps the function and answers for some rows at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers.masking_utils import causal_mask_function, sdpa_mask

_BY_POSITIONS = "cache_position" in signature(sdpa_mask).parameters
"""Up to transformers 5.3 masks are told the positions of their queries, since 5.4 their number and the first of them."""


@dataclass(frozen=True, slots=True)
class RowMask:
    """Which keys each query may attend to. Positions are absolute; `padding` is [1, seen tokens] bool or None."""

    q_offset: int
    kv_offset: int
    q_length: int
    kv_length: int
    mask_function: Callable[..., Any]
    padding: Tensor | None
    device: torch.device | str
    use_vmap: bool
    is_plain_causal: bool

    def rows(self, positions: Tensor) -> Tensor:
        """[rows, keys] bool for the queries at the absolute `positions` ([rows], on the mask's device)."""
        if self.use_vmap:
            return torch.cat([self._block(int(position), 1) for position in positions])
        keys = torch.arange(self.kv_length, device=self.device) + self.kv_offset
        zero = torch.zeros((), dtype=torch.long, device=self.device)
        allowed: Tensor = self.mask_function(zero, zero, positions[:, None], keys[None, :])
        allowed = allowed.expand(len(positions), self.kv_length)
        return allowed if self.padding is None else allowed & self.padding[:1, self.kv_offset :][:, : self.kv_length]

    def block(self, start: int, stop: int) -> Tensor:
        """[stop − start, keys] bool for the queries start…stop−1, counted from the first query of this call."""
        if self.use_vmap:
            return self._block(self.q_offset + start, stop - start)
        return self.rows(torch.arange(start, stop, device=self.device) + self.q_offset)

    def _block(self, first: int, count: int) -> Tensor:
        queries: dict[str, Any] = {"q_length": count, "q_offset": first, "device": self.device}
        if _BY_POSITIONS:
            queries = {"cache_position": torch.arange(first, first + count, device=self.device)}
        mask: Tensor = sdpa_mask(
            batch_size=1,
            kv_length=self.kv_length,
            kv_offset=self.kv_offset,
            mask_function=self.mask_function,
            attention_mask=self.padding,
            allow_is_causal_skip=False,
            use_vmap=True,
            **queries,
        )
        return mask[0, 0]


def row_mask(
    *,
    batch_size: int,
    kv_length: int,
    q_length: int = 0,
    q_offset: int | Tensor = 0,
    cache_position: Tensor | None = None,
    kv_offset: int = 0,
    mask_function: Callable[..., Any] = causal_mask_function,
    attention_mask: Tensor | None = None,
    local_size: int | None = None,
    allow_is_causal_skip: bool = True,
    use_vmap: bool = False,
    device: torch.device | str = "cpu",
    **_: Any,
) -> RowMask:
    """The mask function registered with transformers' AttentionMaskInterface; the arguments are its own.

    The queries are q_length positions from q_offset on, or those of cache_position, which stand in a row as well.
    """
    if cache_position is not None:
        q_length, q_offset, device = len(cache_position), cache_position[0], cache_position.device
    padded = attention_mask is not None and not bool(attention_mask.all())
    within_window = local_size is None or kv_length < local_size
    aligned = kv_length == q_length or q_length == 1
    return RowMask(
        q_offset=int(q_offset),
        kv_offset=int(kv_offset),
        q_length=q_length,
        kv_length=kv_length,
        mask_function=mask_function,
        padding=attention_mask.bool() if attention_mask is not None and padded else None,
        device=device,
        use_vmap=use_vmap,
        is_plain_causal=allow_is_causal_skip and not padded and within_window and aligned,
    )


def row_masks(*, batch_size: int, **arguments: Any) -> tuple[RowMask, ...]:
    """The RowMask of each row of a batch; the arguments are those of `row_mask`."""
    whole = row_mask(batch_size=batch_size, **arguments)
    padding = whole.padding
    if padding is not None and (missing := whole.kv_offset + whole.kv_length - padding.shape[1]) > 0:
        padding = F.pad(padding, (0, missing))  # a static cache has room for tokens that are not there yet
    return tuple(
        replace(
            whole,
            padding=None if padding is None else padding[row : row + 1],
            mask_function=whole.mask_function if row == 0 else _of_row(whole.mask_function, row),
        )
        for row in range(batch_size)
    )


def _of_row(mask_function: Callable[..., Any], row: int) -> Callable[..., Any]:
    def of_row(batch: Any, head: Any, query: Any, key: Any) -> Any:
        return mask_function(batch + row, head, query, key)

    return of_row
