"""What a method of cache compression is: from one prefilled text and a budget to the tokens that every KV head keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from ropescope.compress.cache.attend import Scoring
from ropescope.compress.cache.picking import attention_received
from ropescope.compress.plan.picks import OBSERVED


@dataclass(frozen=True)
class Prefilled:
    """One text, prefilled once in full; all methods and budgets share it, and nothing of it is ever changed.

    tokens: [1, tokens]. cache: layers[i].keys and .values are [1, KV heads, tokens, dim], keys rotated. planned: the
    layers that a method may cut; every other layer (sliding, without keys, shared) stays whole. Of each of these:
    hidden [1, tokens, hidden], the input of its attention module, behind the norm; queries [heads, last 256 tokens or
    fewer, dim], rotated; scoring, how its products of queries and keys become weights; modules, the attention module.
    position_embeddings: the (cos, sin), each [1, tokens, dim], that these modules got; None where there are none.
    hidden is empty if no method asks for it.
    """

    network: Any
    tokens: Tensor
    cache: Any
    hidden: Mapping[int, Tensor]
    queries: Mapping[int, Tensor]
    position_embeddings: Any
    planned: tuple[int, ...]
    scoring: Mapping[int, Scoring]
    modules: Mapping[int, Any]

    def __post_init__(self) -> None:
        """Methods may ask for the same at every budget."""
        object.__setattr__(self, "_received", {})

    def attention_received(self, layer: int) -> Tensor:
        """[KV heads, tokens] the attention of the last queries that a planned cache picks tokens by (`picks`)."""
        received: dict[int, Tensor] = self.__dict__["_received"]
        if layer not in received:
            query, key, scoring = self.queries[layer][:, -OBSERVED:], self.keys(layer), self.scoring[layer]
            n_queries, position = query.shape[1], torch.arange(self.n_tokens, device=key.device)
            mask = position <= position[-n_queries:, None]
            sinks = None if scoring.sinks is None else scoring.sinks.view(len(key), -1)
            grouped = query.reshape(1, len(key), -1, *query.shape[1:])
            own = Scoring(scoring.scale, scoring.softcap, sinks)
            received[layer] = attention_received(grouped, key[None], mask[None], own)[0]
        return received[layer]

    @property
    def n_tokens(self) -> int:
        """How many tokens were prefilled."""
        return int(self.tokens.shape[1])

    @cached_property
    def n_layers(self) -> int:
        """How many layers the cache has, planned or not."""
        return len(self.cache.layers)

    def keys(self, layer: int) -> Tensor:
        """[KV heads, tokens, dim] of a planned layer."""
        found: Tensor = self.cache.layers[layer].keys[0]
        return found

    def values(self, layer: int) -> Tensor:
        """[KV heads, tokens, value dim] of a planned layer."""
        found: Tensor = self.cache.layers[layer].values[0]
        return found


@runtime_checkable
class Method(Protocol):
    """A way to cut a cache behind the prefill. `name`: as tables show it. `looks_at_text`: whether what is kept depends
    on the text (its keys, queries or hidden states), or on the budget alone. A method that needs no hidden states may
    say so with `needs_hidden = False`; one without the attribute gets them."""

    @property
    def name(self) -> str:
        """How tables call it."""
        ...

    @property
    def looks_at_text(self) -> bool:
        """Whether what is kept depends on the text."""
        ...

    def keep(self, filled: Prefilled, budget: float) -> list[Tensor | None]:
        """For every layer of the cache bool [KV heads, tokens], True for what stays of the prefilled tokens, or None for
        a layer that stays whole. budget: share of the tokens of the planned layers, in the mean over their heads.

        Raises EvaluationError for a budget that the method cannot carry out.
        """
        ...
