"""PlannedPress: a KVPlan as a press of kvpress, for its pipeline, its evaluation, and beside its other presses.

Notable choices. kvpress gives all layers one mask, made from the length of the first, so all layers are cut to the same
length: that of the head that keeps most. Heads that keep less hide the rest as AdaKV does, by `masked_key_indices`, for
which kvpress puts keys there that no query attends to. Where all heads of all layers keep as many, nothing is hidden.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers.cache_utils import DynamicLayer

from ropescope.compress.cache.attend import Scoring
from ropescope.compress.cache.heads import UNLIMITED
from ropescope.compress.cache.picking import attention_received, best
from ropescope.compress.kvpress.library import kvpress
from ropescope.compress.plan.kv_plan import KVPlan, LayerPlan
from ropescope.compress.plan.picks import OBSERVED
from ropescope.errors import PlanError
from ropescope.network.softcap import require_softcap

_kvpress = kvpress()


@dataclass
class PlannedPress(_kvpress.BasePress):  # type: ignore[misc, name-defined]
    """Cuts the cache of a prefill to what `plan` keeps: sinks, windows and picks of every KV head.

    Within `with press(model):` windows go on sliding with every single token, as those of a PlannedCache do. Outside of it
    (where kvpress's pipeline puts question and answer) the cut cache stays, and all later tokens with it.

    Calling it on a model raises PlanError for a plan of another model. A prefill raises PlanError for padding, for a prompt
    beyond the plan's length (an answer may grow beyond it), and in eager attention where heads keep different numbers of
    tokens.
    """

    plan: KVPlan

    def __post_init__(self) -> None:
        layers = self.plan.layers
        # A layer that stays whole is as long as the sequence, and the others must be as long as it.
        most = max(max(layer.kept) for layer in self.plan.planned_layers) + self.plan.sinks
        self._most = most if all(layer.planned for layer in layers) else self.plan.length
        # As in a PlannedCache, what keeps everything goes on to do so when an answer grows beyond the plan.
        self._grows = self._most >= self.plan.length
        self._held: dict[int, _Held] = {}

    @contextmanager
    def __call__(self, model: Any) -> Iterator[None]:
        """As every press: within the context, forward passes of `model` are cut."""
        require_softcap(model, PlanError)
        attention = {module.layer_idx: module for module in _attention_modules(model)}
        if len(attention) != len(self.plan.layers):
            raise PlanError(
                f"The plan is one of {self.plan.model}, with {len(self.plan.layers)} layers, and {type(model).__name__} has "
                f"{len(attention)} that kvpress can cut: plan for this model."
            )
        with ExitStack() as stack:
            for layer in self.plan.planned_layers:
                hook = attention[layer.index].register_forward_pre_hook(self._before, with_kwargs=True)
                stack.callback(hook.remove)
            stack.enter_context(super().__call__(model))
            yield

    def compress(
        self, module: nn.Module, hidden_states: Tensor, keys: Tensor, values: Tensor, attentions: Any, kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """kvpress's own hook: keys and values [batch, KV heads, tokens, dim] of a prefill, cut."""
        index = int(module.layer_idx)  # type: ignore[arg-type]
        layer, n_tokens = self.plan.layers[index], keys.shape[2]
        if not layer.planned:
            return keys, values
        if keys.shape[1] != layer.n_kv_heads:
            raise PlanError(
                f"Layer {index} has {keys.shape[1]} KV heads and the plan {layer.n_kv_heads}: plan for this model."
            )
        self._check_length(n_tokens)
        _refuse_padding(kwargs.get("attention_mask"))
        picked = self._picks(layer, module, hidden_states, keys, kwargs)
        tokens = torch.arange(n_tokens, device=keys.device).expand(keys.shape[:3])
        self._held[index] = _Held(tokens, picked, n_tokens, self._staying(layer, n_tokens, keys.device))
        return self._cut(module, layer, keys, values, n_tokens, self._most)

    def _before(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        """Ahead of a single token behind the prefill, lets go what its window does not reach."""
        index = int(module.layer_idx)  # type: ignore[arg-type]
        new = (kwargs["hidden_states"] if "hidden_states" in kwargs else args[0]).shape[1]
        cache, held = kwargs.get("past_key_values"), self._held.get(index)
        store: Any = None if cache is None or index >= len(cache.layers) else cache.layers[index]
        # Quantised layers keep their keys elsewhere: they stay as the prefill was cut.
        if held is None or type(store) is not DynamicLayer or store.keys is None or store.keys.numel() == 0:
            return
        if new > 1:
            self._check_length(held.seen + new)
        if store.keys.shape[2] != held.tokens.shape[2]:
            raise PlanError("The cache has changed since the prefill that was cut: prefill again inside the context.")
        if new == 1:
            layer = self.plan.layers[index]
            most = max(self._most - 1, held.seen) if self._grows else self._most - 1
            store.keys, store.values = self._cut(module, layer, store.keys, store.values, held.seen + 1, most)
        self._held[index].grow(new)

    def _cut(
        self, module: nn.Module, layer: LayerPlan, keys: Tensor, values: Tensor, seen: int, most: int
    ) -> tuple[Tensor, Tensor]:
        """Keep `most` tokens at most: all that are visible once `seen` tokens have come, then the latest of the others,
        which are hidden."""
        held = self._held[layer.index]
        whole = self.plan.length - self.plan.sinks
        endless = [UNLIMITED if kept >= whole else size for size, kept in zip(layer.windows, layer.kept, strict=True)]
        window = torch.tensor(endless, device=keys.device)[None, :, None]
        visible = (held.tokens < held.staying) | (held.tokens >= seen - window) | held.picked
        if keys.shape[2] > most:
            # Whatever is visible comes before all that is not.
            order = (visible * (seen + 1) + held.tokens).topk(most, dim=2).indices.sort(dim=2).values
            held.tokens, held.picked, visible = (e.gather(2, order) for e in (held.tokens, held.picked, visible))
            keys, values = (
                states.gather(2, order[..., None].expand(-1, -1, -1, states.shape[3])) for states in (keys, values)
            )
        hidden = torch.nonzero(~visible, as_tuple=True)
        if len(hidden[0]) and module.config._attn_implementation == "eager":  # type: ignore[union-attr]
            raise PlanError(
                "kvpress hides keys from SDPA and flash attention only, and the heads of this plan keep different numbers "
                "of tokens: load the model with attn_implementation='sdpa'."
            )
        module.masked_key_indices = hidden if len(hidden[0]) else None  # type: ignore[assignment]
        return keys, values

    def _picks(self, layer: LayerPlan, module: nn.Module, hidden: Tensor, keys: Tensor, kwargs: Any) -> Tensor:
        """Bool [batch, KV heads, tokens]: what stays although it has left its window."""
        batch, n_heads, n_tokens = keys.shape[:3]
        chosen = torch.zeros(batch, n_heads, n_tokens, dtype=torch.bool, device=keys.device)
        if not any(layer.picks):
            return chosen
        query = _last_queries(module, hidden, kwargs["position_embeddings"])
        position = torch.arange(n_tokens, device=keys.device)
        mask = position <= position[-query.shape[2] :, None]
        scale = float(getattr(module, "scaling", None) or keys.shape[3] ** -0.5)
        grouped = query.reshape(batch, n_heads, -1, *query.shape[2:])
        scores = attention_received(grouped, keys, mask[None], Scoring(scale))
        for head, (window, count) in enumerate(zip(layer.windows, layer.picks, strict=True)):
            leaving = (position >= self.plan.sinks) & (position < n_tokens - window)
            count = min(count, int(leaving.sum()))
            if count:
                chosen[:, head].scatter_(1, best(scores[:, [head]], leaving[None], count)[:, 0], True)
        return chosen

    def _staying(self, layer: LayerPlan, n_tokens: int, device: torch.device) -> Tensor:
        """[1, KV heads, 1] how many first tokens never leave: the sinks, and while there is room for picks, whatever is
        the first to leave its window (as in a PlannedCache)."""
        staying = [
            self.plan.sinks + (kept - window if n_tokens <= self.plan.sinks + kept else 0)
            for kept, window in zip(layer.kept, layer.windows, strict=True)
        ]
        return torch.tensor(staying, device=device)[None, :, None]

    def _check_length(self, tokens: int) -> None:
        if tokens > self.plan.length:
            raise PlanError(
                f"The plan is one for {self.plan.length:,} tokens, and the sequence has come to {tokens:,}: plan for a "
                "longer sequence."
            )


@dataclass(slots=True)
class _Held:
    """What a layer holds. tokens, picked: [batch, KV heads, held] the number of each token in the sequence, and whether it
    stays for its content; seen: the tokens that have come; staying as `_staying` has it."""

    tokens: Tensor
    picked: Tensor
    seen: int
    staying: Tensor

    def grow(self, new: int) -> None:
        """New tokens come."""
        fresh = torch.arange(self.seen, self.seen + new, device=self.tokens.device)
        fresh = fresh.expand(*self.tokens.shape[:2], new)
        self.tokens = torch.cat([self.tokens, fresh], dim=2)
        self.picked = torch.cat([self.picked, torch.zeros_like(fresh, dtype=torch.bool)], dim=2)
        self.seen += new


def _attention_modules(model: Any) -> list[Any]:
    """The modules that kvpress hooks."""
    decoder = getattr(model, "model", None)
    decoder = getattr(decoder, "language_model", decoder)
    return [layer.self_attn for layer in getattr(decoder, "layers", ()) if hasattr(layer, "self_attn")]


def _last_queries(module: nn.Module, hidden: Tensor, position_embeddings: tuple[Tensor, Tensor]) -> Tensor:
    """[batch, query heads, last queries, dim], rotated as kvpress rotates them."""
    from transformers.models.llama.modeling_llama import rotate_half

    query: Tensor = _kvpress.utils.get_prerope_query_states(module, hidden[:, -OBSERVED:])
    cos, sin = (part[:, -OBSERVED:].unsqueeze(1) for part in position_embeddings)
    if cos.shape[3] != query.shape[3]:
        raise PlanError(
            f"{type(module).__name__} rotates {cos.shape[3]} of {query.shape[3]} dimensions, which kvpress does not follow: "
            "use plan.cache(model)."
        )
    turned: Tensor = query * cos + rotate_half(query) * sin
    return turned


def _refuse_padding(mask: Any) -> None:
    """A prefill without padding has no mask, or one whose last query sees everything."""
    if not isinstance(mask, Tensor):
        return
    last = mask if mask.dim() == 2 else mask[:, :, -1]
    if not bool((last.bool() if mask.dim() == 2 or mask.dtype == torch.bool else last >= 0).all()):
        raise PlanError("kvpress takes no account of padding: run sequences one at a time, or use plan.cache(model).")
