"""A RopePlan on a loaded transformers network, and the network as it was before.

The network gets what it would have, had transformers loaded the emitted config: its own config object says the new
positions, its rotary modules are built anew from it, and every number that a module took from the config when it was built
(the softmax scale of DeepSeek's attention grows with YaRN's factor) becomes what a network built from the new config has.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from ropescope.errors import ExtendError
from ropescope.extend.apply.positions import Positions
from ropescope.extend.apply.undo import Undo
from ropescope.models.config.rope_fields import SCALING_FIELDS
from ropescope.network.loading.transformers_messages import quiet_transformers
from ropescope.network.rotary import rotary_modules
from ropescope.network.softcap import require_softcap

_CONFIG_FIELDS = ("rope_parameters", "max_position_embeddings", "original_max_position_embeddings")


def apply_plan(plan: Positions, network: nn.Module) -> Undo:
    """Change the positions of `network` in place; returns how to undo it. Raises ExtendError, with the network as
    it was, if the plan is not one for this network, transformers refuses its settings, or its attention drops its soft-cap."""
    network = _unwrapped(network)
    config = _text_config(network)
    _check_fit(plan, network, config)
    require_softcap(network, ExtendError)
    undo = Undo()
    if not plan.in_config:
        from ropescope.extend.apply.rerope.attaching import attach

        (parent, name), *_ = _text_rotaries(network, config)
        attach(plan, network, config, getattr(parent, name), undo)
        return undo
    try:
        with quiet_transformers():
            planned = planned_config(plan, config)
            old, new = _empty(network, config), _empty(network, planned)
            numbers = list(_changed_numbers(network, old, new))
            for name in _CONFIG_FIELDS:
                if hasattr(planned, name) and hasattr(config, name):
                    undo.change(config, name, getattr(planned, name))
            changed = [_replace(rotary, network, config, new, undo) for rotary in _text_rotaries(network, config)]
        for module, name, value in numbers:
            undo.change(module, name, value)
        if plan.changes and not any(changed) and any(entry.before != entry.after for entry in plan.layer_types):
            raise ExtendError(f"The RoPE of {plan.model_type} does not follow its config, so no plan can change it.")
    except BaseException:
        undo.restore()
        raise
    return undo


def _replace(rotary: tuple[nn.Module, str], network: nn.Module, config: Any, new: nn.Module, undo: Undo) -> bool:
    """Put a rotary module of the planned config in the place of the old one; returns whether it differs."""
    parent, name = rotary
    was: Any = getattr(parent, name)
    path = next(path for path, module in network.named_modules() if module is parent)
    # Most share the network's config, which says the new positions by now; some keep a copy with a base of their own.
    source = config if was.config is config else getattr(new.get_submodule(path), name).config
    device = next(was.buffers()).device
    now = type(was)(source).to(device).train(was.training)
    undo.change(parent, name, now)
    theirs = dict(now.named_buffers())
    same = all(torch.equal(value, theirs[key]) for key, value in was.named_buffers() if key in theirs)
    plain = [
        {key: value for key, value in vars(module).items() if isinstance(value, str | float | dict)}
        for module in (was, now)
    ]
    return not same or any(
        value != plain[1].get(key)
        for key, value in plain[0].items()
        if key.endswith(("rope_type", "attention_scaling"))
    )


def planned_config(plan: Positions, config: Any) -> Any:
    """A copy of a text config as transformers makes it of a config.json with the emitted settings. Raises ExtendError."""
    stated = config.to_dict()
    own = getattr(config, "rope_parameters", None) or {}
    by_type = [entry for entry in plan.layer_types if entry.layer_type]
    if by_type and not any(isinstance(own.get(entry.layer_type), Mapping) for entry in by_type):
        raise ExtendError(
            f"The plan sets RoPE per layer type, and {plan.model_type} has one RoPE for all layers: make a plan for this "
            "model."
        )
    if not plan.changes:
        parameters = copy.deepcopy(own)
    elif by_type:
        found = {entry.layer_type: _merged(own.get(entry.layer_type), entry.parameters) for entry in by_type}
        parameters = {**copy.deepcopy(own), **found}
    else:
        parameters = _merged(own, plan.layer_types[0].parameters)
    stated |= {"rope_parameters": parameters, "max_position_embeddings": plan.max_position_embeddings}
    original = plan.rope_parameters.get("original_max_position_embeddings")
    if original is not None and hasattr(config, "original_max_position_embeddings"):
        stated["original_max_position_embeddings"] = original
    try:
        return type(config).from_dict(stated)
    except (ValueError, KeyError, TypeError) as error:
        cause = " ".join(str(error).split())
        raise ExtendError(f"transformers refuses this RoPE scaling for {plan.model_type} ({cause}).") from error


def _unwrapped(network: nn.Module) -> nn.Module:
    """The network that transformers made, inside what torch.compile or an adapter library put around it."""
    inner = getattr(network, "_orig_mod", network)
    base = getattr(inner, "get_base_model", None)
    return base() if callable(base) else inner


def _merged(own: Mapping[str, Any] | None, planned: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in (own or {}).items() if name not in SCALING_FIELDS}
    return copy.deepcopy({**kept, **planned})


def _text_config(network: nn.Module) -> Any:
    config = getattr(network, "config", None)
    if config is None or not hasattr(config, "get_text_config"):
        raise ExtendError("This object has no config: apply a plan to a model as transformers loads it.")
    return config.get_text_config(decoder=True)


def _check_fit(plan: Positions, network: nn.Module, config: Any) -> None:
    if not _text_rotaries(network, config):
        raise ExtendError(
            f"{plan.model} ({config.model_type}) does not read its RoPE from its config in transformers, so no plan can "
            "change it."
        )
    layers = [layer for entry in plan.layer_types for layer in entry.layers]
    here = getattr(config, "num_hidden_layers", None)
    if _plain(config.model_type) != _plain(plan.model_type) or (isinstance(here, int) and max(layers) >= here):
        raise ExtendError(
            f"The plan is for {plan.model} ({plan.model_type}); this network is a {config.model_type} with {here} layers."
        )


def _plain(model_type: str) -> str:
    """A model type as a config and a GGUF file have it in common: gemma3 and gemma3_text."""
    return model_type.lower().replace("-", "_").removesuffix("_text")


def _text_rotaries(network: nn.Module, config: Any) -> list[tuple[nn.Module, str]]:
    return [
        (parent, name)
        for parent, name in rotary_modules(network)
        if type(getattr(getattr(parent, name), "config", None)) is type(config)
    ]


def _changed_numbers(network: nn.Module, old: nn.Module, new: nn.Module) -> Iterator[tuple[nn.Module, str, Any]]:
    """(module, attribute, value) for the plain numbers that `new` has otherwise than `old`: two networks without weights,
    built from the planned config and from the present one."""
    modules = dict(network.named_modules())
    rotary = {id(getattr(parent, name)) for parent, name in rotary_modules(network)}
    for (path, was), (_, will) in zip(old.named_modules(), new.named_modules(), strict=True):
        module = modules.get(path)
        if module is None or id(module) in rotary:
            continue
        for name, value in vars(will).items():
            if type(value) in (int, float) and vars(was).get(name) != value and name in vars(module):
                yield module, name, value


def _empty(network: nn.Module, text_config: Any) -> nn.Module:
    """A network of the same class with that text config, without memory for its weights."""
    config: Any = network.config
    if config.get_text_config(decoder=True) is config:
        config = copy.deepcopy(text_config)
    else:
        config = copy.deepcopy(config)
        name = next(name for name, part in vars(config).items() if type(part) is type(text_config))
        setattr(config, name, copy.deepcopy(text_config))
    config._attn_implementation = "eager"
    config.get_text_config(decoder=True).dtype = network.dtype  # a word in some configs, which not every module takes
    build: Any = type(network)
    with torch.device("meta"):
        built: nn.Module = build(config)
    return built
