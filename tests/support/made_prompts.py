"""Made-up prompts whose population exponent is known, for the coverage of intervals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ropescope.measure.curve import Decay
from ropescope.measure.exponent import DistanceBins, power_law_coefficients
from ropescope.measure.protocol import FixedLength


@dataclass(frozen=True)
class PopulationOfPrompts:
    """Prompts whose weights are A·d^−g·e: ln A normal with the standard deviation `amplitude`, g normal about 0.8 with
    `spread` less an exponential variable of mean `skew`, and ln e normal with `noise` for every bin; the bins are those of a
    fixed length."""

    spread: float
    noise: float
    amplitude: float
    skew: float = 0.0
    length: int = 2048

    @cached_property
    def bins(self) -> DistanceBins:
        """The bins from d = 10 to the largest distance."""
        protocol = FixedLength(length=self.length)
        low, high = protocol.edges[:-1], protocol.edges[1:] - 1
        fitted = (low >= 10) & (high <= protocol.max_distance)
        return DistanceBins.between(low[fitted], high[fitted])

    @cached_property
    def gamma(self) -> float:
        """The exponent of the mean over infinitely many prompts.

        E e^(−g·x) = exp(−0.8·x + spread²·x²/2)/(1 − skew·x) at x = ln d.
        """
        x, width = self.bins.log_distance, self.bins.log_width
        mean = np.exp(-0.8 * x + self.spread**2 * x**2 / 2) / (1 - self.skew * x)
        return float(power_law_coefficients(x, mean, width) @ np.log(mean))

    def decay(self, n_prompts: int, rng: np.random.Generator) -> Decay:
        """What `n_prompts` of them give."""
        bins = self.bins
        x = bins.log_distance
        exponent = rng.normal(0.8, self.spread, (n_prompts, 1)) - self.skew * rng.standard_exponential((n_prompts, 1))
        amplitude = rng.normal(0, self.amplitude, (n_prompts, 1))
        noise = rng.normal(0, self.noise, (n_prompts, len(x)))
        return Decay(x, np.exp(amplitude - exponent * x + noise), bins.log_width)
