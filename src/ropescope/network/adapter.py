"""The one place where ropescope stands between a transformers model and its attention function.

transformers' models ask a table by name which function computes their attention, and another which mask it takes, anew
for every layer and pass. Both tables are told once (`install`) to look first

- whether the keys come from a cache layer that attends to them itself (`owned_by`): so a planned cache works on whatever
  model it is given to, in any thread, and so does a copy of it;
- whether something was put on this network in this context, that is, in this thread or task (`attending`).

Where neither is so, they answer as ever. Nothing is changed on a model or its config, so nothing has to be put back. What
stands above asks what stands below by `own()`; what is left out without having been asked may object (`bypassed`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from threading import Lock, local
from typing import Any, Protocol, TypeVar

from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.utils.generic import GeneralInterface

from ropescope.errors import MeasurementError

Made = TypeVar("Made")
Output = tuple[Tensor, Tensor | None]
"""Output [batch, new, query heads, value dim], and weights where an implementation returns them."""


@dataclass(frozen=True, slots=True)
class AttentionCall:
    """What a model hands to its attention function. query: [batch, query heads, new, dim]; key, value: [batch, KV heads,
    keys, dim], as the cache returned them; options: whatever else, by name."""

    module: nn.Module
    query: Tensor
    key: Tensor
    value: Tensor
    mask: Any
    rest: tuple[Any, ...]
    options: dict[str, Any]

    @property
    def layer(self) -> int | None:
        """The index of the layer, where the module knows it."""
        index = getattr(self.module, "layer_idx", None)
        return index if isinstance(index, int) else None

    @property
    def scale(self) -> float:
        """The factor of the products of queries and keys."""
        given = self.options.get("scaling")
        return float(self.query.shape[-1] ** -0.5 if given is None else given)

    @property
    def softcap(self) -> float | None:
        """The soft-cap of the logits (Gemma 2)."""
        found: float | None = self.options.get("softcap")
        return found

    @property
    def sinks(self) -> Tensor | None:
        """Learned sink logits [query heads] (gpt-oss)."""
        found: Tensor | None = self.options.get("s_aux")
        return None if found is None else found.reshape(-1)

    def made_mask(self) -> Any:
        """The mask as the model's own implementation makes it."""
        return self.mask.make() if isinstance(self.mask, DeferredMask) else self.mask


class StatesOwner(Protocol):
    """A cache layer that attends to the states it returned itself."""

    def answer(self, call: AttentionCall, own: Callable[[], Output]) -> Output:
        """The attention of a call whose keys are its own."""
        ...


class LatentsOwner(StatesOwner, Protocol):
    """A cache layer that returned what keys are made of."""

    def takes(self, call: AttentionCall) -> bool:
        """Whether the keys of a call were made of that."""
        ...


