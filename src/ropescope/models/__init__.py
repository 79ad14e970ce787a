"""A source in (folder, GGUF, Hub id, alias, dict), a Model out: what the files say, no opinion."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.models.cache import LayerCache
    from ropescope.models.config.reading import from_config
    from ropescope.models.context import Context
    from ropescope.models.counts.meta import count_on_meta
    from ropescope.models.counts.parameters import count_parameters
    from ropescope.models.datasets import fetch_dataset
    from ropescope.models.embedded import embedded_model_path
    from ropescope.models.gguf.header import GGUFHeader, read_header
    from ropescope.models.gguf.model import from_gguf
    from ropescope.models.model import Experts, Latent, Layer, LayerKind, Model, Rope
    from ropescope.models.opening import open
    from ropescope.models.parameters import Parameters, Quantization, Weights
    from ropescope.models.source import Source, resolve
    from ropescope.models.text_files import read_texts
    from ropescope.models.tokenizer import Tokenizer

_HOMES = {
    "Context": "context",
    "Experts": "model",
    "GGUFHeader": "gguf.header",
    "Latent": "model",
    "Layer": "model",
    "LayerCache": "cache",
    "LayerKind": "model",
    "Model": "model",
    "Parameters": "parameters",
    "Quantization": "parameters",
    "Rope": "model",
    "Source": "source",
    "Tokenizer": "tokenizer",
    "Weights": "parameters",
    "count_on_meta": "counts.meta",
    "count_parameters": "counts.parameters",
    "embedded_model_path": "embedded",
    "fetch_dataset": "datasets",
    "from_config": "config.reading",
    "from_gguf": "gguf.model",
    "open": "opening",
    "read_header": "gguf.header",
    "read_texts": "text_files",
    "resolve": "source",
}

__all__ = [
    "Context",
    "Experts",
    "GGUFHeader",
    "Latent",
    "Layer",
    "LayerCache",
    "LayerKind",
    "Model",
    "Parameters",
    "Quantization",
    "Rope",
    "Source",
    "Tokenizer",
    "Weights",
    "count_on_meta",
    "count_parameters",
    "embedded_model_path",
    "fetch_dataset",
    "from_config",
    "from_gguf",
    "open",
    "read_header",
    "read_texts",
    "resolve",
]

__getattr__ = attributes(__name__, _HOMES)
