"""Measurement: one published curve of attention against distance, what its model is, and what a refit makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ropescope.measure.exponent import fit_power_law
from ropescope.measure.protocol import LEGACY_OFFSET
from ropescope.theory.decay import gamma_pade
from ropescope.theory.nulls import NullExponent, uniform_null_exponent

Array = NDArray[np.float64]

PREDICTED_LENGTH = 2000.0
"""The length T at which most published tables evaluate γ_Padé, whatever was measured."""
LEAST_POINTS = 3
"""The published fits take as few as three distances; two would always lie on a line."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the config and the model card of a measured model say. Parameters in millions, context in tokens."""

    model: str
    family: str
    positions: str
    theta: float | None
    context_length: int
    parameters_millions: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    rotary_dim: int
    sliding_window: int
    instruct: int

    @property
    def grouped_query(self) -> bool:
        """Whether query heads share KV heads."""
        return self.kv_heads < self.heads


@dataclass(frozen=True)
class Measurement:
    """One row of the panel. `attention` is the mean over seeds, prompts, heads and layers at each of `distances`.

    `by_seed` [seeds, distances] is empty where the seeds were not published. `fit_from` is the least distance of the
    author's own fit, `gamma_published` its result, None where there was none.
    """

    series: str
    facts: ModelFacts
    corpus: str
    variant: str
    theta_in_file: float | None
    theta_set: float | None
    prompts: int | None
    distances: Array
    attention: Array
    by_seed: Array
    fit_from: int
    gamma_published: float | None
    interval_published: tuple[float, float] | None
    r2_published: float | None
    r2_exponential_published: float | None
    remark: str
    file: str

    @property
    def model(self) -> str:
        """The Hub id."""
        return self.facts.model

    @property
    def short_name(self) -> str:
        """The Hub id without its organisation."""
        return self.model.rpartition("/")[2]

    @property
    def theta(self) -> float | None:
        """The RoPE base in use: the one set for the measurement, else the config's; None without RoPE."""
        return self.theta_set or self.facts.theta

    @property
    def longest(self) -> float:
        """The largest distance measured, which is the T of γ_Padé unless another is stated."""
        return float(self.distances[-1])

    @cached_property
    def refit(self) -> Refit:
        """The published fit done again: ordinary least squares of ln A on ln d, from the author's least distance."""
        return Refit.of(self.distances, self.attention, self.fit_from)

    def refit_between(self, least: float, most: float = np.inf) -> Refit:
        """The same over other distances. NaN with fewer than three."""
        kept = self.distances <= most
        return Refit.of(self.distances[kept], self.attention[kept], least)

    @cached_property
    def gamma(self) -> float:
        """The exponent of the refit."""
        return self.refit.gamma

    @cached_property
    def gamma_by_seed(self) -> Array:
        """[seeds] the exponent of each seed alone."""
        return np.array([Refit.of(self.distances, row, self.fit_from).gamma for row in self.by_seed])

    @cached_property
    def gamma_median_of_seeds(self) -> float | None:
        """The exponent when the median over seeds stands for the mean, which one prompt cannot move; None without seeds."""
        if not len(self.by_seed):
            return None
        return Refit.of(self.distances, np.median(self.by_seed, axis=0), self.fit_from).gamma

    @cached_property
    def null(self) -> NullExponent:
        """What uniform attention gives at the same distances in the published protocol."""
        return uniform_null_exponent(tuple(self.distances[self.distances >= self.fit_from]), LEGACY_OFFSET)

    def pade(self, length: float | None = None) -> float | None:
        """γ_Padé at the base in use and `length`, the largest measured distance if not given; None without RoPE."""
        return None if self.theta is None else gamma_pade(self.theta, self.longest if length is None else length)

    @cached_property
    def total(self) -> float:
        """Σ A(d) from the least to the largest distance, interpolated in log–log: above 1, A is no distribution."""
        every = np.arange(self.distances[0], self.longest + 1)
        return float(np.exp(np.interp(np.log(every), np.log(self.distances), np.log(self.attention))).sum())


@dataclass(frozen=True, slots=True)
class Refit:
    """A line through ln A against ln d: exponent, its ordinary standard error, R², R² of an exponential, points."""

    gamma: float
    se: float
    r2: float
    r2_exponential: float
    points: int

    @classmethod
    def of(cls, distances: Array, attention: Array, least: float) -> Refit:
        """The fit over the distances from `least` on; NaN with fewer than three."""
        kept = distances >= least
        d, a = distances[kept], attention[kept]
        n = len(d)
        if n < LEAST_POINTS:
            return cls(np.nan, np.nan, np.nan, np.nan, n)
        x, y = np.log(d), np.log(a)
        fit = fit_power_law(x, a, least_bins=LEAST_POINTS)
        gamma = float(fit.gamma)
        residual = y - float(fit.log_amplitude) + gamma * x
        spread = float(((x - x.mean()) ** 2).sum())
        se = float(np.sqrt((residual**2).sum() / (n - 2) / spread))
        return cls(gamma, se, float(fit.r2), float(np.corrcoef(d, y)[0, 1] ** 2), n)


def measurement_of(row: dict[str, Any], facts: ModelFacts) -> Measurement:
    """A Measurement from a row of the table `panel`."""
    kept = {name: value for name, value in row.items() if name != "model"}
    low, high = kept.pop("gamma_low_published"), kept.pop("gamma_high_published")
    distances, attention, by_seed = (
        np.array(kept.pop(name)) for name in ("distances", "attention", "attention_by_seed")
    )
    return Measurement(
        facts=facts,
        distances=distances,
        attention=attention,
        by_seed=by_seed,
        interval_published=None if low is None else (low, high),
        **kept,
    )
