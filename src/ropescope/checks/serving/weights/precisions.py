"""Precisions: how many bytes a model's weights take in each number format, and where that figure comes from.

Formats of one width for every weight are counted from their definition: the numbers, and the scales of each block.
GGUF mixes (Q4_K_M, …) give different tensors different types, so their width is the one llama.cpp measured on
Llama-3.1-8B.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Final

from ropescope.checks.serving.devices.device import Device
from ropescope.checks.serving.weights.products import product_types
from ropescope.errors import DomainError
from ropescope.models.model import Model
from ropescope.models.parameters import Weights
from ropescope.questions.names import nearest, shown
from ropescope.report.report import Basis

STORED: Final = "stored"

PLAIN: Final[Mapping[str, int]] = {"f32": 32, "bf16": 16, "f16": 16}
_DTYPES: Final[Mapping[str, str]] = {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "": "bf16"}
_ALIASES: Final[Mapping[str, str]] = {
    "as-stored": STORED,
    "auto": STORED,
    "fp16": "f16",
    "float16": "f16",
    "half": "f16",
    "bfloat16": "bf16",
    "fp32": "f32",
    "float32": "f32",
    "int4": "gptq",
    "4bit": "nf4",
    "bnb": "nf4",
}


@dataclass(frozen=True, slots=True)
class BlockFormat:
    """A format that quantises the matrices between embedding and output, and leaves the rest in 16 bits.

    `bits` a weight with its share of the scales; `peak` is the number type its products run in; `made_of` says how
    `bits` comes about.
    """

    bits: float
    peak: str
    made_of: str


BLOCK_FORMATS: Final[Mapping[str, BlockFormat]] = {
    "fp8": BlockFormat(8.0, "fp8", "8 bits; one scale a tensor or channel, not counted"),
    "int8": BlockFormat(8.0, "int8", "8 bits; one scale a channel, not counted"),
    "mxfp8": BlockFormat(8 + 8 / 32, "fp8", "8 bits and an 8-bit scale for 32 weights"),
    "mxfp4": BlockFormat(4 + 8 / 32, "fp4", "4 bits and an 8-bit scale for 32 weights"),
    "nvfp4": BlockFormat(4 + 8 / 16, "fp4", "4 bits and an 8-bit scale for 16 weights"),
    "awq": BlockFormat(4 + (16 + 4) / 128, "bf16", "4 bits, and a 16-bit scale and 4-bit zero for 128 weights"),
    "gptq": BlockFormat(4 + (16 + 4) / 128, "bf16", "4 bits, and a 16-bit scale and 4-bit zero for 128 weights"),
    "nf4": BlockFormat(4 + 32 / 64, "bf16", "4 bits and a 32-bit scale for 64 weights (no double quantisation)"),
}
"""Formats of one width. Weights that are expanded to 16 bits before the product run at the 16-bit peak."""

KEPT_IN_16_BITS: Final = ("embedding", "output", "norm", "router", "vision", "prediction")
"""Parts that these formats leave alone."""


@dataclass(frozen=True, slots=True)
class WeightSize:
    """The bytes of all weights, with the basis of the figure. `each` is the bytes of a parameter, of a part (a name of
    `Parameters.parts`) those in `by_part` where it has an entry. `lacks` says what the files name and the figure does not
    understand: with it the figure is a lower bound."""

    n_bytes: int
    each: float
    basis: Basis
    source: str
    by_part: Mapping[str, float] = field(default_factory=dict, hash=False)
    lacks: tuple[str, ...] = ()

    def of(self, part: str, parameters: float) -> float:
        """The bytes of so many parameters of a part."""
        return parameters * self.by_part.get(part, self.each)


@cache
def gguf_bits() -> Mapping[str, float]:
    """Bits a weight of llama.cpp's mixes, measured on Llama-3.1-8B: whole file over all parameters."""
    text = files("ropescope.checks.serving.weights").joinpath("gguf_bits_per_weight.csv").read_text(encoding="utf-8")
    return {row["quant"]: float(row["bits_per_weight"]) for row in csv.DictReader(text.splitlines())}


def precision_names() -> tuple[str, ...]:
    """Every precision that `read_precision` takes."""
    mixes = (name for name in gguf_bits() if name.lower() not in PLAIN)
    return (STORED, *PLAIN, *BLOCK_FORMATS, *mixes)


def is_gguf(precision: str) -> bool:
    """Whether `precision` is one of llama.cpp's mixes."""
    return precision in gguf_bits() and precision.lower() not in PLAIN


def read_precision(text: str) -> str:
    """The name of a precision as this module writes it. Raises DomainError with the nearest for one there is not."""
    wanted = text.strip().lower()
    wanted = _ALIASES.get(wanted, wanted)
    names = {name.lower(): name for name in precision_names()}
    if wanted not in names:
        near = nearest(wanted, names.values(), n=3)
        hint = f" The nearest are {', '.join(near)}." if near else ""
        raise DomainError(f"No precision is called {shown(text)}.{hint} There are {', '.join(precision_names())}.")
    return names[wanted]


