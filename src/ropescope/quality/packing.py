"""Many short continuations of one cached context in one pass, each seeing the context and itself alone.

A pass on a long cache costs nearly the same for one token as for a hundred: the cache is copied, and every key is read. So
continuations are laid end to end, with positions that all go on from the context, and a mask that hides each from the others.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from ropescope.network.capture import uses_interface
from ropescope.quality.cache_state import unchanged
from ropescope.quality.loss import decoder_of, output_layer

Continuation = tuple[tuple[int, ...], tuple[int, ...]]
"""A question and an answer, ids."""
_AT_ONCE = 1024
"""Tokens in one pass: the mask has so many rows of the context's length."""


def packable(network: Any, cache: Any) -> bool:
    """Whether hiding tokens by a mask is all it takes to ask `network` several things at once on `cache`.

    It is not where layers have windows or states, and not for attention that makes its own mask.
    """
    from transformers.cache_utils import DynamicLayer

    return (
        all(type(layer) is DynamicLayer for layer in cache.layers)
        and _obeys_masks(network.config._attn_implementation)
        and uses_interface(network)
        and "position_ids" in inspect.signature(decoder_of(network).forward).parameters
    )


def _obeys_masks(implementation: str) -> bool:
    function = ALL_ATTENTION_FUNCTIONS.get(implementation)
    return implementation in ("sdpa", "eager") or getattr(function, "explicit_masks", False)


def continuation(network: Any, cache: Any, one: Continuation) -> Tensor:
    """float32 [len(answer), vocabulary] log-probabilities of each token of the answer, given all before it; on the CPU."""
    question, answer = one
    ids = torch.tensor([[*question, *answer[:-1]]], device=network.device)
    with unchanged(cache):
        output = decoder_of(network)(input_ids=ids, past_key_values=cache, use_cache=True)
        logits = output_layer(network, output, output.last_hidden_state[:, -len(answer) :])
    return logits[0].float().log_softmax(-1).cpu()


def continuations(network: Any, cache: Any, many: Sequence[Continuation]) -> Iterator[Tensor]:
    """As `continuation` for each of `many`, in few passes. The network and the cache must be packable."""
    for group in _groups(many):
        rows = [(*question, *answer[:-1]) for question, answer in group]
        ids = torch.tensor([[token for row in rows for token in row]], device=network.device)
        seen = cache.get_seq_length()
        place = torch.tensor([[seen + index for row in rows for index in range(len(row))]], device=network.device)
        mask = _mask([len(row) for row in rows], seen, network)
        with unchanged(cache):
            output = decoder_of(network)(
                input_ids=ids, position_ids=place, attention_mask=mask, past_key_values=cache, use_cache=True
            )
        end = 0
        for row, (_, answer) in zip(rows, group, strict=True):
            end += len(row)
            logits = output_layer(network, output, output.last_hidden_state[:, end - len(answer) : end])
            yield logits[0].float().log_softmax(-1).cpu()


def _groups(many: Sequence[Continuation]) -> Iterator[list[Continuation]]:
    group: list[Continuation] = []
    total = 0
    for one in many:
        length = len(one[0]) + len(one[1]) - 1
        if group and total + length > _AT_ONCE:
            yield group
            group, total = [], 0
        group.append(one)
        total += length
    if group:
        yield group


def _mask(lengths: Sequence[int], seen: int, network: Any) -> Tensor:
    """[1, 1, tokens, seen + tokens], added to the scores: 0 where a token may look."""
    which = torch.repeat_interleave(torch.tensor(lengths))
    own = (which[:, None] == which).tril()
    hidden = torch.finfo(network.dtype).min
    mask = torch.zeros(1, 1, len(own), seen + len(own), dtype=network.dtype)
    mask[0, 0, :, seen:].masked_fill_(~own, hidden)
    return mask.to(network.device)
