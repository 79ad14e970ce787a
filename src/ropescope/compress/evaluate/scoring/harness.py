"""One full prefill of a text, and the caches that methods cut from it, which take in the next tokens as a real one would.

A cut cache drops nothing: the new tokens attend to what is kept under a mask, which computes what a cache without the
rest would. So all methods and budgets share the keys of one prefill, and none copies more of them than it attends to.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from ropescope.compress.cache.attend import Scoring
from ropescope.compress.evaluate.methods.method import Prefilled
from ropescope.compress.evaluate.scoring.masked import MaskedLayer, Prefix
from ropescope.compress.evaluate.scoring.visible import Visible
from ropescope.compress.plan.picks import OBSERVED
from ropescope.compress.plan.plannable import check_states_are_cached, untouched
from ropescope.errors import EvaluationError
from ropescope.models.model import Model
from ropescope.network.adapter import AttentionCall, InPlace, Output, attending
from ropescope.network.capture import uses_interface
from ropescope.network.softcap import require_softcap

CHUNK = 8192
"""Tokens of a long text that are prefilled at once."""


def prefill(network: Any, model: Model, tokens: Tensor, *, chunk: int = CHUNK, hidden: bool = True) -> Prefilled:
    """Run `tokens` [1, tokens] through `network` (a transformers causal language model), whose facts are `model`, and
    remember what methods look at; `hidden` states only if asked for, since they take as much room as a large cache.

    Raises EvaluationError for a model without a layer that can be cut, or with attention code of its own.
    """
    seen = _Seen(network, _planned(model), hidden)
    cache = DynamicCache(config=network.config.get_text_config(decoder=True))
    with torch.inference_mode(), seen.watching():
        for start in range(0, tokens.shape[1], chunk):
            seen.check(cache)
            network.base_model(input_ids=tokens[:, start : start + chunk], past_key_values=cache, use_cache=True)
    return seen.prefilled(tokens, cache)


def extended(filled: Prefilled, tokens: Tensor) -> Prefilled:
    """The same with `tokens` [1, new] behind, which see everything; `filled` stays as it is."""
    seen = _Seen(filled.network, filled.planned, bool(filled.hidden))
    seen.begin_with(filled)
    cache = Cache(layers=[_copied(layer) for layer in filled.cache.layers])
    with torch.inference_mode(), seen.watching():
        filled.network.base_model(input_ids=tokens, past_key_values=cache, use_cache=True)
    return seen.prefilled(torch.cat([filled.tokens, tokens], dim=1), cache)


def cut(filled: Prefilled, visible: Visible) -> Cache:
    """A cache that behaves as the prefilled one would if only what is `visible` had been kept.

    Give it to forward passes of `filled.network`, of any number of new tokens each. It may be cropped back (by a negative
    number of tokens) to what it was; the prefilled cache itself never changes.
    """
    layers = [
        MaskedLayer(Prefix(index, layer.keys, layer.values, visible)) if index in filled.scoring else _copied(layer)
        for index, layer in enumerate(filled.cache.layers)
    ]
    return Cache(layers=layers)


def _planned(model: Model) -> tuple[int, ...]:
    """The layers that methods may cut. Raises EvaluationError if there are none, PlanError for a state that the installed
    transformers keeps elsewhere."""
    reasons = untouched(model)
    planned = tuple(index for index, reason in reasons.items() if not reason)
    if not planned:
        why = "; ".join(sorted(set(reasons.values()))) or "it has no layers"
        raise EvaluationError(f"No layer of {model.name} has a cache that can be cut: {why}.")
    check_states_are_cached(model.name, model.layers)
    return planned


def _copied(layer: Any) -> Any:
    """A layer that may take in new tokens while the old one stays as it is."""
    # Growing and sliding layers make new tensors, so the old ones may be shared; others write in place.
    return copy.copy(layer) if type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) else copy.deepcopy(layer)


class _Seen(InPlace):
    """What passes through the planned layers during a prefill."""

    def __init__(self, network: Any, planned: tuple[int, ...], hidden: bool) -> None:
        if not uses_interface(network):
            raise EvaluationError(
                f"{type(network).__name__} has attention code of its own, which cannot be told what a smaller cache holds: "
                "models that use transformers' AttentionInterface can be evaluated."
            )
        require_softcap(network, EvaluationError)
        self.network, self.planned, self.keep_hidden = network, planned, hidden
        self.hidden: dict[int, list[Tensor]] = {index: [] for index in self.planned}
        self.queries: dict[int, Tensor] = {}
        self.positions: list[tuple[Tensor, ...]] = []
        self.scoring: dict[int, Scoring] = {}
        self.modules = {
            module.layer_idx: module
            for module in network.base_model.modules()
            if "attention" in type(module).__name__.lower() and getattr(module, "layer_idx", None) in self.planned
        }

    def begin_with(self, filled: Prefilled) -> None:
        """Go on from an earlier prefill."""
        self.queries, self.scoring = dict(filled.queries), dict(filled.scoring)
        self.hidden = {index: [filled.hidden[index]] if filled.hidden else [] for index in self.planned}
        self.positions = [filled.position_embeddings] if filled.position_embeddings and self.keep_hidden else []

    def check(self, cache: Any) -> None:
        """Raises EvaluationError where transformers keeps a layer otherwise than the model's facts say."""
        for index in self.planned:
            kind = type(cache.layers[index]) if index < len(cache.layers) else None
            if kind is not None and kind is not DynamicLayer:
                raise EvaluationError(
                    f"Layer {index} of {type(self.network).__name__} keeps a {kind.__name__}, which cannot be cut."
                )

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Within the context, forward passes are remembered."""
        with ExitStack() as stack:
            if self.keep_hidden:
                for index, module in self.modules.items():
                    handle = module.register_forward_pre_hook(self._hook(index), with_kwargs=True)
                    stack.callback(handle.remove)
            stack.enter_context(attending(self.network, self))
            yield

    def _hook(self, index: int) -> Callable[..., None]:
        def before(module: Any, args: Any, kwargs: Any) -> None:
            self.hidden[index].append(kwargs["hidden_states"] if "hidden_states" in kwargs else args[0])
            embeddings = kwargs.get("position_embeddings")
            if index == self.planned[0] and isinstance(embeddings, tuple):
                self.positions.append(embeddings)

        return before

    def attend(self, call: AttentionCall, own: Callable[[], Output]) -> Output:
        """The network's own attention; the last queries are kept."""
        if call.layer in self.hidden:
            if call.query.shape[0] != 1:
                raise EvaluationError(
                    f"Texts are scored one at a time, and {call.query.shape[0]} came at once: pass a batch of one."
                )
            before = self.queries.get(call.layer)
            last = call.query[0] if before is None else torch.cat([before, call.query[0]], dim=1)
            self.queries[call.layer] = last[:, -OBSERVED:].clone()
            self.scoring[call.layer] = Scoring.of(call)
        return own()

    def prefilled(self, tokens: Tensor, cache: Any) -> Prefilled:
        """All that was seen."""
        missing = set(self.planned) - self.scoring.keys()
        if missing:
            raise EvaluationError(
                f"Layer {min(missing)} of {type(self.network).__name__} does not ask transformers' AttentionInterface for its "
                "attention, so its cache cannot be cut."
            )
        # Without hidden states nobody watches the modules, and nobody asks for what they were given.
        positions = tuple(torch.cat(parts, dim=1) for parts in zip(*self.positions, strict=True))
        return Prefilled(
            network=self.network,
            tokens=tokens,
            cache=cache,
            hidden={index: torch.cat(parts, dim=1) for index, parts in self.hidden.items() if parts},
            queries=self.queries,
            position_embeddings=positions or None,
            planned=self.planned,
            scoring=self.scoring,
            modules=self.modules,
        )
