"""A source in (folder, GGUF, Hub id, alias, dict), a Model out: what the files say, no opinion."""

from ropescope.models.config import from_config
from ropescope.models.datasets import fetch_dataset, read_texts
from ropescope.models.embedded import embedded_model_path
from ropescope.models.gguf import GGUFHeader, read_header
from ropescope.models.gguf_model import from_gguf
from ropescope.models.model import Layer, LayerKind, Model, Rope
from ropescope.models.opening import open
from ropescope.models.source import Source, resolve

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
