"""Statistics over arrays: intervals by cluster bootstrap, permutation tests, leave-one-out, least squares.

Two measurements of one model are not independent, so models are what is resampled, permuted and left out. Each function
takes `clusters`, one label an observation; give every observation its own label where they are independent. An interval
from too few clusters is refused: resampling three of them says nothing about a fourth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ropescope.errors import EvidenceError
from ropescope.measure.bootstrap import bootstrap_interval

Array = NDArray[np.float64]
Statistic = Callable[..., float]

LEAST_CLUSTERS = 5
"""Fewer independent units than this give no interval and no test."""
RESAMPLES = 2000
SEED = 20260418
LEVEL = 0.95
MOST_UNDEFINED = 0.05
LEAST_FREEDOM = 1e-9
"""An observation whose leverage comes this near to 1 is fitted exactly, whatever it is."""


def cluster_interval(statistic: Statistic, clusters: Sequence[str], *arrays: ArrayLike) -> tuple[float, float]:
    """95 % percentile interval of `statistic(*arrays)` when whole clusters are drawn with replacement, expanded for few clusters.

    A statistic returns NaN where a resample leaves it undefined. Raises EvidenceError for fewer than five clusters, and
    where more than one resample in twenty is undefined. (Field and Welsh 2007, J. R. Stat. Soc. B 69(3).)
    """
    members = _members(clusters)
    data = [np.asarray(array) for array in arrays]
    # A plain loop: scipy.stats.bootstrap draws the same numbers, and spends more time around a statistic than in it.
    resamples = np.random.default_rng(SEED).integers(0, len(members), (RESAMPLES, len(members)))
    alone = np.concatenate(members) if all(len(rows) == 1 for rows in members) else None
    drawn = np.empty(RESAMPLES)
    for i, chosen in enumerate(resamples):
        rows = np.concatenate([members[one] for one in chosen]) if alone is None else alone[chosen]
        drawn[i] = statistic(*(array[rows] for array in data))
    undefined = float(np.isnan(drawn).mean())
    if undefined > MOST_UNDEFINED:
        raise EvidenceError(
            f"The statistic has no value in {undefined:.0%} of the resamples: too few of the {len(members)} independent units "
            "differ for an interval."
        )
    low, high = bootstrap_interval(drawn[~np.isnan(drawn)], len(members), LEVEL)
    return float(low), float(high)


def permutation_p(statistic: Statistic, x: ArrayLike, y: ArrayLike, clusters: Sequence[str]) -> float:
    """Two-sided p of `statistic(x, y)` when x is dealt out among the clusters anew.

    x must be the same throughout a cluster up to its order, as a property of a model is. With clusters of unequal size,
    those of the same size exchange their x. Raises EvidenceError for fewer than five clusters.
    """
    members = _members(clusters)
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    sizes = dict.fromkeys(len(rows) for rows in members)
    by_size = [np.array([rows for rows in members if len(rows) == size]) for size in sizes]
    rng = np.random.default_rng(SEED)
    observed = abs(statistic(first, second))
    hits = 0
    for _ in range(RESAMPLES - 1):
        dealt = first.copy()
        for alike in by_size:
            dealt[alike] = first[alike[rng.permutation(len(alike))]]
        # The tolerance counts ties: the same statistic summed in another order.
        hits += abs(statistic(dealt, second)) >= observed * (1 - 1e-12)
    return (hits + 1) / RESAMPLES


def others_mean(y: ArrayLike, clusters: Sequence[str]) -> Array:
    """For each observation the mean of y over the other clusters: what one would say of a model not seen."""
    values = np.asarray(y, dtype=np.float64)
    labels = np.asarray(clusters)
    _members(clusters)
    return np.array([values[labels != label].mean() for label in labels])


def correlation(x: ArrayLike, y: ArrayLike) -> float:
    """Pearson's r; NaN where either does not vary."""
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if (a == a[0]).all() or (b == b[0]).all():
        return float("nan")
    from_a, from_b = a - a.mean(), b - b.mean()
    return float(np.clip(from_a @ from_b / np.sqrt((from_a @ from_a) * (from_b @ from_b)), -1, 1))


