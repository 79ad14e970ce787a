"""Depth: the claim that one layer, set by θ, T and the head, is where attention's reach is decided."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

from ropescope.questions.domains import Whole
from ropescope.theory.arguments import HEAD_DIM, POSITIVE_LENGTH, THETA_ABOVE_ONE
from ropescope.theory.formula import Argument, formula
from ropescope.theory.geometry import aliased_fraction


class CriticalLayer(NamedTuple):
    """L_crit as a fraction of depth, as a real position in layers, and as a layer, 1 … n_layers."""

    fraction: float
    position: float
    layer: int


@formula(
    symbol="L_crit/N = log_θ(T/2π) · (d_h/64)^{1/√12}",
    source="Part III (critical layer)",
    definition="Fraction of aliased pairs at T, times (d_h/64)^{1/√12}, as a fraction of the depth.",
    arguments=(
        THETA_ABOVE_ONE,
        POSITIVE_LENGTH,
        HEAD_DIM,
        Argument("n_layers", "number of layers", Whole(1, 100_000)),
    ),
    standing="contradicted",
    worth="The exponent 1/√12 fits one pair of models; the pre-registered test of the formula was refuted.",
    example={"theta": 1e4, "length": 2048, "head_dim": 64, "n_layers": 6},
)
def critical_layer(theta: float, length: float, head_dim: int, n_layers: int) -> CriticalLayer:
    """The critical layer; the fraction is negative for T < 2π and may exceed 1, the layer is clamped to 1 … n_layers.

    The fraction crosses zero at T = 2π, so its accuracy is 1e-12 of its scale there. Raises `DomainError` for θ < 1.5,
    T ≤ 0, an odd head or no layers. Source: Part III.
    """
    fraction = aliased_fraction(theta, length) * (head_dim / 64) ** (1.0 / sqrt(12.0))
    position = fraction * n_layers
    return CriticalLayer(fraction, position, min(max(round(position), 1), n_layers))