class Replacement(Protocol):
    """Attention in place of a network's own. `mask` and `bypassed` are as in `InPlace`, where nothing else is needed."""

    def attend(self, call: AttentionCall, own: Callable[[], Output]) -> Output:
        """The attention of a call; `own()` is what it would be without this replacement."""
        ...

    def mask(self, own: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        """What the model hands to the attention function as its mask; `own` makes the mask of its own implementation."""
        ...

    def bypassed(self, call: AttentionCall) -> None:
        """Told of a call that what stands above has answered without asking. Raises where that would be wrong."""
        ...


class InPlace:
    """A replacement whose masks are made only if someone asks for them, and which may be left out."""

    def mask(self, own: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        """A DeferredMask."""
        return DeferredMask(own, arguments)

    def bypassed(self, call: AttentionCall) -> None:
        """Does nothing."""


class LazyMask:
    """A mask that is made only if someone asks for it: `own(**arguments)`, transformers' function and its arguments."""

    def __init__(self, own: Callable[..., Any], arguments: dict[str, Any]) -> None:
        # A static cache counts its tokens in place, so its number is another by the time that a layer asks.
        self.arguments: dict[str, Any] = {
            name: int(value) if isinstance(value, Tensor) and value.dim() == 0 else value
            for name, value in arguments.items()
        }
        self.own = own
        self._made: tuple[Any] | None = None
        self._read: dict[Callable[..., Any], Any] = {}

    def make(self) -> Any:
        """The mask: a tensor, None where the kernel needs none, or what else the implementation uses."""
        if self._made is None:
            self._made = (self.own(**self.arguments),)
        return self._made[0]

    def read_by(self, reader: Callable[..., Made]) -> Made:
        """What another function makes of the arguments, made once: layers of one pass share their mask."""
        if reader not in self._read:
            self._read[reader] = reader(**self.arguments)
        found: Made = self._read[reader]
        return found

    def contiguous(self) -> Any:
        """What `generate` asks for where it hands a whole mask to a compiled pass; older releases ask for `ndim`."""
        raise MeasurementError(
            "A compiled static cache is not for an attention that is replaced or read: leave out cache_implementation in "
            "generate."
        )

    ndim = property(contiguous)


class DeferredMask(LazyMask):
    """The LazyMask of a network that something stands on; what stands there may read the arguments instead."""


@dataclass(frozen=True, slots=True)
class _Entry:
    replacement: Replacement
    network: nn.Module
    modules: frozenset[int]
    configs: frozenset[int]


_entries: ContextVar[tuple[_Entry, ...]] = ContextVar("ropescope_attention", default=())
_OWNER, _INSTALLED = "_ropescope_owner", "_ropescope_installed"
_installing, _expected = Lock(), local()


@contextmanager
def attending(network: nn.Module, replacement: Replacement) -> Iterator[None]:
    """Within the context, in this thread, every attention call of `network` goes to `replacement`."""
    install()
    modules = list(network.modules())
    entry = _Entry(
        replacement,
        network,
        frozenset(map(id, modules)),
        frozenset(id(module.config) for module in modules if hasattr(module, "config")),
    )
    token = _entries.set((*_entries.get(), entry))
    try:
        yield
    finally:
        _entries.reset(token)


def owned_by(owner: StatesOwner, key: Tensor) -> Tensor:
    """`key`, which a cache layer is about to return, marked so that the attention to it goes to `owner`."""
    install()
    setattr(key, _OWNER, owner)
    return key


def expect(owner: LatentsOwner) -> None:
    """Let the next attention call of this thread go to a cache layer, if it takes it: its keys are made of what that returned."""
    install()
    _expected.owner = owner


def own_attention(module: nn.Module, implementation: str) -> Callable[..., Any]:
    """The function that goes by a name: eager code lies in the module's own file."""
    eager = getattr(sys.modules[type(module).__module__], "eager_attention_forward", sdpa_attention_forward)
    found: Callable[..., Any] = ALL_ATTENTION_FUNCTIONS.get(implementation, eager)
    return found


def own_mask(implementation: str) -> Callable[..., Any]:
    """The function that makes the masks of an implementation."""
    found: Callable[..., Any] = GeneralInterface.__getitem__(ALL_MASK_ATTENTION_FUNCTIONS, implementation)
    return found


def install() -> None:
    """Let both tables of transformers look here first; doing so again changes nothing."""
    with _installing:
        if not hasattr(AttentionInterface, _INSTALLED):
            _install()
            setattr(AttentionInterface, _INSTALLED, True)


def _install() -> None:
    own_interface = AttentionInterface.get_interface

    def get_interface(table: AttentionInterface, attn_implementation: str, default: Callable[..., Any]) -> Any:
        return partial(_attention, own_interface(table, attn_implementation, default))

    def mask_interface(table: AttentionMaskInterface, name: str) -> Any:
        own = GeneralInterface.__getitem__(table, name)
        return partial(_mask, own) if _entries.get() else own

    AttentionInterface.get_interface = get_interface
    AttentionMaskInterface.__getitem__ = mask_interface


def _mask(own: Callable[..., Any], **arguments: Any) -> Any:
    config = id(arguments.get("config"))
    concerned = [entry.replacement for entry in _entries.get() if config in entry.configs]
    if not concerned:
        return own(**arguments)
    return concerned[0].mask(own, arguments) if len(concerned) == 1 else DeferredMask(own, arguments)


def _attention(
    own: Callable[..., Any],
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Any,
    *rest: Any,
    **options: Any,
) -> Any:
    owner: StatesOwner | None = getattr(key, _OWNER, None)
    expected: LatentsOwner | None = getattr(_expected, "owner", None)
    entries = _entries.get()
    if owner is None and expected is None and not entries:
        return own(module, query, key, value, attention_mask, *rest, **options)
    call = AttentionCall(module, query, key, value, attention_mask, rest, options)
    if expected is not None:
        _expected.owner = None
        owner = expected if owner is None and expected.takes(call) else owner
        if owner is None and not entries:
            return own(module, query, key, value, attention_mask, *rest, **options)
    above = [entry.replacement for entry in reversed(entries) if id(module) in entry.modules]
    if owner is None:
        return _answer(call, above, own)
    return _answer(call, [_Owned(owner), *above], own)


def _answer(call: AttentionCall, chain: list[Replacement], own: Callable[..., Any]) -> Output:
    """The answer of the first of a chain, each of which may ask the next, and at the end the model's own function."""
    if not chain:
        found: Output = own(call.module, call.query, call.key, call.value, call.made_mask(), *call.rest, **call.options)
        return found
    asked = False

    def below() -> Output:
        nonlocal asked
        asked = True
        return _answer(call, chain[1:], own)

    output = chain[0].attend(call, below)
    if not asked:
        for replacement in chain[1:]:
            replacement.bypassed(call)
        objects = getattr(own, "bypassed", None)
        if objects is not None:
            objects(call)
    return output


class _Owned(InPlace):
    """A cache layer as the first of a chain."""

    def __init__(self, owner: StatesOwner) -> None:
        self.owner = owner

    def attend(self, call: AttentionCall, own: Callable[[], Output]) -> Output:
        """What the cache layer answers."""
        return self.owner.answer(call, own)
