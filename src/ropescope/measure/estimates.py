"""What a summary holds: estimates with their errors, by head, by layer and of the whole, and the curves for figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ropescope.measure.bootstrap import bootstrap_interval, bootstrap_se
from ropescope.measure.shapes import ShapeComparison

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its standard error and 95 % interval over prompts; None where it cannot be had."""

    value: float | None
    se: float | None = None
    ci: tuple[float, float] | None = None

    @classmethod
    def of(cls, value: Any, resamples: Array, n_prompts: int) -> Estimate:
        """From the value on all prompts and its bootstrap resamples [resamples]."""
        if not np.isfinite(value):
            return cls(None)
        if n_prompts < 2 or not np.isfinite(resamples).all():
            return cls(float(value))
        low, high = bootstrap_interval(resamples, n_prompts)
        return cls(float(value), float(bootstrap_se(resamples, n_prompts)), (float(low), float(high)))


@dataclass(frozen=True, slots=True)
class HeadSummary:
    """One query head."""

    index: int
    gamma: Estimate
    r2: float | None
    sink_mass: float
    entropy_nats: float
    windows: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """One attention layer: the fit of its head-averaged curve, and of each head. `reach` is the largest distance fitted."""

    index: int
    kind: str
    window_tokens: int | None
    reach: int | None
    gamma: Estimate
    r2: float | None
    sink_mass: Estimate
    entropy_nats: float
    windows: tuple[float, ...]
    heads: tuple[HeadSummary, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """The mean decay for figures: A(d) at each bin's geometric distance, with its interval, and the fitted line.

    uniform: the weight that every key would have if the same attention were spread evenly.
    """

    distance: tuple[float, ...]
    weight: tuple[float, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    median: tuple[float, ...]
    fitted: tuple[float | None, ...]
    cumulative: tuple[float, ...]
    window_of_bin: tuple[int, ...]
    uniform: float


@dataclass(frozen=True, slots=True)
class LegacySummary:
    """The published protocol on the same passes: OLS over d ≥ 30 of one cell a distance, and what uniform attention gives."""

    distances: tuple[int, ...]
    weights: tuple[float, ...]
    gamma: Estimate
    r2: float | None
    gamma_null: float
    r2_null: float
    layers: tuple[Estimate, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a measurement says. `gamma` is of the curve averaged over the heads of the layers that reach farthest."""

    gamma: Estimate
    r2: float | None
    gamma_mle: Estimate
    gamma_median: float | None
    mean_median_disagree: bool
    d_min: int
    d_max: int | None
    fitted_layers: int
    sink_mass: Estimate
    sink_logit_mass: float
    entropy_nats: float
    windows: tuple[Estimate, ...]
    shape: ShapeComparison | None
    layers: tuple[LayerSummary, ...]
    curve: Curve
    legacy: LegacySummary | None
    n_prompts: int
    length: int
    partial: bool
    provenance: Mapping[str, Any]
