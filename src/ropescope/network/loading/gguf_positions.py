"""The rotary scaling that a GGUF file states, on the network that transformers made of it.

transformers reads the base of a GGUF file and not what scales it: neither the keys `rope.scaling.*` nor the factors of each
pair that a file of Llama 3.1 holds as a tensor. llama.cpp serves both, so that is what is to be measured.
"""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Any

from ropescope.errors import FormatError
from ropescope.models.gguf.header import read_header
from ropescope.models.gguf.model import FACTORS
from ropescope.models.model import Model, Rope

_ATTENTION = "rope.scaling.attn_factor"


def scale_as_stated(network: Any, model: Model, path: Path) -> None:
    """Give `network` the scaling that `model` was read with from the GGUF file at `path`, if transformers left it out.

    Networks with several kinds of rotary positions, or whose positions do not follow their config, stay as they are. Raises
    FormatError for factors that cannot be.
    """
    from ropescope.network.rotary import rotary_modules

    ropes = {layer.rope for layer in model.layers if layer.rope is not None}
    config = network.config.get_text_config()
    own = getattr(config, "rope_parameters", None) or {}
    if len(ropes) != 1 or own.get("rope_type") != "default":
        return
    (rope,) = ropes
    places = rotary_modules(network)
    if not places:
        return
    stated = _stated(rope, getattr(*places[0]).inv_freq.numel(), model, path)
    if stated is None:
        return
    config.rope_parameters = {**own, **stated}
    for parent, name in places:
        was: Any = getattr(parent, name)
        setattr(parent, name, type(was)(was.config).to(next(was.buffers()).device).train(was.training))


def _stated(rope: Rope, n_pairs: int, model: Model, path: Path) -> dict[str, Any] | None:
    """The entry of `rope_parameters` for what the file says beside its base; None for nothing."""
    trained = model.context.configured or 1
    if rope.scaling is not None:
        return {"original_max_position_embeddings": trained, **rope.scaling}
    factors = _factors(path)
    if factors is None:
        return None
    attention = model.config.get(f"{model.config.get('general.architecture')}.{_ATTENTION}", 1.0)
    if not isinstance(attention, int | float) or not 0 < attention < 100 or len(factors) != n_pairs:
        raise FormatError(
            f"{path.name} has {len(factors)} factors for {n_pairs} rotary pairs, and an attention factor of {attention!r}: convert "
            "it again."
        )
    return {
        "rope_type": "longrope",
        "factor": 1.0,
        "attention_factor": float(attention),
        "short_factor": factors,
        "long_factor": factors,
        "original_max_position_embeddings": trained,
    }


def _factors(path: Path) -> list[float] | None:
    if all(tensor.name != FACTORS for tensor in read_header(path).tensors):
        return None
    from gguf import GGUFReader

    (held,) = (tensor for tensor in GGUFReader(path).tensors if tensor.name == FACTORS)
    values = [float(value) for value in held.data.reshape(-1)]
    if not all(isfinite(value) and value > 0 for value in values):
        raise FormatError(
            f"{FACTORS} of {path.name} divides frequencies by what is no number above 0: convert it again."
        )
    return values
