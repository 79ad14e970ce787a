"""One layer of a planned cache: KV heads that keep different numbers of tokens, those that keep as many stored together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import CacheLayerMixin

from ropescope.compress.cache.attend import Scoring, attend
from ropescope.compress.cache.heads import HeadStore
from ropescope.compress.cache.picking import attention_received
from ropescope.compress.cache.quantized import QuantizedStore
from ropescope.compress.cache.shared_state import SharedState
from ropescope.compress.cache.slots import tokens_in_slots, visible
from ropescope.compress.plan.kv_plan import LayerPlan
from ropescope.compress.plan.picks import OBSERVED
from ropescope.compress.plan.storage import Storage
from ropescope.errors import PlanError
from ropescope.network.adapter import AttentionCall, Output, owned_by

PIECE = 512
"""Tokens of a long input that are attended to and taken in at once: the mask of a piece stays small."""


class PlannedLayer(CacheLayerMixin):  # type: ignore[misc]
    """What transformers' caches hold of a layer, with the windows and picks of a LayerPlan.

    `update` takes note of the new states and returns them; the attention to them is `answer`, which computes it from what is
    held and from them, and writes them. A single token sees the sinks, the picks and its window. So do the tokens of a
    longer pass where the layer is `windowed`, in whatever pieces they come (it has no picks then); otherwise they see all
    that is held and each other, and the layer is cut behind the pass. An answer may grow beyond the `length` of the plan, token
    by token: heads that keep everything go on to do so, and the others keep what they kept.

    shared: what the planned layers of a cache have in common.
    """

    is_croppable = False

    def __init__(
        self,
        plan: LayerPlan,
        sinks: int,
        length: int,
        shared: SharedState,
        *,
        windowed: bool = False,
        storage: Storage | None = None,
    ) -> None:
        super().__init__()
        alike: dict[tuple[int, int], list[int]] = defaultdict(list)
        for head, (window, kept) in enumerate(zip(plan.windows, plan.kept, strict=True)):
            alike[window, kept - window].append(head)
        self.plan, self.sinks, self.length, self.windowed, self.shared = plan, sinks, length, windowed, shared
        self.stores = tuple(
            HeadStore(tuple(heads), sinks, window, picks, grows=sinks + window + picks >= length)
            if storage is None
            else QuantizedStore(tuple(heads), sinks, window, picks, storage, grows=sinks + window + picks >= length)
            for (window, picks), heads in sorted(alike.items())
        )
        self.seen = 0
        self.padding: Tensor | None = None
        self.waiting: tuple[Tensor, Tensor] | None = None
        self.whole: tuple[Tensor, Tensor] | None = None
        shared.layers.append(self)

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Nothing is laid out before the first tokens come."""
        self.is_initialized = True

    def begin_with(self, keys: Tensor, values: Tensor) -> None:
        """Let an empty layer begin behind tokens that were read without the plan, whole states [batch, KV heads, tokens, dim].
        The next pass ends the prompt: it sees all of them, and the layer is cut behind it as if one pass had read both."""
        self.whole, self.seen = (keys, values), keys.shape[2]

    @property
    def seen_alike(self) -> int:
        """The first tokens of a sequence whose queries see what they would see in a whole cache."""
        if not self.windowed or any(isinstance(store, QuantizedStore) for store in self.stores):
            return 0
        return self.sinks + min(self.plan.windows)

    def begin_within(self, keys: Tensor, values: Tensor) -> None:
        """Let an empty layer begin with the whole states [batch, KV heads, tokens, dim] of up to `seen_alike` tokens."""
        self._write(keys, values)

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Take note of the states of new tokens [batch, KV heads, new, dim]. Raises PlanError where they do not fit."""
        new, heads = key_states.shape[2], key_states.shape[1]
        if heads != self.plan.n_kv_heads:
            raise PlanError(
                f"Layer {self.plan.index} has {heads} KV heads and the plan {self.plan.n_kv_heads}: plan for this model."
            )
        if self.seen + new > self.length:
            self.shared.go_beyond(self.length, self.seen, new)
        if key_states.requires_grad:
            raise PlanError("A planned cache is for inference: call the model under torch.no_grad().")
        self.shared.check_states(self, new)
        if self.seen and self.keys is not None and len(self.keys) != len(key_states):
            raise PlanError(
                f"The planned cache holds {len(self.keys)} rows and the pass has {len(key_states)}: pass as many, or "
                "bring the cache to them with batch_repeat_interleave or batch_select_indices."
            )
        if not self.is_initialized:
            # Models ask these whether a layer was filled (PaliGemma), or holds images (Mllama). What is held lies in stores.
            self.keys: Tensor | None = key_states.new_empty(*key_states.shape[:2], 0, key_states.shape[3])
            self.values: Tensor | None = value_states.new_empty(*value_states.shape[:2], 0, value_states.shape[3])
            self.is_initialized = True
        if self.whole is not None:
            self._check_end(new)
            key_states, value_states = (
                torch.cat(parts, dim=2) for parts in zip(self.whole, (key_states, value_states), strict=True)
            )
        self.waiting = key_states, value_states
        return owned_by(self, key_states), value_states

    def _check_end(self, new: int) -> None:
        """Raises PlanError if the pass that ends a prompt is too short for the queries that pick tokens."""
        needed = min(OBSERVED, self.seen + new)
        if any(self.plan.picks) and new < needed:
            raise PlanError(
                f"The last {needed} tokens of a prompt pick what is kept, and this pass has {new}: read fewer before it."
            )

    def answer(self, call: AttentionCall, own: Callable[[], Output]) -> Output:
        """The attention to the states that `update` returned last; `own()` is the model's. Raises PlanError where what the
        model asks for cannot be carried out."""
        if self.waiting is None or call.value is not self.waiting[1]:
            raise PlanError(
                f"{type(call.module).__name__} changes its keys or values between the cache and the attention, or attends to them "
                "twice, which a planned cache does not follow: this model cannot be planned."
            )
        self.shared.check_module(self, call.module)
        self.shared.read_mask(self, call, call.query.shape[2])
        if (self.seen == 0 and not self.windowed) or self.whole is not None:
            found = own()
            keys, values = self.waiting
            self.waiting, self.whole, self.seen = None, None, 0
            self._write(keys, values, self._grouped(call.query), Scoring.of(call))
            return found
        if call.options.get("position_bias") is not None:
            raise PlanError(
                f"{type(call.module).__name__} adds a position bias, which a planned cache does not carry out."
            )
        return self.attend(call.query, Scoring.of(call)).transpose(1, 2).contiguous(), None

    def attend(self, query: Tensor, scoring: Scoring) -> Tensor:
        """[batch, query heads, new, value dim]: attention of the waiting tokens to what they may see; then takes them in.

        query: [batch, query heads, new, dim].
        """
        assert self.waiting is not None
        keys, values = self.waiting
        self.waiting = None
        grouped = self._grouped(query)
        if self.windowed:
            pieces = [
                self._attend(
                    grouped[:, :, :, start : start + PIECE],
                    scoring,
                    *(states[:, :, start : start + PIECE] for states in (keys, values)),
                )
                for start in range(0, query.shape[2], PIECE)
            ]
            output = pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=3)
        else:
            output = self._attend(grouped, scoring, keys, values)
        return output.reshape(*query.shape[:3], values.shape[3])

    def _grouped(self, query: Tensor) -> Tensor:
        """[batch, KV heads, group, new, dim]."""
        return query.reshape(query.shape[0], self.plan.n_kv_heads, -1, *query.shape[2:])

    def _attend(self, query: Tensor, scoring: Scoring, keys: Tensor, values: Tensor) -> Tensor:
        """The attention output of some new tokens, which are taken in; query: [batch, KV heads, group, new, dim]."""
        new = query.shape[3]
        output = query.new_empty(*query.shape[:4], values.shape[3])
        if new == 1:
            # One token sees all that is held once it is written itself: what it pushes out is out of its window.
            self._write(keys, values)
        for store in self.stores:
            if new == 1:
                key, value = store.held()
                mask, filled = self._mask_of_one(store)
                found = attend(
                    store.of(query), key[:, :, :filled], value[:, :, :filled], mask, self._of_store(scoring, store)
                )
            else:
                found = self._attend_many(store, store.of(query), scoring, keys, values)
            if len(self.stores) == 1:
                output = found
            else:
                output[:, list(store.heads)] = found
        if new > 1:
            self._write(keys, values, query, scoring)
        return output

    def _attend_many(self, store: HeadStore, query: Tensor, scoring: Scoring, keys: Tensor, values: Tensor) -> Tensor:
        key, value = store.with_held(keys, values)
        rows, pieces = torch.arange(query.shape[3], device=query.device), []
        for piece in torch.split(rows, PIECE):
            mask = self._mask_of_many(store, piece, key.shape[2], len(rows))
            first, last = int(piece[0]), int(piece[-1]) + 1
            pieces.append(attend(query[:, :, :, first:last], key, value, mask, self._of_store(scoring, store)))
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=3)

    def _of_store(self, scoring: Scoring, store: HeadStore) -> Scoring:
        """The scoring of the KV heads of a store; its sink logits are [KV heads, group]."""
        if scoring.sinks is None:
            return scoring
        by_head = scoring.sinks.view(self.plan.n_kv_heads, -1)
        return Scoring(scoring.scale, scoring.softcap, by_head[list(store.heads)])

    def _mask_of_one(self, store: HeadStore) -> tuple[Tensor | None, int]:
        """What the newest token, already written, sees of a store: a mask if rows differ, and how many slots are filled."""
        filled = min(self.seen, store.full_slots)
        if self.padding is None or self._shortest >= store.full_slots:
            return None, filled
        own = self.seen - self.padding
        return (torch.arange(filled, device=own.device) < own[:, None])[:, None], filled

    def _mask_of_many(self, store: HeadStore, rows: Tensor, n_keys: int, new: int) -> Tensor:
        """[1 or batch, rows, held + new] what these of the new tokens see of what a store holds and of the new ones."""
        padding = torch.zeros(1, dtype=torch.long, device=rows.device) if self.padding is None else self.padding
        own, n_held = self.seen - padding, n_keys - new
        query = own[:, None] + rows
        fresh = own[:, None] + torch.arange(new, device=rows.device)
        if self.windowed:
            held = tokens_in_slots(own, n_held, store.sinks, store.window)
            token = torch.cat([held, fresh], dim=1)
            mask = visible(query[:, :, None], token[:, None, :], store.sinks, store.window)
        else:
            held = torch.arange(n_held, device=rows.device) < own[:, None]
            earlier = (fresh[:, None, :] <= query[:, :, None]) & (fresh >= 0)[:, None, :]
            mask = torch.cat([held[:, None].expand(-1, len(rows), -1), earlier], dim=2)
        if self.padding is not None:
            # A padding token sees nothing; its row must have some key all the same, or its softmax is no number.
            mask[:, :, -1] |= query < 0
        return mask

    def _write(self, keys: Tensor, values: Tensor, query: Tensor | None = None, scoring: Scoring | None = None) -> None:
        """Take in new states; a pass of several tokens gives its queries, by whose attention tokens are picked."""
        longest = self.seen + keys.shape[2]
        for store in self.stores:
            scores = None
            if store.picks and longest > store.full_slots and query is not None and scoring is not None:
                scores = self._scores(store, store.of(keys), store.of(query), scoring)
            store.write(keys, values, self.seen, self.padding, scores)
        self.seen = longest

    def _scores(self, store: HeadStore, keys: Tensor, query: Tensor, scoring: Scoring) -> Tensor:
        """[batch, heads of the store, held + new] the attention that the last queries of a pass give to each token."""
        new = keys.shape[2]
        key = keys if store.keys is None else torch.cat([store.keys, keys], dim=2)
        last = torch.arange(max(0, new - OBSERVED), new, device=keys.device)
        given = self.shared.last_rows if self.seen == 0 else None
        mask = self._mask_of_many(store, last, key.shape[2], new) if given is None else given.to(keys.device)
        if self.padding is not None:
            mask = mask & (self.seen + last >= self.padding[:, None])[:, :, None]
        return attention_received(query[:, :, :, -len(last) :], key, mask, self._of_store(scoring, store))

    @property
    def _shortest(self) -> int:
        """The tokens of the row with most padding."""
        return self.seen - self._most_padding

    def set_padding(self, padding: Tensor | None, most: int) -> None:
        """Say how many tokens pad each row on the left, before the first tokens come."""
        self.padding, self._most_padding = padding, most

    _most_padding = 0

    def get_seq_length(self) -> int:
        """The tokens seen so far, kept or not: the position of the next one."""
        return self.seen

    def get_mask_sizes(self, queries: int | Tensor) -> tuple[int, int]:
        """(keys, offset) of the mask of a cache that keeps everything; ours comes from the windows.

        queries: how many there are, or (up to transformers 5.3) their positions.
        """
        return self.seen + (queries if isinstance(queries, int) else len(queries)), 0

    def get_max_length(self) -> int:
        """No greatest length: beyond that of the plan, heads that keep everything grow."""
        return -1

    get_max_cache_shape = get_max_length  # its name before transformers 5.14

    def reset(self) -> None:
        """Forget everything."""
        for store in self.stores:
            store.clear()
        self.seen, self.padding, self._most_padding, self.waiting, self.whole = 0, None, 0, None, None
        self.keys, self.values, self.is_initialized = None, None, False

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Put the rows of the batch in the order of `beam_idx` (beam search)."""
        self.batch_select_indices(beam_idx)

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep these rows of the batch."""
        for store in self.stores:
            store.select_rows(indices)
        if self.keys is not None and self.values is not None:
            rows = indices.to(self.keys.device)
            self.keys, self.values = self.keys.index_select(0, rows), self.values.index_select(0, rows)
        if self.padding is not None:
            self.padding = self.padding.index_select(0, indices.to(self.padding.device))

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeat every row of the batch."""
        first = self.stores[0].keys
        if first is not None:
            self.batch_select_indices(torch.arange(len(first), device=first.device).repeat_interleave(repeats))

    def join(self, other: PlannedLayer) -> None:
        """Take in the rows of another layer of the same plan, behind one's own; `count_rows` has to follow."""
        assert self.keys is not None and self.values is not None and other.keys is not None
        rows = len(self.keys) + len(other.keys)
        self.stores = tuple(store.joined(others) for store, others in zip(self.stores, other.stores, strict=True))
        self.keys, self.values = (part.new_empty(rows, *part.shape[1:]) for part in (self.keys, self.values))

    def count_rows(self, seen: int, padding: Tensor | None, most: int) -> None:
        """Let the longest row have had `seen` tokens and the others `padding` [batch] fewer, `most` at the most: a shorter row
        is one that is padded on the left."""
        self.seen = seen
        self.set_padding(padding, most)
        for store in self.stores:
            store.trim(seen)

    def crop(self, tokens_to_remove: int) -> None:
        """Raises PlanError: what a window has pushed out cannot be brought back."""
        raise PlanError(
            "A planned cache cannot be cut back, since what its windows pushed out is gone: decode without a draft model."
        )

    def offload(self) -> None:
        """Raises PlanError: offloading is not carried out."""
        raise PlanError("A planned cache cannot be offloaded: make it without offloading.")

    def held_bytes(self) -> int:
        """The bytes of the storage that the layer really holds."""
        whole = sum(states.untyped_storage().nbytes() for states in self.whole or ())
        return whole + sum(store.held_bytes() for store in self.stores)
