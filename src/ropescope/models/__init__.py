"""A source in (folder, GGUF, Hub id, alias, dict), a Model out: what the files say, no opinion."""

from typing import TYPE_CHECKING

from ropescope.lazy import attributes

if TYPE_CHECKING:
    from ropescope.models.cache import LayerCache as LayerCache
    from ropescope.models.config.reading import from_config as from_config
    from ropescope.models.context import Context as Context
    from ropescope.models.counts.meta import count_on_meta as count_on_meta
    from ropescope.models.counts.parameters import count_parameters as count_parameters
    from ropescope.models.datasets import fetch_dataset as fetch_dataset
    from ropescope.models.embedded import embedded_model_path as embedded_model_path
    from ropescope.models.gguf.header import GGUFHeader as GGUFHeader
    from ropescope.models.gguf.header import read_header as read_header
    from ropescope.models.gguf.model import from_gguf as from_gguf
    from ropescope.models.model import Experts as Experts
    from ropescope.models.model import Latent as Latent
    from ropescope.models.model import Layer as Layer
    from ropescope.models.model import LayerKind as LayerKind
    from ropescope.models.model import Model as Model
    from ropescope.models.model import Rope as Rope
    from ropescope.models.opening import open as open
    from ropescope.models.parameters import Parameters as Parameters
    from ropescope.models.parameters import Quantization as Quantization
    from ropescope.models.parameters import Weights as Weights
    from ropescope.models.source import Source as Source
    from ropescope.models.source import resolve as resolve
    from ropescope.models.text_files import read_texts as read_texts
    from ropescope.models.tokenizer import Tokenizer as Tokenizer
else:
    __getattr__, __dir__ = attributes(__name__)
