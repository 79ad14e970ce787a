"""What the planned layers of one cache have in common while they are filled: the model, the pass, the padding of its rows."""

from __future__ import annotations

import warnings
import weakref
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ropescope.compress.cache.masks import check_later, check_windowed, padding_of
from ropescope.compress.plan.picks import OBSERVED
from ropescope.errors import PlanError
from ropescope.network.adapter import AttentionCall
from ropescope.network.rotary import whole_length

_SAMPLED = 16
"""Numbers of each weight by which a model is known again."""


class Filled(Protocol):
    """What it asks of a layer, as `PlannedLayer` has it."""

    seen: int
    windowed: bool
    padding: Tensor | None
    waiting: tuple[Tensor, Tensor] | None

    def set_padding(self, padding: Tensor | None, most: int) -> None:
        """Say how many tokens pad each row on the left."""


class SharedState:
    """The planned layers of a cache, in order (each adds itself to `layers`).

    made_for: the model's class; attention: the names of its attention classes; switch: the tokens beyond which it turns all
    keys otherwise (LongRoPE). It knows by a few of its weights the model
    that filled it, so that a copy, or a cache that was pickled, goes on with that model and no other.
    """

    def __init__(self, made_for: str, attention: frozenset[str], switch: int | None = None) -> None:
        self.made_for, self.attention, self.switch = made_for, attention, switch
        self.layers: list[Filled] = []
        self.is_beyond = False
        self.last_rows: Tensor | None = None
        """[1 or batch, last queries, keys] what the last queries of a first pass see, where a mask says so."""
        self._module: weakref.ref[nn.Module] | None = None
        self._weights: Tensor | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_module": None}

    def switches(self, seen: int, total: int) -> bool:
        """Whether the model turns the keys of `seen` tokens otherwise once there are `total`."""
        return self.switch is not None and 0 < seen <= self.switch < total and whole_length() <= self.switch

    def go_beyond(self, length: int, seen: int, new: int) -> None:
        """A sequence grows beyond the length of the plan. An answer that is being written goes on, with a warning.

        Raises PlanError for a pass of several tokens: a prompt, of which nothing is lost yet.
        """
        if new > 1:
            raise PlanError(
                f"The plan is one for {length:,} tokens, and the sequence has come to {seen + new:,}: plan for a longer sequence."
            )
        if not self.is_beyond:
            self.is_beyond = True
            warnings.warn(
                f"The sequence has grown beyond the {length:,} tokens of its plan: heads that keep everything go on to do so, the "
                "others keep as much as before, and what that costs was not measured.",
                stacklevel=2,
            )

    def check_states(self, layer: Filled, new: int) -> None:
        """As `layer` takes in `new` tokens, raises PlanError if the other layers are not where they should be."""
        if self.switches(layer.seen, layer.seen + new):
            raise PlanError(
                f"Beyond {self.switch:,} tokens {self.made_for} turns all keys otherwise (LongRoPE), so what was kept is of no "
                "use: begin with the whole text in an empty cache, as model.generate does by itself."
            )
        first = self.layers[0]
        if first is layer:
            fine = all(other.seen == layer.seen and other.waiting is None for other in self.layers)
        else:
            fine = first.waiting is None and first.seen == layer.seen + new and layer.waiting is None
        if not fine:
            raise PlanError(
                "The states of a planned cache were not attended to. If a pass broke off, empty the cache with reset() and "
                f"begin again; else {self.made_for} changes its keys between the cache and the attention, and cannot be "
                "planned."
            )

    def check_module(self, layer: Filled, module: nn.Module) -> None:
        """Raises PlanError if the attention is that of another model than the cache was made for, or filled by."""
        if layer is not self.layers[0] or (self._module is not None and self._module() is module):
            return
        if type(module).__name__ not in self.attention:
            raise PlanError(
                f"This cache was made for another model ({self.made_for}): call plan.cache(model) with the one that runs."
            )
        weights = _sample(module)
        if layer.seen and not _same(self._weights, weights):
            raise PlanError(
                "This cache was filled by another model, or one with other weights or another number type: fill it anew "
                "with the model that runs."
            )
        self._module, self._weights = weakref.ref(module), weights

    def read_mask(self, layer: Filled, call: AttentionCall, new: int) -> None:
        """Take note of the padding of a first pass. Raises PlanError for a mask that cannot be carried out."""
        if layer.padding is not None and layer.padding.device != call.query.device:
            layer.padding = layer.padding.to(call.query.device)
        if layer is not self.layers[0]:
            return
        batch = call.query.shape[0]
        if layer.seen:
            self.last_rows = None
            check_later(call.mask, new, layer.seen + new, layer.padding)
            return
        padding, seen = padding_of(call.mask, new, new, batch)
        if layer.windowed:
            check_windowed(call.mask, new, new, padding)
        self.last_rows = None if seen is None else seen[:, -OBSERVED:].clone()
        most = 0 if padding is None else int(padding.max())
        for each in self.layers:
            each.set_padding(padding, most)


def _sample(module: nn.Module) -> Tensor | None:
    """Some numbers of each weight; None where they cannot be read."""
    found = []
    for weight in module.parameters():
        if weight.device.type == "meta":
            return None
        numbers = weight.detach().reshape(-1)
        found.append(numbers[:: max(1, numbers.numel() // _SAMPLED)][:_SAMPLED].to("cpu", torch.float64))
    return torch.cat(found) if found else None


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    return one is None or other is None or torch.equal(one, other)
