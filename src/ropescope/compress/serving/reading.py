"""A prompt on its way into a cache: in one pass, or in chunks and behind a prefix that was read before.

Which tokens a plan keeps hangs on the end of the prompt. So what comes before the last pass is held whole, and the last pass
cuts it: the answer is that of a prompt read in one pass.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from ropescope.compress.cache.layer import PlannedLayer
from ropescope.compress.cache.rows import Rows, empty_cache
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.picks import OBSERVED
from ropescope.compress.serving.prefixes import PrefixCache
from ropescope.errors import PlanError


class Reading:
    """The prompt `ids` of one request. `go_on` reads a part; `rows` is its cache once the whole is read.

    chunk: tokens of a part (None: all at once); prefixes: what earlier prompts left, and where this one leaves its own.
    """

    def __init__(
        self, model: Any, plan: KVPlan | None, ids: list[int], chunk: int | None, prefixes: PrefixCache | None
    ) -> None:
        self.model, self.plan, self.ids, self.prefixes = model, plan, ids, prefixes
        self.rows: Rows | None = None
        self._last = min(len(ids), OBSERVED if plan is not None and plan.looks_at_text else 1)
        """The tokens that the last pass must have: those whose attention picks what is kept."""
        self._chunk = len(ids) if chunk is None else max(chunk, self._last)
        self._cache = empty_cache(plan, model)
        self._whole: Any = self._cache if plan is not None and plan.prefill == "windowed" else None
        """What the parts before the last go to; windows hold in whatever parts a prompt comes."""
        if prefixes is not None:
            found = prefixes.find(ids[: len(ids) - self._last])
            if found:
                self._whole = DynamicCache()
                for layer, (keys, values) in enumerate(found):
                    self._whole.update(keys, values, layer)
        self._read = 0 if self._whole is None else self._whole.get_seq_length()

    def go_on(self) -> Tensor | None:
        """Read the next part. The logits [vocabulary] of the next token once all is read, None before."""
        left = len(self.ids) - self._read
        stop = len(self.ids) if left <= self._chunk else min(self._read + self._chunk, len(self.ids) - self._last)
        if self.prefixes is not None and stop == len(self.ids):
            # What the last pass reads is cut with it, so what others may begin with is read in a pass before.
            boundary = self.prefixes.boundary(len(self.ids) - self._last)
            if boundary > self._read:
                stop = boundary
        if stop == len(self.ids):
            return self._end()
        self._whole = DynamicCache() if self._whole is None else self._whole
        self._pass(self._whole, stop)
        return None

    def _end(self) -> Tensor:
        if self.prefixes is not None and self._whole is not None:
            self.prefixes.keep(self.ids[: self._read], self._whole)
        if self._whole is not None and self._whole is not self._cache:
            _begin(self._cache, self._whole)
        self._whole = None
        logits = self._pass(self._cache, len(self.ids))
        self.rows = Rows(self._cache, [len(self.ids)])
        return logits

    def _pass(self, cache: Any, stop: int) -> Tensor:
        """The logits [vocabulary] behind the tokens up to `stop`, which `cache` takes in."""
        device = self.model.device
        ids = torch.tensor([self.ids[self._read : stop]], device=device)
        positions = torch.arange(self._read, stop, device=device)[None]
        self._read = stop
        return next_logits(self.model, ids, positions, cache)[0]


def next_logits(model: Any, ids: Tensor, positions: Tensor, cache: Any, mask: Tensor | None = None) -> Tensor:
    """[rows, vocabulary] the logits behind the last of `ids` [rows, new] at `positions` [rows, new]; `cache` takes them in."""
    one = {"logits_to_keep": 1} if model._supports_logits_to_keep() else {}
    given = {"input_ids": ids, "position_ids": positions, "attention_mask": mask, "past_key_values": cache}
    logits: Tensor = model(**given, use_cache=True, **one).logits[:, -1]
    return logits


def check_parts(plan: KVPlan | None, model: Any, prefixes: bool) -> None:
    """Raises PlanError if prompts of this model cannot be read in parts, or behind `prefixes`."""
    if plan is not None and plan.prefill == "windowed":
        if prefixes:
            raise PlanError(
                "The plan's windows hold in the prompt, too, so nothing is kept from before its cut: leave out prefix_bytes, or "
                "copy a filled cache."
            )
        return
    for layer in empty_cache(plan, model).layers:
        if not isinstance(layer, PlannedLayer) and type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer):
            raise PlanError(
                f"{type(model).__name__} keeps a {type(layer).__name__}, whose state cannot be taken from the middle of a prompt: "
                "leave out prefill_chunk and prefix_bytes."
            )


def _begin(cache: Any, whole: Any) -> None:
    """Let an empty cache begin behind what was read whole."""
    for layer, held in zip(cache.layers, whole.layers, strict=True):
        if isinstance(layer, PlannedLayer):
            layer.begin_with(held.keys, held.values)
        else:
            layer.update(held.keys, held.values)
