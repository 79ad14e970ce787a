"""The ways in which devices could share a model: of the same devices, and of another number of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from ropescope.checks.serving.parallel import Parallel
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.splits.rules import tensor_splits

COUNTS: Final = (1, 2, 4, 8, 16)
"""Numbers of devices that are usual."""


def counts(serving: Serving) -> tuple[int, ...]:
    """Numbers of devices worth trying: the usual ones, and what else this model's shapes allow; one CPU, and of unequal
    devices all."""
    if serving.device.vendor == "cpu":
        return (1,)
    if serving.unequal:
        return (serving.count,)
    allowed = () if serving.engine.split == "layers" else tensor_splits(serving, max(COUNTS))
    return tuple(sorted({*COUNTS, *allowed}))


def with_count(serving: Serving, count: int) -> Serving:
    """The same on so many devices, shared in the engine's own way; on the number asked, as asked."""
    return serving if count == serving.count else replace(serving, count=count, parallel=None)


def each_alone(serving: Serving) -> Iterator[Serving]:
    """The same on each kind of several unequal devices alone, the smallest first; none where they are alike."""
    for device in sorted(dict.fromkeys(serving.unequal), key=lambda one: one.memory_bytes):
        yield replace(serving, device=device, count=1, unequal=(), parallel=None)


def other_ways(serving: Serving) -> Iterator[Serving]:
    """The other ways in which the same devices could share the model, plainest first; none where layers are dealt out."""
    if serving.count == 1 or serving.engine.split == "layers":
        return
    model = serving.model
    has_experts = any(layer.experts is not None for layer in model.layers)
    latent = any(layer.latent is not None for layer in model.layers)
    for found in _ways(serving.count, serving.split.nodes, has_experts, latent):
        if found != serving.split:
            yield replace(serving, parallel=found)


def price(split: Parallel) -> str:
    """What a split costs that is not the plain one."""
    return "latency: stages work in turn" if split.pipeline > 1 else "balance: devices wait for the busiest experts"


def _ways(count: int, nodes: int, has_experts: bool, latent: bool) -> Iterator[Parallel]:
    """The ways in which `count` devices in `nodes` machines can share a model, plainest first: tensors; whole experts;
    copies of the attention (most copies first where each device would hold all latents); then stages."""
    sizes = [size for size in range(1, count + 1) if count % size == 0]
    yield Parallel(count, nodes=nodes)
    if has_experts:
        yield Parallel(count, experts=True, nodes=nodes)
        for copies in sorted(sizes[1:], reverse=latent):
            yield Parallel(count // copies, copies, experts=True, nodes=nodes)
    for stages in sizes[1:]:
        yield Parallel(count // stages, 1, stages, nodes=nodes)
        if has_experts and stages < count:
            yield Parallel(count // stages, 1, stages, True, nodes)
