"""The blocks in which weights share a scale: what a quantised checkpoint cannot be cut through."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.splits.linear_layers import LinearLayer
from ropescope.checks.serving.weights.precisions import STORED
from ropescope.errors import FormatError
from ropescope.models.model import Model
from ropescope.models.quantization import quantization_config
from ropescope.models.quantized.formats import Format
from ropescope.models.quantized.matrices import Matrix, matrices
from ropescope.models.quantized.methods import scheme_of

SMALLEST_GROUP: Final = 32
"""The smallest group into which moe_wna16.py halves those of experts: AWQ in both engines, GPTQ in vLLM (SGLang's
GPTQMarlinMoEMethod has no such way out)."""

_MADE: Final = {"awq": 128, "gptq": 128, "nvfp4": 16, "mxfp8": 32}
"""Groups of the precisions that a user may ask for, as `precisions.BLOCK_FORMATS` counts them."""
_GROUPED: Final = frozenset({"awq", "gptq", "gptq_marlin", "awq_marlin", "auto_awq", "auto_gptq", "auto-round", "inc"})
_PADDED: Final = frozenset({"mxfp4"})
"""Formats whose shares both engines pad to whole blocks."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks of weights that share a scale: `rows` outputs × `columns` inputs (1 row: groups of inputs), the field that
    says so, and the size down to which engines halve those of experts (0: not at all)."""

    rows: int
    columns: int
    field: str
    finest: int = 0


def method_of(serving: Serving) -> str:
    """The quantisation of the weights in lower case, as the config names it or the precision asked for; "" for none."""
    if serving.precision != STORED:
        return serving.precision
    quantization = serving.model.quantization
    return "" if quantization is None else quantization.method.lower()


def blocks_of(serving: Serving, layer: LinearLayer) -> Blocks | None:
    """The blocks of one kind of linear layer; None where no module of it is quantised in blocks."""
    method = method_of(serving)
    halved = method in _GROUPED and not (serving.engine.name == "sglang" and method.startswith("gptq"))
    finest = SMALLEST_GROUP if layer.expert and halved else 0
    if serving.precision != STORED:
        made = _MADE.get(serving.precision)
        return None if made is None else Blocks(1, made, f"{serving.precision} groups of {made}", finest)
    if method in _PADDED:
        return None
    for matrix, form in _quantised(serving.model):
        if form.block_columns and layer.is_made_of(matrix):
            return Blocks(form.block_rows, form.block_columns, _field(serving.model, form), finest)
    return None


@lru_cache(maxsize=8)
def _quantised(model: Model) -> tuple[tuple[Matrix, Format], ...]:
    """Each shape of matrix of which some module is quantised, with how; empty where the config does not tell."""
    scheme = scheme_of(quantization_config(model.config))
    if scheme is None:
        return ()
    found: dict[tuple[object, ...], tuple[Matrix, Format]] = {}
    try:
        for matrix in matrices(model):
            form, kept = scheme.split(matrix)
            if form is not None and kept < matrix.times:
                found.setdefault((matrix.name, matrix.rows, matrix.columns, form), (matrix, form))
    except FormatError:
        return ()
    return tuple(found.values())


def _field(model: Model, form: Format) -> str:
    stated = quantization_config(model.config)
    known = ("weight_block_size", "group_size", "q_group_size", "config_groups", "quant_algo")
    name = next((name for name in known if stated.get(name)), "quantization_config")
    size = f"{form.block_rows} × {form.block_columns}" if form.block_rows > 1 else f"{form.block_columns}"
    return f"{name}{':' if name in known[3:] else ''} {size}"
