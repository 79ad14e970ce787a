"""What a summary holds: estimates with their errors, by head, by layer and of the whole, and the curves for figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ropescope.measure.bootstrap import bootstrap_interval, bootstrap_se
from ropescope.measure.intervals import Contrast, Draws, log_odds, share_of
from ropescope.measure.shapes import ShapeComparison

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its standard error and 95 % interval over prompts; None where it cannot be had."""

    value: float | None
    se: float | None = None
    ci: tuple[float, float] | None = None

    def scaled(self, factor: float) -> Estimate:
        """The same in another unit, or with the other sign."""
        value, se = (None if x is None else x * factor for x in (self.value, self.se))
        low_high = None if self.ci is None else sorted(end * factor for end in self.ci)
        return Estimate(
            value, None if se is None else abs(se), None if low_high is None else (low_high[0], low_high[1])
        )

    @classmethod
    def of_contrast(
        cls, found: Contrast, scale: Callable[[Array], Any] = lambda x: x, *, value: float | None = None
    ) -> Estimate:
        """From one contrast, on a monotone `scale` of its own. `value`: that of the contrast, where it is known exactly."""
        value = float(scale(found.value) if value is None else value)
        if not np.isfinite(value):
            return cls(None)
        ends = sorted((float(scale(found.low)), float(scale(found.high))))
        if not np.isfinite(ends).all():
            return cls(value)
        # The error goes to the new scale as half of what one standard error on either side becomes there.
        se = abs(float(scale(found.value + found.se)) - float(scale(found.value - found.se))) / 2
        return cls(value, se, (ends[0], ends[1]))

    @classmethod
    def of_share(cls, inside: Array, draws: Draws) -> Estimate:
        """A share of attention [prompts], its mean over prompts; without an interval where it is 0 or 1 in all of them."""
        return cls.of_contrast(log_odds(inside, 1 - inside, draws), share_of, value=float(inside.mean()))

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
    """One query head. curve: the mean weight of one key at each distance of `Summary.curve`, None beyond what the head reads."""

    index: int
    gamma: Estimate
    r2: float | None
    sink_mass: float
    entropy_nats: float
    windows: tuple[float, ...]
    curve: tuple[float | None, ...] = ()


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
