"""What lies where in a model: the bytes of weights of each layer and of the output, in the order in which engines deal them."""

from __future__ import annotations

from collections.abc import Collection

from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.splits.stages import HOLDERS
from ropescope.checks.serving.weights.precisions import WeightSize, output_apart


def slot_weights(
    serving: Serving, size: WeightSize, *, without: Collection[str] = (), experts: float = 1.0
) -> tuple[float, ...]:
    """The bytes of each layer and, last, of the output, but for the parts `without`; `experts` is the share of the experts
    that counts.

    llama.cpp keeps the token embedding in system memory and, where it is the output as well, a copy on the output's device;
    transformers has it on the device of the first layer. Experts that `cpu_moe_layers` keeps off the devices are left out.
    """
    model = serving.model
    n, parts = len(model.layers), {} if model.parameters is None else model.parameters.parts
    known = {name: size.of(name, count) for name, count in parts.items()}
    embedding, apart = known.pop("embedding", 0.0), output_apart(model)
    output = known.pop("output", size.of("output", parts.get("embedding", 0))) if apart else 0.0
    slots = [max(size.n_bytes - sum(known.values()) - embedding - output, 0.0) / max(n, 1)] * n + [output]
    if "embedding" not in without and not (apart and serving.embedding_in_system_memory):
        slots[-1 if serving.embedding_in_system_memory else 0] += embedding
    for name, n_bytes in known.items():
        if name in without:
            continue
        if name in ("vision", "prediction"):
            slots[0 if name == "vision" else -1] += n_bytes
            continue
        has = HOLDERS.get(name)
        holders = [place for place, layer in enumerate(model.layers) if has is None or has(layer)] or list(range(n))
        for place in holders:
            if name != "experts":
                slots[place] += n_bytes / len(holders)
            elif place >= serving.cpu_moe_layers:
                slots[place] += experts * n_bytes / len(holders)
    return tuple(slots)
