"""Which models are surely ahead of which: simultaneous intervals of all differences, and the ranks that they leave open.

One critical value holds for all pairs together: the 95 % point of the largest |difference| / error (max-t; Hothorn, Bretz and
Westfall 2008, Biom. J. 50(3)). A model's rank lies between one more than the models that are surely ahead of it, and as many
as are not surely behind it (Mogstad, Romano, Shaikh and Wilhelm 2024, Rev. Econ. Stud. 91(1)); all ranks hold together.

Where one group of models never lost to another, nor tied, the likelihood has no maximum. Such differences have one end only,
where the votes are as unlikely as the 95 % point is beyond: between two models alone, Clopper and Pearson's bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import log, sqrt
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ropescope.quality.intervals import POWER_80, t_95
from ropescope.quality.ratings.davidson import Array, Constraint, Fit, Integers, Votes, covariance, fit, log_chances

DRAWS: Final = (4_000, 20_000)
"""Fewest and most draws of the largest difference."""
_COMPARED: Final = 4 * 10**8
"""Draws times pairs in between."""
SEED: Final = 0
LEAST_VOTERS: Final = 10
VOTERS_A_MODEL: Final = 2
"""With fewer, a variance between voters says nothing: of fewer voters than models it has rank too low."""
_LEAST_VARIANCE: Final = 0.01
"""Of what independent votes have. Voters whose votes balance better than that say nothing of how others would vote."""
MOST_FITS: Final = 50_000
"""Fits times models that comparing groups without a maximum may take; what is left then counts as not sure."""


def groups(votes: Votes, *, strong: bool = False) -> list[tuple[int, ...]]:
    """Models that votes connect, directly or through others; the largest group first.

    strong: that a chain of wins and ties connects, there and back, so that the likelihood has a maximum among them. Where it
    has none in τ either, each model is a group.
    """
    m = votes.n_models
    if strong and votes.ties and _ties_without_end(votes):
        return sorted((each,) for each in range(m))
    won, lost = votes.outcome >= 0, votes.outcome <= 0
    heads = np.concatenate([votes.first[won], votes.second[lost]])
    tails = np.concatenate([votes.second[won], votes.first[lost]])
    graph = coo_array((np.ones(len(heads)), (heads, tails)), shape=(m, m))
    n, label = connected_components(graph, directed=True, connection="strong" if strong else "weak")
    found = [tuple(np.flatnonzero(label == each).tolist()) for each in range(n)]
    count = np.bincount(np.concatenate([votes.first, votes.second]), np.tile(votes.weight, 2), m)
    return sorted(found, key=lambda models: (-len(models), -count[list(models)].sum(), models))


def _ties_without_end(votes: Votes) -> bool:
    """Whether likelihood grows for ever with τ: strengths exist that lie at least 1 apart for each win, at most 1 for each tie.

    So it is where one of two models won, tied and never lost. Wins both ways between any two models exclude it.
    """
    m, won, tied = votes.n_models, votes.outcome != 0, votes.outcome == 0
    winner = np.where(votes.outcome > 0, votes.first, votes.second)[won]
    loser = np.where(votes.outcome > 0, votes.second, votes.first)[won]
    key = np.unique(winner * m + loser)
    if np.isin(key % m * m + key // m, key).any():
        return False
    a, b = votes.first[tied], votes.second[tied]
    both = np.unique(np.concatenate([a * m + b, b * m + a]))
    both = both[~np.isin(both, key)]  # of two bounds the tighter one
    bound = np.full((m + 1, m + 1), np.inf)  # v[to] − v[from] ≤ bound; the last node reaches all
    bound[m, :m] = 0
    bound[both // m, both % m] = 1
    bound[key // m, key % m] = -1
    at = np.zeros(m + 1)
    for _ in range(m + 1):
        nearer = np.minimum(at, (at[:, None] + bound).min(axis=0))
        if np.array_equal(nearer, at):
            return True
        at = nearer
    return False


@dataclass(frozen=True, slots=True)
class Difference:
    """How far one model is ahead of another in units of β; None: no likeliest value, or no end on that side."""

    value: float | None
    low: float | None
    high: float | None


class Ratings:
    """Votes, fitted: differences of models with simultaneous 95 % intervals, and ranks. Models must be connected."""

    def __init__(self, votes: Votes) -> None:
        self.votes = votes
        self.counted = votes.counted()
        self.fit: Fit = fit(self.counted)
        self.groups = groups(self.counted, strong=True)
        self.covariance: Array = covariance(votes, self.fit)
        self.fits_left = MOST_FITS // votes.n_models

    @property
    def clusters_tell(self) -> bool:
        """Whether the voters are enough, and differ enough, that a variance between them says something."""
        if self.freedom is None:
            return True
        if self.freedom + 1 < max(LEAST_VOTERS, VOTERS_A_MODEL * self.votes.n_models):
            return False
        alone = Ratings(replace(self.votes, voter=None)).errors
        there = alone > 0
        return bool((self.errors[there] ** 2 >= _LEAST_VARIANCE * alone[there] ** 2).all())

    @cached_property
    def freedom(self) -> int | None:
        """Degrees of freedom: voters less one, None where votes are not clustered."""
        return None if self.votes.voter is None else len(np.unique(self.votes.voter)) - 1

    @cached_property
    def errors(self) -> Array:
        """[models, models] the standard error of each difference of β."""
        own = self.covariance[: self.votes.n_models, : self.votes.n_models]
        variance = np.diag(own)[:, None] + np.diag(own)[None, :] - 2 * own
        return np.asarray(np.sqrt(np.maximum(variance, 0)))

    @cached_property
    def group_of(self) -> Integers:
        """[models] the index of the group in which the likelihood has a maximum."""
        found = np.zeros(self.votes.n_models, dtype=np.int64)
        for index, models in enumerate(self.groups):
            found[list(models)] = index
        return found

    @cached_property
    def critical(self) -> float:
        """How many errors wide each side of an interval is, so that all pairs hold together in 95 % of samples."""
        one = NormalDist().inv_cdf(0.975) if self.freedom is None else t_95(self.freedom)
        pairs = sum(len(models) * (len(models) - 1) // 2 for models in self.groups)
        if pairs <= 1:
            return one
        rng = np.random.default_rng(SEED)
        own = self.covariance[: self.votes.n_models, : self.votes.n_models]
        draws = min(max(_COMPARED // pairs, DRAWS[0]), DRAWS[1])
        largest = np.zeros(draws)
        for models in self.groups:
            block = own[np.ix_(models, models)]
            centred = block - block.mean(0) - block.mean(1)[:, None] + block.mean()
            values, vectors = np.linalg.eigh(centred)
            root = vectors * np.sqrt(np.maximum(values, 0))
            error = self.errors[np.ix_(models, models)]
            drawn = root @ rng.standard_normal((len(models), draws))
            for i in range(1, len(models)):
                ratio = np.abs(drawn[:i] - drawn[i]) / np.maximum(error[:i, i], 1e-300)[:, None]
                largest = np.maximum(largest, ratio.max(axis=0))
        if self.freedom is not None:
            largest /= np.sqrt(rng.chisquare(self.freedom, draws) / self.freedom)
        return max(one, float(np.quantile(largest, 0.95)))

    @property
    def _enough(self) -> float:
        """By how much the log-likelihood has to fall where one side never lost. The chance of such votes falls by as much, and
        none are more extreme: between two models alone this is exact, and half the square of the critical value too little."""
        return -log(NormalDist().cdf(-self.critical))

    @cached_property
    def ahead(self) -> NDArray[np.bool_]:
        """[models, models] whether the one is surely ahead of the other."""
        lead = self.fit.beta[:, None] - self.fit.beta[None, :]
        same = self.group_of[:, None] == self.group_of[None, :]
        found = same & (lead > self.critical * self.errors)
        for i, j in np.argwhere(~same & (lead > 0)).tolist():
            found[i, j] = self._surely(i, j)
        return np.asarray(found)

    @cached_property
    def _rows(self) -> list[Integers]:
        """The rows of each model's votes."""
        both = np.concatenate([self.counted.first, self.counted.second])
        order = np.argsort(both, kind="stable")
        ends = np.searchsorted(both[order], np.arange(self.votes.n_models + 1))
        n = len(self.counted.first)
        return [order[low:high] % n for low, high in pairwise(ends)]

    def _fall(self, model: int, other: int) -> float:
        """By how much the log-likelihood falls where `model` is as strong as `other`, all else held."""
        rows, m, votes = self._rows[model], self.votes.n_models, self.counted
        parameters = self.fit.parameters
        tau = float(parameters[m]) if votes.ties else None
        gamma = parameters[len(parameters) - votes.covariates.shape[1] :]
        style, values = votes.covariates[rows] @ gamma, []
        for strength in (self.fit.beta[model], self.fit.beta[other]):
            beta = self.fit.beta.copy()
            beta[model] = strength
            lead = beta[votes.first[rows]] - beta[votes.second[rows]] + style
            values.append(float(votes.weight[rows] @ log_chances(lead, votes.outcome[rows], tau)))
        return values[0] - values[1]

    def _surely(self, i: int, j: int) -> bool:
        """Whether the best fit in which both are equal is unlikely enough, i being ahead by an infinite difference."""
        enough = self._enough
        # With all else held, the likelihood falls by more than in the best fit: what is too little here is so there.
        if any(
            self._fall(a, b) < enough for a, b in sorted(((i, j), (j, i)), key=lambda pair: len(self._rows[pair[0]]))
        ):
            return False
        if self.fits_left <= 0:
            return False
        self.fits_left -= 1
        equal = fit(self.counted, Constraint(i, (j,), 0.0), self.fit.parameters)
        return self.fit.log_likelihood - equal.log_likelihood > enough

    def difference(self, i: int, others: Sequence[int]) -> Difference:
        """How far model `i` is ahead of another, or of the mean of others, which share a group."""
        if self.group_of[i] == self.group_of[others[0]]:
            weights = np.zeros(len(self.covariance))
            weights[list(others)] = -1 / len(others)
            weights[i] += 1
            value = float(weights @ self.fit.parameters)
            half = self.critical * sqrt(max(0.0, float(weights @ self.covariance @ weights)))
            return Difference(value, value - half, value + half)
        lead = float(self.fit.beta[i] - self.fit.beta[list(others)].mean())
        end = self._end(i, tuple(others), lead)
        return Difference(None, end, None) if lead > 0 else Difference(None, None, end)

    def _end(self, i: int, others: tuple[int, ...], lead: float) -> float | None:
        """Where the profile likelihood has fallen far enough between −lead and lead; None if it does not fall so far."""
        there = self.fit

        def beyond(by: float) -> float:
            nonlocal there
            there = fit(self.counted, Constraint(i, others, by), there.parameters)
            return self.fit.log_likelihood - there.log_likelihood - self._enough

        if beyond(-lead) <= 0:
            return None
        return float(brentq(beyond, -lead, lead, xtol=1e-4))

    @cached_property
    def ranks(self) -> list[tuple[int, int]]:
        """The best and the worst rank of each model."""
        m = self.votes.n_models
        best, worst = 1 + self.ahead.sum(axis=0), m - self.ahead.sum(axis=1)
        return list(zip(best.tolist(), worst.tolist(), strict=True))

    def votes_to_tell(self, i: int, j: int) -> float | None:
        """How many votes in all would separate two models four times in five, if they differ as they seem to; None where they
        do not differ, or by no likeliest value."""
        lead = abs(float(self.fit.beta[i] - self.fit.beta[j]))
        if self.group_of[i] != self.group_of[j] or lead < 1e-9:
            return None
        return self.votes.n * ((self.critical + POWER_80) * float(self.errors[i, j]) / lead) ** 2
