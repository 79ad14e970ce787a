"""The attention function and the mask that transformers calls while a planned cache is in use.

Layers that the plan changes are attended to from what the cache holds; every other layer, and a first pass that is
`full`, goes to the implementation the model was loaded with (eager, sdpa, flash_attention_2, …), with the mask of that
implementation.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface

from ropescope.compress.attend import Scoring
from ropescope.errors import PlanError
from ropescope.measure.own_attention import DeferredMask, own_attention

if TYPE_CHECKING:
    from ropescope.compress.cache import PlannedCache

IMPLEMENTATION = "ropescope_planned"
"""The name under which both are registered with transformers."""


@dataclass(frozen=True, slots=True)
class InUse:
    """The planned cache of the forward pass that is running, and the attention that the model had before."""

    cache: PlannedCache
    implementation: str


in_use: ContextVar[InUse | None] = ContextVar("ropescope_planned_cache", default=None)


def _deferred_mask(**arguments: Any) -> DeferredMask:
    running = in_use.get()
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
    """Shapes as transformers': query [batch, heads, new, dim]; returns the output [batch, new, heads, value dim]."""
    running = in_use.get()
    assert running is not None
    layer = running.cache.layer_of(module)
    if layer is not None and not layer.waits_for(key):
        raise PlanError(
            f"{type(module).__name__} changes its keys between the cache and the attention, which a planned cache does "
            "not follow: this model cannot be planned."
        )
    scoring = Scoring(
        scale=query.shape[-1] ** -0.5 if scaling is None else float(scaling),
        softcap=kwargs.get("softcap"),
        sinks=None if kwargs.get("s_aux") is None else kwargs["s_aux"].reshape(-1),
    )
    if layer is None or (layer.seen == 0 and not layer.windowed):
        if isinstance(attention_mask, DeferredMask):
            attention_mask = attention_mask.make()
        own = own_attention(module, running.implementation)
        output, weights = own(module, query, key, value, attention_mask, scaling=scaling, dropout=dropout, **kwargs)
        if layer is not None:
            layer.take_waiting(query, scoring)
        return output, weights
    if kwargs.get("position_bias") is not None:
        raise PlanError(f"{type(module).__name__} adds a position bias, which a planned cache does not carry out.")
    return layer.attend(query, scoring).transpose(1, 2).contiguous(), None


def register() -> None:
    """Make both known to transformers; doing so again changes nothing."""
    AttentionInterface.register(IMPLEMENTATION, _attention)
    AttentionMaskInterface.register(IMPLEMENTATION, _deferred_mask)
