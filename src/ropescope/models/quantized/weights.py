"""The bytes of quantised weights where no weight file tells them: module by module, from the config."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ropescope.errors import FormatError
from ropescope.models.model import Model
from ropescope.models.parameters import Weights
from ropescope.models.quantization import quantization_config
from ropescope.models.quantized.formats import Format
from ropescope.models.quantized.matrices import Matrix, matrices
from ropescope.models.quantized.methods import scheme_of
from ropescope.models.quantized.scheme import LAYERS, Scheme

BYTES_OF: Final[Mapping[str, int]] = {"float32": 4, "float64": 8}
"""Types of a model that are not held in 16 bits."""

UNNAMED: Final = 0.02
"""A part of which so large a share is not listed as matrices has some whose names are not known here."""


def with_quantised_weights(model: Model) -> Model:
    """`model` with the bytes that its quantisation gives its parameters, where no file told them."""
    if model.weights is not None or model.parameters is None or model.quantization is None:
        return model
    scheme = scheme_of(quantization_config(model.config))
    if scheme is None:
        return model
    return replace(
        model, quantization=replace(model.quantization, weights=_weights(model, model.parameters.parts, scheme))
    )


def _weights(model: Model, parts: Mapping[str, int], scheme: Scheme) -> Weights:
    width = BYTES_OF.get(model.dtype, 2)
    listed, why = _listed(model)
    held: Counter[str] = Counter()
    numbers: Counter[str] = Counter()
    by_type: Counter[str] = Counter()
    for matrix in listed:
        form, kept = scheme.split(matrix)
        size = matrix.rows * matrix.columns
        quantised = 0 if form is None else matrix.times - kept
        packed = quantised * form.n_bytes(matrix.rows, matrix.columns) if form is not None else 0
        held[matrix.part] += packed + (matrix.times - quantised) * size * width
        numbers[matrix.part] += matrix.times * size
        by_type["quantised"] += packed
    lacks = list(scheme.finish(len(model.layers)))
    unnamed: list[str] = []
    for part, total in parts.items():
        rest = total - numbers[part]
        if part in scheme.parts and part != "output" and not -UNNAMED * total <= rest <= UNNAMED * total:
            unnamed += [part] if part in LAYERS else []
            held[part] = _of_unnamed(model, scheme.default, total, width)
            by_type["quantised"] += held[part]
        else:
            held[part] += max(rest, 0) * width
    named = (entry for names in (scheme.keep, *(names for names, _ in scheme.special)) for entry in names.entries)
    if unnamed and any("experts" not in entry for entry in named):  # a list may mean them
        lacks.append(f"the names of the modules of its {' and '.join(unnamed)}{why}")
    if not parts:
        lacks.append("which parameters are matrices of the layers")
    total = held.total()
    by_type["16 bits" if width == 2 else f"{8 * width} bits"] = max(total - by_type["quantised"], 0)
    method = model.quantization.method if model.quantization is not None else ""
    return Weights(
        total,
        {name: n for name, n in by_type.most_common() if n},
        0,
        f"config: {method}, module by module",
        {part: n for part, n in held.most_common() if n},
        tuple(lacks),
    )


def _listed(model: Model) -> tuple[list[Matrix], str]:
    try:
        return list(matrices(model)), ""
    except FormatError as error:
        return [], f" ({error})"


def _of_unnamed(model: Model, form: Format | None, n: int, width: int) -> int:
    """Parameters of matrices whose shapes are not known, as if each read the model's width."""
    columns = model.hidden_size or 4096
    return n * width if form is None else form.n_bytes(-(-n // columns), columns)
