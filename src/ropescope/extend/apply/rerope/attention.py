"""The attention function and the mask that transformers calls on a network that reads far keys at slower distances.

Keys are cached as ever, turned by their positions: what is read far is turned on from there. So nothing is to be read again
when a text grows beyond the trained length, and up to there the model's own attention runs, to the bit.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import causal_mask_function

from ropescope.errors import ExtendError
from ropescope.extend.apply.rerope.kernel import Summed, attend_part, put_together
from ropescope.extend.apply.rerope.ranges import Part, Ranges, causal_blocks, masked_parts
from ropescope.network.adapter import AttentionCall, LazyMask, own_attention, own_mask
from ropescope.network.rowmask import row_mask

_TABLE_STEP = 4096
"""Tables of angles grow by so many positions."""
_PACKED = (
    "Leaky ReRoPE supports causal attention with padding only: unpack texts that share a row, and remove masks "
    "that show later tokens."
)
_ONE_TOO_FAR = (
    f"transformers {transformers.__version__} miscounts positions by one after prefill_chunk_size, so later tokens "
    "would be rotated wrongly: remove prefill_chunk_size from generate, or install transformers 5.23."
)


class _Mask(LazyMask):
    def contiguous(self) -> Any:
        """What `generate` asks for where it hands a whole mask to a compiled pass; older releases ask for `ndim`."""
        raise ExtendError(
            "Leaky ReRoPE does not support a compiled static cache: remove cache_implementation from generate."
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
        attention.bypassed, attention.exact_to = self.bypassed, self.ranges.trained_length  # type: ignore[attr-defined]
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
            if int(places.max()) < self.ranges.trained_length:
                return self._own(module, query, key, value, attention_mask, dropout, scaling, kwargs)
            return self._masked(module, query, key, value, attention_mask, places, scaling), None
        first, padding = _first(query, key, attention_mask)
        end = first + query.shape[2]
        if end > key.shape[2]:
            raise ExtendError(_ONE_TOO_FAR)
        offsets = _offsets(end, padding, kwargs.get("position_ids"), query.shape[0])
        if end + int(offsets.max()) <= self.ranges.trained_length:
            made = attention_mask.make() if isinstance(attention_mask, LazyMask) else attention_mask
            return self._own(module, query, key, value, made, dropout, scaling, kwargs)
        if dropout and module.training:
            raise ExtendError("Leaky ReRoPE has no dropout: call model.eval() first, and do not train with it.")
        key, value = key[:, :, :end], value[:, :, :end]  # a static cache has room behind them
        padding = None if padding is None else padding[:, :end]
        queries = torch.arange(first, end, device=query.device)
        reach = max(1, end - self.ranges.near_tokens)
        # Turning by places in the batch is as good as by a row's own: only their differences tell.
        far = (
            self.turned(module, query, self.ranges.turn(queries - self.ranges.near_tokens)),
            _turn(module, key[:, :, :reach], self._key_tables(reach, key.device)),
        )
        output = query.new_empty(*query.shape[:3], value.shape[-1])
        scale = query.shape[-1] ** -0.5 if scaling is None else float(scaling)
        for trained, of in self._alike(offsets, first, end):
            seen = padding if padding is None or len(padding) == 1 else padding[of]
            some = (query[of], key[of], value[of], (far[0][of], far[1][of]))
            found = query.new_empty(len(some[0]), *output.shape[1:])
            ranges = replace(self.ranges, trained_length=trained)
            for rows, parts in causal_blocks(ranges, first, end - first, padding=seen, device=query.device):
                found[:, :, rows] = _attend(*some, rows, parts, scale)
            output[of] = found
        return output.transpose(1, 2).contiguous(), None

    def _alike(self, offsets: Tensor, first: int, end: int) -> Iterator[tuple[int, slice | Tensor]]:
        """(the place in the batch from which queries read far, rows) of rows that are attended to together."""
        trained = (self.ranges.trained_length - offsets).clamp(first, end)
        kinds = sorted(set(trained.tolist()))
        for place in kinds:
            yield place, slice(None) if len(kinds) == 1 else torch.nonzero(trained == place)[:, 0]

    def bypassed(self, call: AttentionCall) -> None:
        """Raises ExtendError if another attention stands in the place of this one where it would read far keys."""
        mask = call.mask
        first, padding = _first(call.query, call.key, mask)
        end = first + call.query.shape[2]
        offsets = _offsets(end, padding, call.options.get("position_ids"), call.query.shape[0])
        if end + int(offsets.max()) > self.ranges.trained_length:
            raise ExtendError(
                f"Beyond {self.ranges.trained_length:,} tokens, Leaky ReRoPE cannot be combined with another attention (a "
                "planned cache, skipped blocks, attention rows, an evaluation): use another method, or one at a time."
            )

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
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor,
        places: Tensor,
        scaling: float | None,
    ) -> Tensor:
        """Under a mask that was handed to the model: the new tokens stand at `places`, those before in a row."""
        mask = mask[..., : key.shape[2]]
        visible = mask if mask.dtype == torch.bool else mask > torch.finfo(mask.dtype).min / 2
        before = torch.arange(key.shape[2] - len(places), device=places.device)
        keys = torch.cat([before, places])
        parts = masked_parts(self.ranges, visible, places, keys)
        far = (
            self.turned(module, query, self.ranges.turn(places - self.ranges.near_tokens)),
            self.turned(module, key, self.ranges.turn(keys)),
        )
        scale = query.shape[-1] ** -0.5 if scaling is None else float(scaling)
        output = _attend(query, key, value, far, slice(0, query.shape[2]), parts, scale)
        return output.transpose(1, 2).contiguous()

    def _own(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Any,
        dropout: float,
        scaling: float | None,
        kwargs: dict[str, Any],
    ) -> tuple[Tensor, Any]:
        own = own_attention(module, self.own or "eager")
        found: tuple[Tensor, Any] = own(module, query, key, value, mask, dropout=dropout, scaling=scaling, **kwargs)
        return found


def _first(query: Tensor, key: Tensor, mask: Any) -> tuple[int, Tensor | None]:
    """The place in the batch of the first new token, and [1 or batch, places] bool which places are no padding (None: all)."""
    if not isinstance(mask, LazyMask):
        return key.shape[2] - query.shape[2], None
    if mask.arguments.get("mask_function", causal_mask_function) is not causal_mask_function:
        raise ExtendError(_PACKED)
    seen = mask.read_by(row_mask)
    return seen.q_offset, seen.padding


def _offsets(end: int, padding: Tensor | None, positions: Tensor | None, batch: int) -> Tensor:
    """[batch] what to add to a place in the batch for a row's own position: less the padding on its left, or else as the
    model was told."""
    if padding is not None:
        found = -(padding[:, :end].long().cumsum(1) == 0).sum(1)
    elif positions is not None and positions.dim() == 2:
        found = positions[:, -1] - (end - 1)
        in_a_row = torch.arange(end - positions.shape[1], end, device=positions.device) + found[:, None]
        if not torch.equal(positions, in_a_row):  # a pass with a cache makes no mask of positions that begin anew
            raise ExtendError(_PACKED)
    else:
        found = torch.zeros(1, dtype=torch.long)
    return found.expand(batch).cpu()


def _places(query: Tensor, key: Tensor, given: Tensor | None) -> Tensor:
    """[new tokens] where they stand under a mask that was handed to the model."""
    if given is None:
        return torch.arange(key.shape[2] - query.shape[2], key.shape[2], device=query.device)
    if not bool((given == given[:1]).all()):
        raise ExtendError(
            "With a custom mask, Leaky ReRoPE needs the same positions in every row: run the rows one by one."
        )
    return given[0]


def _turn(module: nn.Module, states: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    apply = getattr(sys.modules[type(module).__module__], "apply_rotary_pos_emb", None)
    if apply is None:
        raise ExtendError(
            f"{type(module).__name__} rotates its keys in a way that ropescope does not know: use another method."
        )
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
        summed = attend_part(queries[:, :, rows], keys[:, :, part.keys], value[:, :, part.keys], part.visible, scale)
        whole = summed if whole is None else put_together(whole, summed)
    assert whole is not None
    return whole[0]
