"""Parameters and Weights: how many numbers a model has, and how many bytes its files spend on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Count = Literal["exact", "closed", "meta", "estimate"]
"""How parameters were counted: from the headers of the weight files; by a sum over the layers that is proven to equal the
network; by building the network without memory; or by a sum that leaves out what no rule knows."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """How many parameters: in all, and those that one token passes through (all but the experts not chosen, and the
    layers for multi-token prediction).

    `parts` splits the total: "embedding", "attention", "mixer" (state space, linear attention, convolution), "mlp",
    "experts", "router", "norm", "output", "vision" (any tower beside the language model), "prediction" (layers for
    multi-token prediction), "other". Parts that are 0 are left out. `source` names the files or the config. `lacks` names
    the fields of a config that give a width or a type and play no part in the count: with them it is a lower bound.
    """

    total: int
    active: int
    parts: Mapping[str, int] = field(default_factory=dict, hash=False)
    count: Count = "exact"
    source: str = ""
    lacks: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Parameters:
        """The Parameters that plain data describes."""
        return cls(**{**data, "lacks": tuple(data.get("lacks", ()))})


@dataclass(frozen=True, slots=True)
class Weights:
    """What the weight files hold: bytes in all (tensor data, without headers), by stored type ("BF16", "F8_E4M3",
    "Q4_K", …), in how many files, and by part (see `Parameters.parts`; empty where that is not known).

    Where no file was read and the bytes were counted from a config, `n_files` is 0, and `lacks` names what the config
    says and the count does not understand: with it the bytes are a lower bound."""

    n_bytes: int
    by_type: Mapping[str, int] = field(default_factory=dict, hash=False)
    n_files: int = 1
    source: str = ""
    by_part: Mapping[str, int] = field(default_factory=dict, hash=False)
    lacks: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Weights:
        """The Weights that plain data describes."""
        return cls(**{**data, "lacks": tuple(data.get("lacks", ()))})


@dataclass(frozen=True, slots=True)
class Quantization:
    """How the weights were quantised: `method` ("gptq", "awq", "fp8", "mxfp4", "nvfp4", "bitsandbytes", "gguf", …),
    `bits` a weight where stated, `detail` as the files say it (the dominant tensor type for GGUF). `weights` is what all
    weights take by it, counted from the config where no weight file was read."""

    method: str
    bits: float | None = None
    detail: Mapping[str, object] = field(default_factory=dict, hash=False)
    weights: Weights | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Quantization:
        """The Quantization that plain data describes."""
        held = data.get("weights")
        return cls(**{**data, "weights": None if held is None else Weights.from_dict(held)})