def weight_size(model: Model, precision: str) -> WeightSize:
    """The bytes of `model`'s weights in `precision` (a name of `precision_names`), all experts included.

    Raises DomainError for a model whose parameters are not known: it says how to get them.
    """
    total = 0 if model.parameters is None else model.parameters.total
    if precision == STORED and model.weights is not None:
        return _held(model, model.weights, "config", model.weights.source or "weight files")
    if output_apart(model) and model.parameters is not None and "output" not in model.parameters.parts:
        total += model.parameters.parts.get("embedding", 0)  # whoever quantises the file quantises both
    if model.parameters is None or total < 1:
        raise DomainError(
            f"{model.name} does not say how many parameters it has: give a folder with its weights, a .gguf file, or "
            "`parameters` 8B."
        )
    lacks = model.parameters.lacks
    if precision == STORED and model.quantization is not None and model.quantization.weights is not None:
        counted = model.quantization.weights
        return replace(_held(model, counted, "formula", counted.source), lacks=(*lacks, *counted.lacks))
    if precision == STORED and model.quantization is not None and (found := _as_quantised(model, total)) is not None:
        return replace(found, lacks=lacks)
    if precision == STORED:
        width = PLAIN[_DTYPES.get(model.dtype, "bf16")] / 8
        stated = "the type its files state" if model.dtype in _DTYPES and model.dtype else "16 bits, no type is stated"
        source = f"parameters × {width:g} bytes: {stated}"
        return WeightSize(round(total * width), width, "formula", source, lacks=lacks)
    if precision in PLAIN:
        width = PLAIN[precision] / 8
        return WeightSize(round(total * width), width, "formula", f"parameters × {width:g} bytes", lacks=lacks)
    if precision in BLOCK_FORMATS:
        form = BLOCK_FORMATS[precision]
        kept = kept_in_16_bits(model, precision)
        source = f"{form.made_of}; {kept:,} parameters stay in 16 bits"
        n_bytes = round((total - kept) * form.bits / 8) + 2 * kept
        wide = {name: 2.0 for name in model.parameters.parts if _left_alone(model, precision, name)}
        return WeightSize(n_bytes, form.bits / 8, "formula", source, wide, lacks)
    width = gguf_bits()[precision] / 8
    source = f"{8 * width:g} bits a weight: llama.cpp's figure for Llama-3.1-8B, other shapes differ by a few percent"
    return WeightSize(round(total * width), width, "published", source, lacks=lacks)


def _as_quantised(model: Model, total: int) -> WeightSize | None:
    """The bytes that the stated quantisation gives where its modules are not known (parameters given by hand); None where
    it states no width."""
    assert model.quantization is not None
    method, bits = model.quantization.method.lower(), model.quantization.bits
    form = next((name for name in (f"{method}{bits:g}" if bits else "", method) if name in BLOCK_FORMATS), None)
    if form is not None:
        found = weight_size(model, form)
        return replace(found, source=f"{found.source}, as its config says ({method})")
    if bits is None:
        return None
    kept = kept_in_16_bits(model, method)
    source = (
        f"{bits:g} bits a weight, as its config says ({method}), without scales; {kept:,} parameters stay in 16 bits"
    )
    return WeightSize(round((total - kept) * bits / 8) + 2 * kept, bits / 8, "formula", source)


def _held(model: Model, weights: Weights, basis: Basis, source: str) -> WeightSize:
    """The bytes as files hold them, or as a config tells them, part by part where that is known."""
    parts = {} if model.parameters is None else model.parameters.parts
    total = 0 if model.parameters is None else model.parameters.total
    by_part = {name: weights.by_part[name] / n for name, n in parts.items() if n and name in weights.by_part}
    return WeightSize(weights.n_bytes, weights.n_bytes / total if total else 0.0, basis, source, by_part)


def _experts_only(model: Model, form: str) -> bool:
    """Whether `form` quantises the experts and nothing else: MXFP4, as gpt-oss has it, where there are experts."""
    return form == "mxfp4" and model.parameters is not None and model.parameters.parts.get("experts", 0) > 0


def _left_alone(model: Model, form: str, part: str) -> bool:
    return part != "experts" if _experts_only(model, form) else part in KEPT_IN_16_BITS


def output_apart(model: Model) -> bool:
    """Whether the output is a matrix of its own: the network has one, or a GGUF file holds the embedding a second time."""
    parts = {} if model.parameters is None else model.parameters.parts
    twice = model.source.kind == "gguf" or (model.source.file or "").lower().endswith(".gguf")
    return "output" in parts or (twice and model.weights is not None and "output" in model.weights.by_part)


def kept_in_16_bits(model: Model, form: str) -> int:
    """The parameters that a block format leaves in 16 bits: embedding, output, norms, router and towers beside the
    language model; where the parts are not known, the embedding alone; for MXFP4 with experts, all but them."""
    assert model.parameters is not None
    parts = model.parameters.parts
    if parts:
        return sum(n for name, n in parts.items() if _left_alone(model, form, name))
    return min(model.parameters.total, (model.vocab_size or 0) * (model.hidden_size or 0))


def compute_kind(model: Model, precision: str, device: Device | None = None) -> str:
    """The number type in which the products of `precision` run: a name of `devices.PEAKS`, of several types the fastest
    on `device`.

    llama.cpp multiplies its mixes as 8-bit integers; 4-bit formats of other engines are expanded to 16 bits first, but
    for those that a device with 4-bit units multiplies as they are.
    """
    if precision == STORED:
        kinds = product_types(model)
    elif is_gguf(precision):
        kinds = ("int8",)
    else:
        kinds = (BLOCK_FORMATS[precision].peak,) if precision in BLOCK_FORMATS else ("bf16",)
    if device is None:
        return kinds[0]
    return max(kinds, key=lambda kind: device.peak(kind) or 0.0)
