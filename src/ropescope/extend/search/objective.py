"""What the search makes small: the loss at the target, without a worse loss than the start's there, or inside.

Every plan is scored on the same tokens of the same texts: the last of the target length, and inside the trained length the
first of all and the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from ropescope.extend.plan.rope_plan import RopePlan
from ropescope.extend.search.rerotation import Layout, layout_of, rerotated
from ropescope.extend.search.spans import BLOCKS
from ropescope.quality.intervals import Interval, paired
from ropescope.quality.loss import span_losses

ALLOWED = 0.005
"""How much worse than unchanged the loss inside may be, as a share of it; half of the 1 % that is promised, so that text
that was not searched on stays within it."""
_PENALTY = 3.0
_INSIDE = 0.1


@dataclass(frozen=True, slots=True)
class Losses:
    """Mean nats a token at the end of the target length (`target`, and in `parts` of it, text by text) and within the trained
    length (`inside`)."""

    target: float
    inside: float
    parts: tuple[float, ...] = ()

    def cost(self, start: Losses, unchanged: float) -> float:
        """What is made small. start: the losses that the search starts from; unchanged: inside, without any scaling."""
        worse_inside = max(0.0, self.inside - (1 + ALLOWED) * unchanged)
        worse_at_target = max(0.0, self.target - start.target)
        return self.target + _INSIDE * self.inside + _PENALTY * (worse_inside + worse_at_target)

    def less(self, other: Losses) -> Interval:
        """At the target, part by part, with Student's t interval over them."""
        return paired([mine - theirs for mine, theirs in zip(self.parts, other.parts, strict=True)])

    def surely_costs_less(self, start: Losses, unchanged: float) -> bool:
        """Whether what it costs less than the start is more than chance at the target gives."""
        gain, chance = start.cost(start, unchanged) - self.cost(start, unchanged), self.less(start)
        return chance.high is not None and gain > chance.high - chance.value


Row = list[list[float]]
"""Of a text, span by span: its mean loss, and for the last span that of each part."""


def whole(network: Any, plan: RopePlan, tokens: Tensor, places: Sequence[tuple[int, int]], cache: Any = None) -> Row:
    """The mean loss in each span, by a whole pass of the text under a plan; `cache` is filled where one is given."""
    with plan.applied(network):
        found = span_losses(network, tokens[: places[-1][1]], places, cache=cache)
    return row_of(found)


def row_of(spans: Sequence[Tensor]) -> Row:
    """The mean of each span, and for the last of each of its parts."""
    *others, last = (losses.double() for losses in spans)
    return [*([float(losses.mean())] for losses in others), last.reshape(BLOCKS, -1).mean(1).tolist()]


class Calibration:
    """The texts, each read once under a plan, and how another plan is scored on them."""

    def __init__(
        self, network: Any, plan: RopePlan, texts: Sequence[Tensor], places: Sequence[tuple[int, int]]
    ) -> None:
        self.network, self.plan, self.texts, self.places = network, plan, list(texts), list(places)
        self.layout: Layout | None = None
        self.caches: list[Any] = []
        self.read: list[Row] = []

    def find_layout(self, other: RopePlan | None) -> None:
        """Learn whether the keys of this network can be turned; without, every plan costs a whole pass of every text.
        other: a plan that turns keys otherwise; None: no plan will, and there is nothing to learn."""
        self.layout = "halves" if other is None else layout_of(self.network, self.texts[0], self.plan, other)

    def read_next(self) -> None:
        """Read one more text under the plan."""
        from transformers import DynamicCache

        cache = None if self.layout is None else DynamicCache()
        self.read.append(whole(self.network, self.plan, self.texts[len(self.read)], self.places, cache))
        self.caches.append(cache)

    @property
    def reading(self) -> Losses:
        """The losses of the plan that the texts were read under, by whole passes."""
        return losses_of(self.read)

    def losses(self, plan: RopePlan) -> Losses:
        """The losses of another plan, from the caches with their keys turned."""
        if self.layout is None:
            return losses_of([whole(self.network, plan, tokens, self.places) for tokens in self.texts])
        return losses_of([self._turned(plan, index) for index in range(len(self.read))])

    def _turned(self, plan: RopePlan, index: int) -> Row:
        tokens, cache, read = self.texts[index], self.caches[index], self.read[index]
        assert self.layout is not None
        first, *others = self.places
        found: list[Tensor] = []
        with plan.applied(self.network), torch.inference_mode():
            if plan.in_config:
                found = span_losses(self.network, tokens[: first[1]], [first])
            for start, end in others if plan.in_config else self.places[-1:]:
                before = rerotated(cache, self.plan, plan, self.layout, start - 1)
                found += span_losses(self.network, tokens[start - 1 : end], [(1, end - start + 1)], cache=before)
        scored = row_of(found)
        return scored if plan.in_config else [*read[:-1], *scored]  # ReRoPE changes nothing within the trained length


def losses_of(rows: Sequence[Row]) -> Losses:
    """The mean over texts; the last span is the target's, the others are inside."""
    parts = tuple(part for row in rows for part in row[-1])
    return Losses(fmean(parts), fmean(map(inside_of, (row[:-1] for row in rows))), parts)


def inside_of(row: Row) -> float:
    """The mean over spans of one text."""
    return fmean(map(fmean, row))
