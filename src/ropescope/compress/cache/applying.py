"""A model that fills planned caches of itself, for as long as a context lasts and in the thread that entered it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from torch import nn
from transformers.cache_utils import Cache, DynamicCache

from ropescope.compress.cache.continuous import applied_here
from ropescope.compress.cache.layer import PlannedLayer
from ropescope.compress.cache.planned_cache import PlannedCache
from ropescope.compress.plan.kv_plan import KVPlan, Prefill
from ropescope.errors import PlanError
from ropescope.network.capture import decoder_layers

Network = TypeVar("Network", bound=nn.Module)


@contextmanager
def planned_cache(plan: KVPlan, model: Network, *, prefill: Prefill | None = None) -> Iterator[Network]:
    """Within the context, `model` fills a PlannedCache wherever it would have filled a cache of its own: `model.generate(...)`.

    A pass without a cache gets a new one; an empty DynamicCache that is passed in becomes one, the same object; a planned
    cache stays as it is, whatever its plan. It holds for the thread that entered it: other threads enter a context of their
    own, or pass `PlannedCache(plan, model)`.

    Raises PlanError if the plan is not one for this model, and in a pass with a cache of another kind, or a filled one; and so
    does continuous batching (`generate_batch`), which has a cache of its own.
    """

    def make() -> PlannedCache:
        return PlannedCache(plan, model, prefill=prefill)

    make()  # what does not fit is said now, and not in the midst of a run
    decoder, _ = decoder_layers(model)
    mark, names = object(), list(inspect.signature(decoder.forward).parameters)

    def put_in(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> Any:
        # A pass of another thread that was under way as this context ended still runs the hook, and without kwargs.
        if kwargs is None or applied_here.get().get(id(decoder)) is not mark:
            return None
        given = dict(zip(names, args, strict=False)) | kwargs
        cache = given.get("past_key_values")
        if cache is not None:
            _become_planned(cache, make)
            return None
        use = given.get("use_cache")
        if not (getattr(decoder.config, "use_cache", True) if use is None else use):
            return None
        place = names.index("past_key_values")
        if place < len(args):
            return (*args[:place], make(), *args[place + 1 :]), kwargs
        return args, {**kwargs, "past_key_values": make()}

    handle = decoder.register_forward_pre_hook(put_in, with_kwargs=True, prepend=True)
    token = applied_here.set({**applied_here.get(), id(decoder): mark})
    try:
        yield model
    finally:
        handle.remove()
        applied_here.reset(token)


def _become_planned(cache: Any, make: Callable[[], Cache]) -> None:
    """Let an empty DynamicCache hold what the plan says: who keeps the object goes on with it."""
    if any(isinstance(layer, PlannedLayer) for layer in getattr(cache, "layers", ())):
        return
    if type(cache) is not DynamicCache or cache.offloading:
        kind = (
            f"An offloaded {type(cache).__name__}"
            if getattr(cache, "offloading", False)
            else f"A {type(cache).__name__}"
        )
        raise PlanError(
            f"{kind} cannot hold what a plan keeps: pass a DynamicCache or none, and leave out cache_implementation in "
            "generate."
        )
    if cache.get_seq_length() > 0:
        raise PlanError("This cache was filled without the plan: begin the sequence inside the context.")
    planned = make()
    cache.__class__ = type(planned)  # it is asked for its bytes, and emptied, as any planned cache
    vars(cache).update(vars(planned))
