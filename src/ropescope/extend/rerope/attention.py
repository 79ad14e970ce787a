"""The attention function and the mask that transformers calls on a network that reads far keys at slower distances.

Keys are cached as ever, turned by their positions: what is read far is turned on from there. So nothing is to be read again
when a text grows beyond the trained length, and up to there the model's own attention runs, to the bit.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface

from ropescope.errors import ExtendError
from ropescope.extend.rerope.kernel import Summed, attend_part, put_together
from ropescope.extend.rerope.ranges import Part, Ranges, causal_blocks, masked_parts
from ropescope.measure.adapter import LazyMask, own_attention, own_mask
from ropescope.measure.rowmask import row_mask

_TABLE_STEP = 4096
"""Tables of angles grow by so many positions."""


class _Mask(LazyMask):
    def contiguous(self) -> Any:
        """What `generate` asks for where it hands a whole mask to a compiled pass; older releases ask for `ndim`."""
        raise ExtendError(
            "A compiled static cache is not for Leaky ReRoPE: leave out cache_implementation in generate."
        )

    ndim = property(contiguous)


@dataclass(frozen=True)
class FarAttention:
    """`ranges` says what is far, `rotary` is a module that makes the model's cosines and sines, `own` names the attention
    implementation that the model had."""

    ranges: Ranges
    rotary: nn.Module
    own: str | None
    tables: dict[torch.device, tuple[Tensor, Tensor]] = field(default_factory=dict, repr=False)

    def register(self) -> str:
        """Make the function and its mask known to transformers; returns the name they go by, the same for the same positions."""
        kind = type(self.rotary)  # models with the same frequencies lay out their angles in different ways
        made = f"{self.ranges} {kind.__module__} {self.rotary.inv_freq.tolist()} {self.own}"  # type: ignore[operator]
        name = f"ropescope_rerope_{hashlib.sha256(made.encode()).hexdigest()[:16]}"

        def attention(*args: Any, **kwargs: Any) -> tuple[Tensor, Any]:
            return self.attend(*args, **kwargs)

        attention.explicit_masks = True  # type: ignore[attr-defined]  # it obeys a mask that is handed to the model
        AttentionInterface.register(name, attention)
        AttentionMaskInterface.register(name, self.mask)
        return name

    def mask(self, **arguments: Any) -> LazyMask:
        """The mask function: the mask is made only if a pass stays within the trained length."""
        return _Mask(own_mask(self.own or "eager"), arguments)

    def attend(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Any,
        dropout: float = 0.0,
        scaling: float | None = None,
        **kwargs: Any,
    ) -> tuple[Tensor, Any]:
        """Shapes as transformers': query [batch, heads, new, dim]; returns the output [batch, new, heads, value dim]."""
        if isinstance(attention_mask, Tensor):
            places = _places(query, key, kwargs.get("position_ids"))
            if int(places.max()) < self.ranges.trained:
                return self._own(module, query, key, value, attention_mask, dropout, scaling, kwargs)
            return self._masked(module, query, key, value, attention_mask, places, scaling), None
        first, padding = key.shape[2] - query.shape[2], None
        if isinstance(attention_mask, LazyMask):
            seen = attention_mask.read_by(row_mask)
            first, padding = seen.q_offset, seen.padding
        end = first + query.shape[2]
        if end <= self.ranges.trained:
            made = attention_mask.make() if isinstance(attention_mask, LazyMask) else attention_mask
            return self._own(module, query, key, value, made, dropout, scaling, kwargs)
        if dropout and module.training:
            raise ExtendError("Leaky ReRoPE is for reading, not for training: its attention has no dropout.")
        key, value = key[:, :, :end], value[:, :, :end]  # a static cache has room behind them
        padding = None if padding is None else padding[:, :end]
        queries = torch.arange(first, end, device=query.device)
        reach = max(1, end - self.ranges.near)
        far = (
            self.turned(module, query, self.ranges.turn(queries - self.ranges.near)),
            _turn(module, key[:, :, :reach], self._key_tables(reach, key.device)),
        )
        output = query.new_empty(*query.shape[:3], value.shape[-1])
        scale = query.shape[-1] ** -0.5 if scaling is None else float(scaling)
        for rows, parts in causal_blocks(self.ranges, first, end - first, padding=padding, device=query.device):
            output[:, :, rows] = _attend(query, key, value, far, rows, parts, scale)
        return output.transpose(1, 2).contiguous(), None

    def turned(self, module: nn.Module, states: Tensor, positions: Tensor) -> Tensor:
        """`states` [batch, heads, tokens, dim] turned on by `positions` [tokens] (any numbers), by the model's own code."""
        return _turn(module, states, self._angles(positions))

    def _angles(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        # Tables that are kept may be read where gradients are wanted, which inference mode would not let them be.
        with torch.inference_mode(False), torch.no_grad():
            cos, sin = self.rotary.to(positions.device)(
                torch.empty(0, device=positions.device), positions.clone()[None]
            )
        return cos, sin

    def _key_tables(self, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Cosines and sines by which the first `count` keys are turned on; made once for all layers and tokens."""
        if device not in self.tables or self.tables[device][0].shape[1] < count:
            places = torch.arange(-(-count // _TABLE_STEP) * _TABLE_STEP, device=device)
            self.tables[device] = self._angles(self.ranges.turn(places))
        cos, sin = self.tables[device]
        return cos[:, :count], sin[:, :count]

    def _masked(
        self, module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor, places: Tensor,
        scaling: float | None,
    ) -> Tensor:  # fmt: skip
        """Under a mask that was handed to the model: the new tokens stand at `places`, those before in a row."""
        mask = mask[..., : key.shape[2]]
        visible = mask if mask.dtype == torch.bool else mask > torch.finfo(mask.dtype).min / 2
        before = torch.arange(key.shape[2] - len(places), device=places.device)
        keys = torch.cat([before, places])
        parts = masked_parts(self.ranges, visible, places, keys)
        far = (
            self.turned(module, query, self.ranges.turn(places - self.ranges.near)),
            self.turned(module, key, self.ranges.turn(keys)),
        )
        scale = query.shape[-1] ** -0.5 if scaling is None else float(scaling)
        output = _attend(query, key, value, far, slice(0, query.shape[2]), parts, scale)
        return output.transpose(1, 2).contiguous()

    def _own(
        self, module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Any, dropout: float,
        scaling: float | None, kwargs: dict[str, Any],
    ) -> tuple[Tensor, Any]:  # fmt: skip
        own = own_attention(module, self.own or "eager")
        found: tuple[Tensor, Any] = own(module, query, key, value, mask, dropout=dropout, scaling=scaling, **kwargs)
        return found


def _places(query: Tensor, key: Tensor, given: Tensor | None) -> Tensor:
    """[new tokens] where they stand under a mask that was handed to the model."""
    if given is None:
        return torch.arange(key.shape[2] - query.shape[2], key.shape[2], device=query.device)
    if not bool((given == given[:1]).all()):
        raise ExtendError("Under a mask of your own, Leaky ReRoPE takes rows that stand at the same positions only.")
    return given[0]


def _turn(module: nn.Module, states: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    apply = getattr(sys.modules[type(module).__module__], "apply_rotary_pos_emb", None)
    if apply is None:
        raise ExtendError(f"{type(module).__name__} turns its keys in a way that ropescope does not know.")
    cos, sin = angles
    plain = states.float()
    # Some models slice the dimensions that turn before their function, some in it.
    rotary, rest = plain[..., : cos.shape[-1]], plain[..., cos.shape[-1] :]
    moved = _turn_halves(rotary, cos, sin) if _turns_halves(apply) else apply(rotary, rotary[:, :1], cos, sin)[0]
    return (torch.cat([moved, rest], dim=-1) if rest.shape[-1] else moved).to(states.dtype)


def _turn_halves(states: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """What most models' own function does, in half of the passes over memory: keys are turned for every token."""
    half = cos.shape[-1] // 2
    moved = states * cos[:, None]
    moved[..., :half].addcmul_(states[..., half:], sin[:, None, :, :half], value=-1)
    moved[..., half:].addcmul_(states[..., :half], sin[:, None, :, half:])
    return moved


@cache
def _turns_halves(apply: Callable[..., tuple[Tensor, Tensor]]) -> bool:
    """Whether a model's own function turns number i of a head with number i + d/2, as seen on a small example."""
    made = torch.Generator().manual_seed(0)
    states, angles = torch.randn(1, 2, 5, 8, generator=made), torch.randn(1, 5, 4, generator=made).repeat(1, 1, 2)
    try:
        moved, _ = apply(states, states[:, :1], angles.cos(), angles.sin())
    except (RuntimeError, TypeError, ValueError):
        return False
    return moved.shape == states.shape and torch.allclose(
        moved, _turn_halves(states, angles.cos(), angles.sin()), atol=1e-5
    )


def _attend(
    query: Tensor, key: Tensor, value: Tensor, far: tuple[Tensor, Tensor], rows: slice, parts: list[Part], scale: float
) -> Tensor:
    """The output [batch, heads, rows, value dim] over all parts."""
    whole: Summed | None = None
    for part in parts:
        queries, keys = far if part.far else (query, key)
        summed = attend_part(
            queries[:, :, rows], keys[:, :, part.keys], value[:, :, part.keys], part.visible, scale
        )  # fmt: skip
        whole = summed if whole is None else put_together(whole, summed)
    assert whole is not None
    return whole[0]
