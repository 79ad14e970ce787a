"""A source in (folder, GGUF, Hub id, alias, dict), a Model out: what the files say, no opinion."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.models.config import from_config
    from ropescope.models.datasets import fetch_dataset, read_texts
    from ropescope.models.embedded import embedded_model_path
    from ropescope.models.gguf import GGUFHeader, read_header
    from ropescope.models.gguf_model import from_gguf
    from ropescope.models.model import Layer, LayerKind, Model, Rope
    from ropescope.models.opening import open
    from ropescope.models.source import Source, resolve

_HOMES = {
    "GGUFHeader": "gguf",
    "Layer": "model",
    "LayerKind": "model",
    "Model": "model",
    "Rope": "model",
    "Source": "source",
    "embedded_model_path": "embedded",
    "fetch_dataset": "datasets",
    "from_config": "config",
    "from_gguf": "gguf_model",
    "open": "opening",
    "read_header": "gguf",
    "read_texts": "datasets",
    "resolve": "source",
}

__all__ = [
    "GGUFHeader",
    "Layer",
    "LayerKind",
    "Model",
    "Rope",
    "Source",
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
