"""Counting parameters by building the network on torch's meta device: every shape, no memory, no weights.

Only classes that ship with transformers are built. What a config says can neither run code of its repository, nor reach
the network, nor make the build large: widths and counts are bounded before it, modules while it goes on.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from ropescope.errors import FormatError, MissingExtraError, RopescopeError
from ropescope.models.config.encoder_decoders import is_encoder_decoder
from ropescope.models.config.fields import Fields, short, text_part
from ropescope.models.config.reading import from_config
from ropescope.models.counts.estimate import without_prediction
from ropescope.models.counts.mlps import LATENT_WIDTHS
from ropescope.models.counts.uncounted import uncounted
from ropescope.models.counts.weights import count_parts
from ropescope.models.model import Layer
from ropescope.models.parameters import Parameters

MOST_LAYERS: Final = 4096
MOST_OF_A_SIZE: Final = 1 << 24
MOST_MODULES: Final = 1 << 15
"""Modules and parameters together: a trillion-parameter model has a few thousand. As many take a second."""

MEND: Final = ": count by the estimate instead."
"""How the errors end whose mend is the other way of counting."""

_DEPTH: Final = re.compile(r"(?:^|_)(?:layers?|depth|blocks?|stages?)$")
_NO_SIZE: Final = re.compile(r"theta|base|freq|token_id|_id$|seed|limit|window")
_TABLES_IN_NUMPY: Final = frozenset({"distilbert", "flaubert", "roformer", "xlm"})
"""Model types whose code fills a table of positions in memory, whatever the device."""

_NOT_PASSED_ON: Final = re.compile(
    r"^_?_?attn_implementation|^_experts_implementation|^auto_map$|^quantization_config$|^_name_or_path$|^(?:torch_)?dtype$"
    r"|^id2label$|^label2id$|^num_labels$|^custom_pipelines$|^compression_config$|^task_specific_params$"
)
"""Fields that change no shape, and could ask for a library, a download or a long list."""

_FLOATS: Final = ("Infinity", "-Infinity", "NaN")
"""What transformers writes, as {"__float__": …}, for numbers that JSON has no word for."""

_LEARNED_BUFFER: Final = re.compile(r"(?:bias|biases|layer_scalar)$")
"""Buffers that training sets and weight files hold: the correction bias of a router."""


def count_on_meta(config: Mapping[str, Any]) -> Parameters:
    """The parameters of the network that transformers builds from `config` (the dict of config.json).

    Tied weights count once. `count` is "meta". Raises MissingExtraError without torch and transformers, FormatError
    where transformers does not know the model type or refuses the config, or where the config is out of bounds.
    """
    network, headless = network_on_meta(config)
    import torch
    import transformers

    version = transformers.__version__
    known = _fields_of(network.config.get_text_config())
    part, model_type, _ = text_part(config)
    if foreign := [name for name in LATENT_WIDTHS if part.get(name) and name not in known]:
        raise FormatError(f"transformers {version} builds {model_type} without {foreign[0]}{MEND}")
    said = ", without an output layer, which it does not build for this type alone" if headless else ""
    source = (
        f"config; the network as transformers {version} builds it on the meta device{said}{without_prediction(config)}"
    )
    layers = _layers(config)
    experts = [layer.experts for layer in layers]
    counted = count_parts(dict(_sizes(network, torch)), layers, experts, source)
    return replace(counted, count="meta", lacks=uncounted(config, known))


def network_on_meta(config: Mapping[str, Any]) -> tuple[Any, bool]:
    """(the network that transformers builds from `config` on the meta device, whether it lacks an output layer that the model
    has). Raises as `count_on_meta`."""
    refuse_excess(config)
    try:
        import torch  # noqa: F401  # what transformers builds with
        import transformers
    except ImportError as error:
        raise MissingExtraError(
            "torch and transformers are not installed: install ropescope[measure] to count by building the network."
        ) from error
    try:
        return _network(_cleaned(config))
    except RopescopeError:
        raise
    except Exception as error:
        # Whatever a config class or a network raises is transformers' verdict on the config.
        reason = " ".join(str(error).split())
        raise FormatError(
            f"transformers {transformers.__version__} does not build this config ({type(error).__name__}: "
            f"{reason[:160]}){MEND}"
        ) from error


def _fields_of(config: Any) -> frozenset[str]:
    """The fields that a config class of transformers knows, in whichever way its version states them."""
    stated = {name for cls in type(config).__mro__ for name in vars(cls).get("__annotations__", {})}
    return frozenset({*stated, *inspect.signature(type(config).__init__).parameters, *config.attribute_map})


def refuse_excess(config: Mapping[str, Any]) -> None:
    """Raise FormatError, naming the field, where a count or a width is beyond any real network."""
    for path, value in _leaves(config, "", 0):
        if isinstance(value, bool) or not isinstance(value, int):
            continue
        name = path.rsplit(".", 1)[-1]
        if _NO_SIZE.search(name):
            continue
        most = MOST_LAYERS if _DEPTH.search(name) else MOST_OF_A_SIZE
        if abs(value) > most:
            raise FormatError(f"{path} is {short(value)}: a network is built with at most {most:,} here.")
    if str(config.get("model_type")) in _TABLES_IN_NUMPY:
        positions = Fields(*text_part(config)).integer("max_position_embeddings") or 0
        if positions > 1 << 16:
            raise FormatError(f"max_position_embeddings is {positions}: this network fills a table of its positions.")


def _leaves(value: Any, path: str, level: int) -> Iterator[tuple[str, Any]]:
    if level > 8:
        raise FormatError(f"{path} is nested more than 8 levels deep: no network is built from it.")
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _leaves(entry, f"{path}.{key}" if path else str(key), level + 1)
    elif isinstance(value, list | tuple):
        if len(value) > 1 << 16:
            raise FormatError(f"{path} lists {len(value)} values: a network is built with at most {1 << 16:,}.")
        for entry in value:
            yield from _leaves(entry, path, level + 1)
    else:
        yield path, value


def _cleaned(value: Any) -> Any:
    """`value` without the fields that change no shape; backbones that could be fetched are refused."""
    if isinstance(value, Mapping):
        if set(value) == {"__float__"} and value["__float__"] in _FLOATS:
            return float(value["__float__"])
        if value.get("use_pretrained_backbone") or value.get("model_type") in ("timm_backbone", "timm_wrapper"):
            raise FormatError(f"the config asks for a backbone from another library{MEND}")
        return {str(key): _cleaned(entry) for key, entry in value.items() if not _NOT_PASSED_ON.search(str(key))}
    return [_cleaned(entry) for entry in value] if isinstance(value, list | tuple) else value


def _network(config: dict[str, Any]) -> tuple[Any, bool]:
    """(the network on the meta device, whether it lacks an output layer that the model has)."""
    import torch
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING
    from transformers.utils import logging

    model_type = config.get("model_type")
    if not isinstance(model_type, str) or model_type not in CONFIG_MAPPING:
        import transformers

        raise FormatError(f"transformers {transformers.__version__} has no model type {short(model_type)}{MEND}")
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        built = CONFIG_MAPPING[model_type].from_dict(config)
        cls, headless = _network_class(built, config.get("architectures"))
        with torch.device("meta"), _no_initialisation(), _no_kernels(), _few_modules():
            network = cls(built)
        network.tie_weights()
        return network, headless
    finally:
        logging.set_verbosity(verbosity)


def _network_class(config: Any, architectures: Any) -> tuple[Any, bool]:
    """The class that the config names, if transformers has it for this config; else the one with a language head, or
    (True beside it) where there is none the bare stack."""
    import transformers

    try:
        module = vars(importlib.import_module(type(config).__module__.replace(".configuration_", ".modeling_")))
    except ModuleNotFoundError:  # some config classes share the network of another model type
        module = {}
    for name in architectures if isinstance(architectures, list) else ():
        cls = module.get(name) if isinstance(name, str) else None
        if isinstance(cls, type) and getattr(cls, "config_class", None) is type(config):
            return cls, False
    composite = bool(getattr(config, "sub_configs", None))
    order = ["AutoModelForImageTextToText", "AutoModelForMultimodalLM", "AutoModelForCausalLM"]
    if getattr(config, "is_encoder_decoder", False):
        order = ["AutoModelForSpeechSeq2Seq", "AutoModelForSeq2SeqLM"]
    for auto in (*(order if composite else order[::-1]), "AutoModelForMaskedLM", "AutoModel"):
        mapping = getattr(getattr(transformers, auto, None), "_model_mapping", {})
        if type(config) in mapping:
            cls = mapping[type(config)]
            return cls[0] if isinstance(cls, tuple) else cls, auto == "AutoModel"
    raise FormatError(f"transformers has no network for {type(config).__name__} alone{MEND}")


@contextmanager
def _no_initialisation() -> Iterator[None]:
    try:
        from transformers.initialization import no_init_weights
    except ImportError:  # before transformers 5 it lived here
        from transformers.modeling_utils import no_init_weights
    with no_init_weights():
        yield


@contextmanager
def _no_kernels() -> Iterator[None]:
    """Where the `kernels` package is installed, some layers would fetch compiled code from the Hub when they are made."""
    from transformers.integrations import hub_kernels

    enabled = getattr(hub_kernels, "_kernels_enabled", None)
    if enabled is None:
        yield
        return
    hub_kernels._kernels_enabled = False
    try:
        yield
    finally:
        hub_kernels._kernels_enabled = enabled


@contextmanager
def _few_modules() -> Iterator[None]:
    """Stop a build that grows past MOST_MODULES, whichever field of the config makes it grow."""
    from torch.nn.modules import module

    seen = 0

    def count(*_: Any) -> None:
        nonlocal seen
        seen += 1
        if seen > MOST_MODULES:
            raise FormatError(f"the config describes a network of more than {MOST_MODULES:,} parts: mend it.")

    # Parameters as well: a list of layers is made before any of them is registered.
    handles = [
        module.register_module_module_registration_hook(count),
        module.register_module_parameter_registration_hook(count),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _sizes(network: Any, torch: Any) -> Iterator[tuple[str, int]]:
    """(name, elements) of each parameter once, and of the buffers that training sets."""
    for name, parameter in network.named_parameters():
        yield name, parameter.numel()
    for prefix, module in network.named_modules():
        for name, buffer in module.named_buffers(recurse=False):
            if name in module._non_persistent_buffers_set or not _LEARNED_BUFFER.search(name):
                continue
            if torch.is_floating_point(buffer):
                yield f"{prefix}.{name}" if prefix else name, buffer.numel()


def _layers(config: Mapping[str, Any]) -> tuple[Layer, ...]:
    if is_encoder_decoder(config):
        return ()  # two stacks, whose layers bear the same numbers
    try:
        return from_config(config).layers
    except FormatError:  # then nothing is known of kinds and experts
        return ()
