"""A source in (folder, GGUF, Hub id, alias, dict), a Model out: what the files say, no opinion."""

from ropescope.models.embedded import embedded_model_path
from ropescope.models.gguf import GGUFHeader, read_header
from ropescope.models.model import Layer, Model, Rope
from ropescope.models.source import Source, resolve

__all__ = ["GGUFHeader", "Layer", "Model", "Rope", "Source", "embedded_model_path", "read_header", "resolve"]
