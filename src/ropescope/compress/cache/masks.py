"""What the mask of a forward pass says to a planned cache: which tokens pad a row, and that nothing else is hidden."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ropescope.errors import PlanError
from ropescope.network.adapter import LazyMask

_HIDDEN = -1e3
"""What is added to a score is a bias above this, and hides the key below."""


def padding_of(mask: Any, n_queries: int, n_keys: int, batch: int) -> tuple[Tensor | None, Tensor | None]:
    """Of a first pass: [batch] how many tokens pad each row on the left (None: none), and its mask as `visible` reads it.

    What a token of the pass sees is the model's own affair; a token that none of them sees is padding. Raises PlanError for
    padding elsewhere, which would leave holes in the windows.
    """
    if isinstance(mask, LazyMask):
        mask = mask.arguments.get("attention_mask")
    if isinstance(mask, Tensor) and mask.dim() == 2:
        return left_padding(mask[:, :n_keys].expand(batch, -1)), None
    seen = visible(mask, n_queries, n_keys, batch)
    return (None, None) if seen is None else (left_padding(seen.any(dim=1).expand(batch, -1)), seen)


def check_later(mask: Any, n_queries: int, n_keys: int, padding: Tensor | None) -> None:
    """Raises PlanError unless the queries of a later pass see all tokens before them and no padding."""
    mask = _made(mask)
    if isinstance(mask, Tensor) and mask.dim() == 2:
        tokens = torch.arange(n_keys, device=mask.device)
        expected = tokens >= (0 if padding is None else padding.to(mask.device)[:, None])
        same = bool((mask[:, :n_keys].bool() == expected).all())
    else:
        seen = visible(mask, n_queries, n_keys, 1 if padding is None else len(padding))
        same = seen is None or bool((seen == _causal(seen, padding)).all())
    if not same:
        raise PlanError(
            "A planned cache takes an attention mask that hides padding on the left and later tokens, and nothing else: later "
            "tokens of a row cannot be padding."
        )


def check_windowed(mask: Any, n_queries: int, n_keys: int, padding: Tensor | None) -> None:
    """Raises PlanError unless the queries of a first pass see all tokens before them: its windows are the rest."""
    seen = visible(_made(mask), n_queries, n_keys, 1)
    if seen is None:
        return
    # What a token that is padding sees does not count.
    counts = torch.ones(1, n_queries, 1, dtype=torch.bool, device=seen.device)
    if padding is not None:
        counts = (torch.arange(n_queries, device=seen.device) >= padding.to(seen.device)[:, None])[..., None]
    if bool(((seen != _causal(seen, padding)) & counts).any()):
        raise PlanError(
            "With prefill='windowed', a planned cache takes a causal attention mask: its windows are the rest. Use "
            "prefill='full'."
        )


def visible(mask: Any, n_queries: int, n_keys: int, batch: int) -> Tensor | None:
    """[1 or batch, queries, keys] bool, what each query sees, of a mask as an attention function gets it; None for a mask
    that is None or [batch, tokens]. Raises PlanError for a mask of another kind."""
    if mask is None or (isinstance(mask, Tensor) and mask.dim() == 2):
        return None
    mod = getattr(mask, "mask_mod", None)
    if mod is not None:  # flex attention
        from torch.nn.attention.flex_attention import create_mask

        mask = create_mask(mod, batch, 1, n_queries, n_keys, device=str(mask.kv_num_blocks.device))
    if not isinstance(mask, Tensor) or mask.dim() != 4 or mask.shape[2] != n_queries or mask.shape[3] < n_keys:
        raise PlanError(
            "A planned cache takes an attention mask [batch, tokens], [batch, 1, new tokens, tokens] or none: its windows are "
            "the rest."
        )
    seen = mask if mask.dtype == torch.bool else mask == 0
    if mask.dtype != torch.bool and bool(((mask > _HIDDEN) & ~seen).any()):
        raise PlanError(
            "This mask adds a bias to the scores of keys that are seen, which a planned cache does not carry on to later tokens."
        )
    if seen.shape[1] > 1 and not bool((seen == seen[:, :1]).all()):
        raise PlanError("A planned cache takes a mask that is the same for all heads.")
    return seen[:, 0, :, :n_keys]


def _made(mask: Any) -> Any:
    while isinstance(mask, LazyMask):
        mask = mask.make()
    return mask


def _causal(seen: Tensor, padding: Tensor | None) -> Tensor:
    n_queries, n_keys = seen.shape[1:]
    keys = torch.arange(n_keys, device=seen.device)
    expected = (keys <= keys[n_keys - n_queries :, None])[None]
    return expected if padding is None else expected & (keys >= padding.to(seen.device)[:, None])[:, None]


def left_padding(mask: Tensor) -> Tensor | None:
    """[batch] how many tokens pad each row of a mask [batch, tokens] on the left; None if none does.

    Raises PlanError for padding elsewhere, which would leave holes in the windows.
    """
    seen = mask.bool()
    if bool(seen.all()):
        return None
    padding = (seen.cumsum(dim=1) == 0).sum(dim=1)
    if not torch.equal(seen.sum(dim=1) + padding, torch.full_like(padding, seen.shape[1])):
        raise PlanError("A planned cache takes padding on the left only: set tokenizer.padding_side = 'left'.")
    if bool((padding == seen.shape[1]).any()):
        raise PlanError("A row of the batch is padding only: leave it out.")
    return padding
