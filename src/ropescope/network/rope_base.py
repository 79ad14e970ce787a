"""Run a loaded model at another RoPE base θ, and put it back as it was."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch import nn

from ropescope.errors import DomainError, MeasurementError
from ropescope.network.loading.transformers_messages import quiet_transformers
from ropescope.network.loading.weights import Weights
from ropescope.network.rotary import rotary_modules


@contextmanager
def at_rope_base(weights: Weights, theta: float) -> Iterator[Weights]:
    """Within the context, the network of `weights` turns its queries and keys with the base `theta`.

    Yields the same weights under another name: their fingerprint and their model's layers say the new base. The rotary
    modules are built anew from the config with that base, so scaling rules and partial rotation stay as they were; on
    exit, also by an exception, the old modules are back. Raises DomainError for θ ≤ 1, MeasurementError for a model
    without RoPE, with several bases, or whose rotary positions are not computed from its config.
    """
    if not theta > 1:
        raise DomainError(f"theta = {theta!r} is no RoPE base: give a number above 1.")
    model = weights.model
    if len(model.rope_thetas) != 1:
        found = ", ".join(f"{base:g}" for base in model.rope_thetas)
        has = f"the RoPE bases {found}" if found else f"{model.position_words} and no RoPE base"
        raise MeasurementError(f"{model.name} has {has}: another base can be set only for a model that has one.")
    places = rotary_modules(weights.network)
    if not places:
        raise MeasurementError(
            f"{model.name} ({model.model_type}) does not take its rotary positions from its config in transformers, so "
            "their base cannot be changed."
        )
    before = [(parent, name, getattr(parent, name)) for parent, name in places]
    try:
        with quiet_transformers():
            for parent, name, old in before:
                setattr(parent, name, _with_base(old, theta))
        yield replace(
            weights,
            fingerprint=f"{weights.fingerprint}, rope_theta={theta!r}",
            model=replace(
                model,
                layers=tuple(
                    layer if layer.rope is None else replace(layer, rope=replace(layer.rope, theta=float(theta)))
                    for layer in model.layers
                ),
            ),
        )
    finally:
        for parent, name, old in before:
            setattr(parent, name, old)


def _with_base(rotary: nn.Module, theta: float) -> nn.Module:
    config: Any = copy.deepcopy(rotary.config)
    config.rope_parameters = _replaced(config.rope_parameters, theta)
    device = next(rotary.buffers()).device
    return type(rotary)(config).to(device).train(rotary.training)


def _replaced(parameters: Mapping[str, Any], theta: float) -> dict[str, Any]:
    """The rope parameters of a config with another base; models with several kinds of layers nest them by kind."""
    changed = {
        name: _replaced(value, theta) if isinstance(value, Mapping) else value for name, value in parameters.items()
    }
    if "rope_theta" in changed:
        changed["rope_theta"] = float(theta)
    return changed
