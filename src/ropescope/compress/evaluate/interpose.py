"""Stand between a model and its attention function for as long as a context lasts, without changing the model for good."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface

from ropescope.compress.attend import Scoring
from ropescope.errors import EvaluationError
from ropescope.measure.capture import uses_interface
from ropescope.measure.own_attention import DeferredMask, attending_by, attention_configs, own_attention

IMPLEMENTATION = "ropescope_scored"
"""The name under which the attention function and its mask are registered with transformers."""


class Interposed(Protocol):
    """What is asked at every attention call. `own()` computes what the model would have computed."""

    def __call__(
        self, layer: int | None, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring, own: Callable[[], Tensor]
    ) -> Tensor:
        """[1, new, query heads, value dim] from query [1, query heads, new, dim]; key and value are what the cache
        returned."""
        ...


@dataclass(frozen=True, slots=True)
class _Running:
    call: Interposed
    implementation: str


_running: ContextVar[_Running | None] = ContextVar("ropescope_interposed", default=None)


@contextmanager
def interposed(network: nn.Module, call: Interposed) -> Iterator[None]:
    """Within the context every attention call of `network` goes to `call`. On exit the model is as before.

    Raises EvaluationError for a model with attention code of its own.
    """
    if not uses_interface(network):
        raise EvaluationError(
            f"{type(network).__name__} has attention code of its own, which cannot be told what a smaller cache holds: models "
            "that use transformers' AttentionInterface can be evaluated."
        )
    AttentionInterface.register(IMPLEMENTATION, _attention)
    AttentionMaskInterface.register(IMPLEMENTATION, _mask)
    configs = attention_configs(network)
    token = _running.set(_Running(call, configs[0]._attn_implementation))
    try:
        with attending_by(configs, IMPLEMENTATION):
            yield
    finally:
        _running.reset(token)


def _mask(**arguments: Any) -> DeferredMask:
    running = _running.get()
    assert running is not None
    return DeferredMask(running.implementation, arguments)


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Any,
    dropout: float = 0.0,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, Tensor | None]:
    running = _running.get()
    assert running is not None
    if query.shape[0] != 1:
        raise EvaluationError(
            f"Texts are scored one at a time, and {query.shape[0]} came at once: pass a batch of one."
        )

    def own() -> Tensor:
        mask = attention_mask.make() if isinstance(attention_mask, DeferredMask) else attention_mask
        compute = own_attention(module, running.implementation)
        output: Tensor = compute(module, query, key, value, mask, scaling=scaling, dropout=dropout, **kwargs)[0]
        return output

    sinks = kwargs.get("s_aux")
    scoring = Scoring(
        scale=query.shape[-1] ** -0.5 if scaling is None else float(scaling),
        softcap=kwargs.get("softcap"),
        sinks=None if sinks is None else sinks.reshape(-1),
    )
    layer = getattr(module, "layer_idx", None)
    return running.call(layer if isinstance(layer, int) else None, query, key, value, scoring, own), None
