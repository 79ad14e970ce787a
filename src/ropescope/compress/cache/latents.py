"""One layer of latents (MLA) in a planned cache: a token is kept for all heads or for none, as one latent and one rotary key.

The attention module makes keys and values of all heads from what the cache returns, so it is given what is held and no more.
What it then asks attention for is known again by the rotary keys, which it hands on as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import transformers
from torch import Tensor

from ropescope.compress.cache.attend import Scoring, attend
from ropescope.compress.cache.heads import HeadStore
from ropescope.compress.cache.layer import PIECE, PlannedLayer
from ropescope.compress.cache.picking import attention_received
from ropescope.compress.plan.picks import OBSERVED
from ropescope.errors import PlanError
from ropescope.network.adapter import AttentionCall, Output, expect

LATENTS_FROM = "5.23"
"""The transformers in which the tests find latents in the cache; 5.2 unfolds them to keys of all heads before it keeps them."""


class LatentLayer(PlannedLayer):
    """A PlannedLayer with a single head of latents [batch, 1, tokens, rank] and rotary keys [batch, 1, tokens, dim].

    A single token is written before it attends, and so sees the sinks, the picks and its window; the tokens of a longer pass
    see what is held and each other, or their windows where the layer is `windowed`.
    """

    given: tuple[Tensor, Tensor] | None = None
    """What `update` returned last: the latents and rotary keys that attention has keys and values of."""
    written = 0

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Take note of the latents of new tokens; returns all that their queries may look at. Raises PlanError."""
        if key_states.shape[1] != 1:
            raise PlanError(
                f"transformers {transformers.__version__} keeps the keys of {key_states.shape[1]} heads in layer "
                f"{self.plan.index}, not the latents that the plan is of: install {LATENTS_FROM} or newer."
            )
        super().update(key_states, value_states, *args, **kwargs)
        (store,), new = self.stores, key_states.shape[2]
        if self.whole is not None:
            assert self.waiting is not None
            latents, rotary = self.waiting
        elif new == 1 and self.seen > 0:
            self._write(key_states, value_states)
            self.written = 1
            filled = min(self.seen, store.full_slots)
            latents, rotary = (states[:, :, :filled] for states in store.held())
        else:
            latents, rotary = store.with_held(key_states, value_states)
        self.given = latents, rotary
        expect(self)
        return latents, rotary

    def takes(self, call: AttentionCall) -> bool:
        """Whether an attention call is to the keys that were made of what `update` returned last."""
        if self.given is None or call.layer != self.plan.index or call.key.shape[2] != self.given[1].shape[2]:
            return False
        rotary = self.given[1]
        return bool(torch.equal(call.key[:, :1, :, -rotary.shape[3] :], rotary.to(call.key.dtype)))

    def answer(self, call: AttentionCall, own: Callable[[], Output]) -> Output:
        """The attention to what `update` returned last; `own()` is the model's. Raises PlanError."""
        assert self.waiting is not None
        keys, values = self.waiting
        self.shared.check_module(self, call.module)
        self.seen -= self.written  # the mask of the call is one from before the token was written
        self.shared.read_mask(self, call, call.query.shape[2])
        self.seen += self.written
        if self.whole is not None:
            self.whole, self.seen = None, 0
        written, first = self.written, self.seen == 0
        self.waiting, self.given, self.written = None, None, 0
        scoring = Scoring.of(call)
        if first and not self.windowed:
            output = own()[0]
        else:
            output = self._attended(call, scoring, written=bool(written)).transpose(1, 2).contiguous()
        if not written:
            self._expanded = call.key
            self._write(keys, values, self._grouped(call.query), scoring)
            self._expanded = None
        return output, None

    _expanded: Tensor | None = None
    """[batch, query heads, held + new, dim] the keys of the pass that is being written."""

    def _attended(self, call: AttentionCall, scoring: Scoring, *, written: bool) -> Tensor:
        """[batch, query heads, new, value dim]."""
        (store,), by_head, n_keys = self.stores, _by_head(scoring), call.key.shape[2]
        query = call.query[:, :, None]
        if written:
            mask, _ = self._mask_of_one(store)
            return attend(query, call.key, call.value, mask, by_head)[:, :, 0]
        rows, pieces = torch.arange(query.shape[3], device=query.device), []
        for piece in torch.split(rows, PIECE):
            mask = self._mask_of_many(store, piece, n_keys, len(rows))
            first, last = int(piece[0]), int(piece[-1]) + 1
            pieces.append(attend(query[:, :, :, first:last], call.key, call.value, mask, by_head)[:, :, 0])
        return torch.cat(pieces, dim=2)

    def _scores(self, store: HeadStore, keys: Tensor, query: Tensor, scoring: Scoring) -> Tensor:
        """[batch, 1, held + new] the attention that the last queries of a pass give to each token, from all heads."""
        assert self._expanded is not None
        new, n_keys = keys.shape[2], self._expanded.shape[2]
        last = torch.arange(max(0, new - OBSERVED), new, device=keys.device)
        given = self.shared.last_rows if self.seen == 0 else None
        mask = self._mask_of_many(store, last, n_keys, new) if given is None else given.to(keys.device)
        if self.padding is not None:
            mask = mask & (self.seen + last >= self.padding[:, None])[:, :, None]
        heads = query[:, 0, :, None, -len(last) :]
        return attention_received(heads, self._expanded, mask, _by_head(scoring)).sum(dim=1, keepdim=True)

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self.given, self.written, self._expanded = None, 0, None


def _by_head(scoring: Scoring) -> Scoring:
    """The scoring of heads that each have keys of their own."""
    return scoring if scoring.sinks is None else Scoring(scoring.scale, scoring.softcap, scoring.sinks.view(-1, 1))
