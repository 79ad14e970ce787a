"""The base as transformers builds it on the meta device, and the modules that peft itself matches in it."""

from __future__ import annotations

from typing import Any

from ropescope.checks.finetuning.matching import Targets
from ropescope.checks.finetuning.modules import Modules
from ropescope.models.counts.meta import network_on_meta
from ropescope.models.model import Model


def built(model: Model) -> tuple[Modules, Any]:
    """(the modules of the network, a function from Targets to the names that peft matches). Raises MissingExtraError without
    torch, transformers and peft, and FormatError where transformers does not build the config."""
    import peft
    import torch
    import transformers
    from transformers.pytorch_utils import Conv1D

    network, _ = network_on_meta(model.config)
    inputs, outputs = network.get_input_embeddings(), network.get_output_embeddings()
    linear, embedding, output = (dict[str, tuple[int, int]]() for _ in range(3))
    for name, module in network.named_modules():
        if module is inputs:
            embedding[name] = tuple(module.weight.shape)
        elif module is outputs:
            output[name] = tuple(module.weight.shape)
        elif isinstance(module, torch.nn.Linear | Conv1D):
            linear[name] = tuple(module.weight.shape)[:: -1 if isinstance(module, Conv1D) else 1]
    source = f"the network as transformers {transformers.__version__} builds it, matched by peft {peft.__version__}"
    return Modules(linear, embedding, output, source), lambda targets: _names(network, targets)


def _names(network: Any, targets: Targets) -> tuple[str, ...]:
    import peft
    from peft.tuners.tuners_utils import _maybe_include_all_linear_layers, check_target_module_exists

    config = peft.LoraConfig(
        target_modules=targets.modules if isinstance(targets.modules, str) else list(targets.modules),
        exclude_modules=targets.exclude if isinstance(targets.exclude, str) else list(targets.exclude) or None,
        modules_to_save=list(targets.modules_to_save) or None,
        layers_to_transform=list(targets.layers) or None,
        layers_pattern=list(targets.layers_pattern) or None,
    )
    config = _maybe_include_all_linear_layers(config, network)
    found = ((name, check_target_module_exists(config, name)) for name, _ in network.named_modules() if name)
    return tuple(name for name, holds in found if holds and type(holds).__name__ != "_ExcludedModule")
