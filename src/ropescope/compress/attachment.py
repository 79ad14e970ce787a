"""How a planned cache reaches a model: by forward hooks on its decoder, which leave the model as it was after each pass."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import Token
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ropescope.compress.attention import IMPLEMENTATION, InUse, in_use, register
from ropescope.errors import PlanError
from ropescope.measure.capture import decoder_layers, uses_interface

if TYPE_CHECKING:
    from ropescope.compress.cache import PlannedCache


class _Hooks:
    """Two hooks on a decoder. A pass that is given a planned cache runs with our attention; others run as ever."""

    def __init__(self, decoder: nn.Module) -> None:
        found: dict[int, Any] = {
            id(module.config): module.config for module in decoder.modules() if hasattr(module, "config")
        }
        self.configs = tuple(found.values())
        self.passes: list[tuple[Token[InUse | None], list[str]]] = []
        self.handles = (
            decoder.register_forward_pre_hook(self.before, with_kwargs=True),
            decoder.register_forward_hook(self.after, with_kwargs=True, always_call=True),
        )
        self.users = 0

    def before(self, decoder: nn.Module, args: Any, kwargs: Mapping[str, Any]) -> None:
        from ropescope.compress.cache import PlannedCache

        cache = kwargs.get("past_key_values")
        if not isinstance(cache, PlannedCache):
            return
        cache.prepare(decoder, kwargs.get("attention_mask"))
        names = [config._attn_implementation for config in self.configs]
        token = in_use.set(InUse(cache, names[0]))
        self.passes.append((token, names))
        for config in self.configs:
            # Not `set_attn_implementation`: it refuses names for models that it believes support eager only.
            config._attn_implementation_internal = IMPLEMENTATION

    def after(self, decoder: nn.Module, args: Any, kwargs: Mapping[str, Any], output: Any) -> None:
        from ropescope.compress.cache import PlannedCache

        if not isinstance(kwargs.get("past_key_values"), PlannedCache) or not self.passes:
            return
        token, names = self.passes.pop()
        in_use.reset(token)
        for config, name in zip(self.configs, names, strict=True):
            config._attn_implementation_internal = name

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()


_attached: weakref.WeakKeyDictionary[nn.Module, _Hooks] = weakref.WeakKeyDictionary()


def attach(cache: PlannedCache, model: nn.Module) -> nn.Module:
    """Let forward passes of `model` use `cache` for as long as `cache` lives; returns the decoder that was hooked.

    Raises PlanError for a model with attention code of its own.
    """
    if not uses_interface(model):
        raise PlanError(
            f"{type(model).__name__} has attention code of its own, which cannot be told what a planned cache holds: "
            "models that use transformers' AttentionInterface can be planned."
        )
    register()
    decoder, _ = decoder_layers(model)
    if decoder not in _attached:
        _attached[decoder] = _Hooks(decoder)
    _attached[decoder].users += 1
    weakref.finalize(cache, _release, weakref.ref(decoder))
    return decoder


def _release(decoder: weakref.ref[nn.Module]) -> None:
    module = decoder()
    hooks = None if module is None else _attached.get(module)
    if module is None or hooks is None:
        return
    hooks.users -= 1
    if hooks.users == 0:
        hooks.remove()
        del _attached[module]


@contextmanager
def replacing_caches(model: nn.Module, make: Callable[[], PlannedCache]) -> Iterator[None]:
    """Within the context, a forward pass of `model` that is given an empty cache of another kind gets a planned one."""
    from ropescope.compress.cache import PlannedCache

    decoder, _ = decoder_layers(model)
    # The first planned cache puts its hooks on the decoder behind this one, so that they see the cache put in here.
    keep = make()

    def put_in(_: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
        given = kwargs.get("past_key_values")
        if isinstance(given, PlannedCache):
            return None
        if given is not None and given.get_seq_length() > 0:
            raise PlanError("This cache was filled without the plan: begin the sequence inside the context.")
        if given is None and not kwargs.get("use_cache", getattr(decoder.config, "use_cache", True)):
            return None
        return args, {**kwargs, "past_key_values": make()}

    handle = decoder.register_forward_pre_hook(put_in, with_kwargs=True, prepend=True)
    try:
        yield
    finally:
        handle.remove()
        del keep


def left_padding(mask: Tensor) -> Tensor | None:
    """[batch] how many tokens pad each row of a mask [batch, tokens] on the left; None if none does.

    Raises PlanError for padding elsewhere, which would leave holes in the windows.
    """
    seen = mask.bool()
    if bool(seen.all()):
        return None
    padding = (seen.cumsum(dim=1) == 0).sum(dim=1)
    if not torch.equal(seen.sum(dim=1) + padding, torch.full_like(padding, seen.shape[1])):
        raise PlanError("A planned cache takes padding on the left only: set tokenizer.padding_side = 'left'.")
    if bool((padding == seen.shape[1]).any()):
        raise PlanError("A row of the batch is padding only: leave it out.")
    return padding
