"""What a draft costs beside its target: a step of it over one of the target, and the memory of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ropescope.checks.serving.inputs import read_serving
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.speed.roofline import compute_bound_batch, decode
from ropescope.checks.serving.weights.precisions import weight_size
from ropescope.checks.speed import SpeedInputs, require_bandwidth
from ropescope.errors import DomainError, RopescopeError
from ropescope.models.model import Model
from ropescope.report.report import Basis

CONTEXT: Final = 4096
"""Tokens in each cache where none are asked for."""
_ANY_DEVICE: Final = {"gpu": "100TB", "bandwidth": 1000.0}
"""Where both models wait for memory alone, the ratio of their steps is that of the bytes they read, on any device."""


@dataclass(frozen=True, slots=True)
class CostRatio:
    """`value` is a step of the draft over one of the target (None: not known, `source` says why). From `bound` positions in
    one pass on the target is bound by compute, where known: beyond it checking a draft is no longer free."""

    value: float | None
    basis: Basis
    source: str
    bound: int | None = None


def cost_ratio(target: Model, draft: Model, gpu: str | None, context: int) -> CostRatio:
    """The ratio on a device at one sequence, or without one that of the bytes read. Raises DomainError for a `gpu` that is not
    known."""
    if gpu is not None:
        require_bandwidth(gpu, None)
    try:
        ours, theirs = (_serving(model, gpu, context) for model in (target, draft))
        steps = [decode(one, 1).seconds for one in (theirs, ours)]
        bound = None if gpu is None else compute_bound_batch(ours)
    except RopescopeError as error:
        return CostRatio(None, "formula", str(error))
    where = (
        f"ceiling of a step on {ours.device.name}, one sequence" if gpu else "bytes that a step reads, on any device"
    )
    return CostRatio(steps[0] / steps[1], "formula", f"{where}, {context:,} tokens in the cache", bound)


def _serving(model: Model, gpu: str | None, context: int) -> Serving:
    asked = {"gpu": gpu} if gpu is not None else _ANY_DEVICE
    inputs = SpeedInputs(source=model.source.spelled, context=context, **asked)
    return read_serving(model, inputs, needs_bandwidth=True)


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of weights and of the cache of one sequence."""

    weights: int
    cache: int

    @property
    def total(self) -> int:
        """Both."""
        return self.weights + self.cache


def memory(model: Model, context: int) -> Memory | None:
    """What a model holds for one sequence; None where its parameters are not known."""
    try:
        return Memory(weight_size(model, "stored").n_bytes, model.cache_bytes(context))
    except DomainError:
        return None