def r2_of_prediction(observed: ArrayLike, predicted: ArrayLike) -> float:
    """1 − Σ(y − ŷ)² / Σ(y − ȳ)²: 0 is no better than the mean of the same data, below 0 is worse."""
    y, f = np.asarray(observed, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    return float(1 - ((y - f) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def aicc(residual_sum_of_squares: float, n: int, parameters: int) -> float:
    """Akaike's criterion for least squares, corrected for few points; `parameters` without the variance.

    Infinite where the correction has no value (n ≤ parameters + 2). (Hurvich and Tsai 1989, Biometrika 76(2).)
    """
    k = parameters + 1
    if n - k - 1 <= 0:
        return float("inf")
    return float(n * np.log(residual_sum_of_squares / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1))


def bic(residual_sum_of_squares: float, n: int, parameters: int) -> float:
    """Schwarz's criterion for least squares; `parameters` without the variance. (Schwarz 1978, Ann. Stat. 6(2).)"""
    return float(n * np.log(residual_sum_of_squares / n) + (parameters + 1) * np.log(n))


@dataclass(frozen=True, slots=True)
class Regression:
    """Ordinary least squares with an intercept. Each coefficient with its 95 % t interval and p, in the order given."""

    names: tuple[str, ...]
    coefficients: tuple[float, ...]
    intervals: tuple[tuple[float, float], ...]
    p_values: tuple[float, ...]
    standard_errors: tuple[float, ...]
    n: int
    r2: float
    r2_adjusted: float
    r2_left_out: float | None
    """1 − PRESS / Σ(y − ȳ)², each cluster predicted from the others; None where one alone fixes a coefficient."""
    f_p: float

    @property
    def slope(self) -> float:
        """The coefficient of the first regressor, which is the slope where there is one."""
        return self.coefficients[1]

    @property
    def slope_interval(self) -> tuple[float, float]:
        """Its 95 % interval."""
        return self.intervals[1]

    @property
    def slope_p(self) -> float:
        """Its p against 0."""
        return self.p_values[1]


def regress(y: ArrayLike, clusters: Sequence[str] | None = None, /, **regressors: ArrayLike) -> Regression:
    """Least squares of y on the named regressors and an intercept (statsmodels).

    With `clusters` the errors are robust to what the observations of a cluster share (Liang and Zeger 1986, Biometrika
    73(1)), and whole clusters are left out. Raises EvidenceError where there are not two observations more than coefficients.
    """
    import statsmodels.api as sm

    names = ("intercept", *regressors)
    design = sm.add_constant(np.column_stack([np.asarray(x, dtype=np.float64) for x in regressors.values()]))
    values = np.asarray(y, dtype=np.float64)
    if len(values) < len(names) + 2:
        raise EvidenceError(f"{len(values)} observations are too few for {len(names)} coefficients.")
    model: Any = sm.OLS(values, design)
    if clusters is None:
        fit = model.fit()
        free = 1 - fit.get_influence().hat_matrix_diag
        predicted = values - fit.resid / free if free.min() > LEAST_FREEDOM else None
    else:
        members = _members(clusters)
        groups = np.empty(len(values), dtype=np.int64)
        for i, rows in enumerate(members):
            groups[rows] = i
        fit = model.fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
        predicted = _from_the_others(values, design, members)
    return Regression(
        names=names,
        coefficients=tuple(map(float, fit.params)),
        intervals=tuple((float(low), float(high)) for low, high in fit.conf_int(1 - LEVEL)),
        p_values=tuple(map(float, fit.pvalues)),
        standard_errors=tuple(map(float, fit.bse)),
        n=len(values),
        r2=float(fit.rsquared),
        r2_adjusted=float(fit.rsquared_adj),
        r2_left_out=None if predicted is None else r2_of_prediction(values, predicted),
        f_p=float(fit.f_pvalue),
    )


def _from_the_others(values: Array, design: Array, members: Sequence[NDArray[np.int64]]) -> Array | None:
    """Each cluster's observations as the fit to the other clusters predicts them; None where that fit is not unique."""
    predicted = np.empty_like(values)
    for rows in members:
        kept = np.ones(len(values), dtype=bool)
        kept[rows] = False
        coefficients, _, rank, _ = np.linalg.lstsq(design[kept], values[kept], rcond=None)
        if rank < design.shape[1]:
            return None
        predicted[rows] = design[rows] @ coefficients
    return predicted


def _members(clusters: Sequence[str]) -> list[NDArray[np.int64]]:
    """The row numbers of each cluster, in the order of first appearance."""
    rows: dict[str, list[int]] = {}
    for i, label in enumerate(clusters):
        rows.setdefault(label, []).append(i)
    if len(rows) < LEAST_CLUSTERS:
        raise EvidenceError(
            f"{len(rows)} independent units are too few for an interval or a test: at least {LEAST_CLUSTERS} are needed."
        )
    return [np.array(members) for members in rows.values()]
