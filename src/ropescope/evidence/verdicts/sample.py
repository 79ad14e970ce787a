"""What claims take their numbers from: measurements and rows as arrays, with intervals over models and rivals for γ_Padé."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ropescope.evidence.measurement import Measurement
from ropescope.evidence.verdicts.claim import Baseline
from ropescope.evidence.verdicts.statistics import Statistic, cluster_interval, others_mean
from ropescope.report.report import Fact

Array = NDArray[np.float64]
Row = Mapping[str, Any]


def short_name(model: str | Row) -> str:
    """The Hub id of a model, or of the model of a row, without its organisation."""
    name: str = model if isinstance(model, str) else model["model"]
    return name.rpartition("/")[2]


def column(rows: Iterable[Row], name: str) -> Array:
    """[rows] one column of a table."""
    return np.array([row[name] for row in rows], dtype=np.float64)


def fact(name: str, statistic: Statistic, clusters: Sequence[str], *arrays: ArrayLike, note: str = "") -> Fact:
    """A statistic with its interval over clusters."""
    value = float(statistic(*arrays))
    return Fact(name, value, interval=cluster_interval(statistic, clusters, *arrays), note=note)


def baseline(name: str, statistic: Statistic, clusters: Sequence[str], *arrays: ArrayLike) -> Baseline:
    """The statistic of a rival, with its interval over clusters."""
    return Baseline(name, float(statistic(*arrays)), cluster_interval(statistic, clusters, *arrays))


def variation(values: Array, ddof: int = 1) -> float:
    """Coefficient of variation: standard deviation over mean."""
    return float(values.std(ddof=ddof) / values.mean())


@dataclass(frozen=True)
class Sample:
    """Measurements as arrays [measurements]."""

    measurements: Sequence[Measurement]

    def __len__(self) -> int:
        return len(self.measurements)

    def __iter__(self) -> Iterator[Measurement]:
        return iter(self.measurements)

    def where(self, holds: Callable[[Measurement], object]) -> Sample:
        """The measurements of which something holds."""
        return Sample([m for m in self.measurements if holds(m)])

    def values(self, take: Callable[[Measurement], Any]) -> Array:
        """A number of each measurement; NaN for None."""
        return np.array([take(m) for m in self.measurements], dtype=np.float64)

    @cached_property
    def models(self) -> list[str]:
        """The Hub ids, which are the clusters that intervals resample."""
        return [m.model for m in self.measurements]

    @property
    def n_models(self) -> int:
        """How many different models there are."""
        return len(set(self.models))

    @cached_property
    def gamma(self) -> Array:
        """The measured exponents."""
        return self.values(lambda m: m.gamma)

    @cached_property
    def gamma_median(self) -> Array:
        """The exponents by the median over seeds; by the mean where no seeds were published."""
        return self.values(lambda m: m.gamma if m.gamma_median_of_seeds is None else m.gamma_median_of_seeds)

    @cached_property
    def pade(self) -> Array:
        """γ_Padé, T the largest distance measured."""
        return self.values(Measurement.pade)

    @cached_property
    def null(self) -> Array:
        """What uniform attention gives in the same design."""
        return self.values(lambda m: m.null.gamma)

    @cached_property
    def parameters(self) -> Array:
        """Parameters of the models."""
        return self.values(lambda m: m.facts.parameters_millions * 1e6)

    @cached_property
    def grouped(self) -> Array:
        """1 where query heads share KV heads, else 0."""
        return self.values(lambda m: m.facts.grouped_query)

    @cached_property
    def others(self) -> Array:
        """For each measurement the mean γ of the other models."""
        return others_mean(self.gamma, self.models)

    @property
    def rivals(self) -> dict[str, Array]:
        """Predictions that know nothing of θ."""
        return {"γ ≡ 1": np.ones(len(self)), "uniform attention": self.null, "mean of the other models": self.others}

    def interval(self, statistic: Statistic, *arrays: ArrayLike) -> tuple[float, float]:
        """95 % interval of `statistic(*arrays)` over models."""
        return cluster_interval(statistic, self.models, *arrays)

    def fact(self, name: str, statistic: Statistic, *arrays: ArrayLike, note: str = "") -> Fact:
        """A statistic with its interval over models."""
        return fact(name, statistic, self.models, *arrays, note=note)

    def baseline(self, name: str, statistic: Statistic, *arrays: ArrayLike) -> Baseline:
        """The statistic of a rival, with its interval over models."""
        return baseline(name, statistic, self.models, *arrays)
