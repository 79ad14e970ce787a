"""Bradley and Terry's model of paired comparisons, with Davidson's ties and covariates, by maximum likelihood.

With d = β_first − β_second + x·γ, first wins, second wins and a tie are as likely as exp(d/2) : exp(−d/2) : exp(τ). Of votes
that are no tie, first wins the share 1 / (1 + exp(−d)), as in Elo's scale: 400 points are a factor of ten.
Davidson 1970, J. Am. Stat. Assoc. 65(329); his ν is exp(τ). Errors are sandwich errors, clustered by voter where there are
enough of them (Liang and Zeger 1986, Biometrika 73(1)).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import log
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

ELO: Final = 400 / log(10)
"""Elo points of a unit of β."""

RIDGE: Final = 1e-6
"""Keeps β finite where the likelihood has no maximum; elsewhere it moves β by less than a millionth of itself."""

_CLUSTERS_AT_ONCE: Final = 4096


@dataclass(frozen=True, slots=True)
class Votes:
    """Votes between models 0 … m − 1: the index of both models, and 1 (first wins), −1 (second wins) or 0 (a tie).

    covariates: [votes, q], each the first's minus the second's. voter: [votes], equal numbers for votes of one voter; None
    where every vote stands for itself. weight: how many votes each row is.
    """

    n_models: int
    first: Integers
    second: Integers
    outcome: Integers
    covariates: Array
    voter: Integers | None = None
    weight: Array = field(default_factory=lambda: np.ones(0))

    def __post_init__(self) -> None:
        if not len(self.weight):
            object.__setattr__(self, "weight", np.ones(len(self.first)))

    @property
    def n(self) -> int:
        """The number of votes."""
        return int(self.weight.sum())

    @property
    def ties(self) -> bool:
        """Whether any vote is a tie."""
        return bool((self.outcome == 0).any())

    def counted(self) -> Votes:
        """The same votes with equal ones in one row, without their voters; as they are where they have covariates."""
        if self.covariates.shape[1]:
            return replace(self, voter=None)
        low, high = np.minimum(self.first, self.second), np.maximum(self.first, self.second)
        outcome = np.where(self.first <= self.second, self.outcome, -self.outcome)
        key = (low * self.n_models + high) * 3 + outcome + 1
        found, place = np.unique(key, return_inverse=True)
        pair = found // 3
        return Votes(
            self.n_models, pair // self.n_models, pair % self.n_models, found % 3 - 1,
            np.zeros((len(found), 0)), None, np.bincount(place, self.weight).astype(np.float64),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fit:
    """A maximum of the likelihood: β of each model (their mean is 0), τ where there are ties, γ; and the log-likelihood."""

    parameters: Array
    n_models: int
    log_likelihood: float

    @property
    def beta(self) -> Array:
        """[models] log strength."""
        return self.parameters[: self.n_models]


@dataclass(frozen=True, slots=True)
class Constraint:
    """β of `model` is the mean of the β of `others`, plus `by`."""

    model: int
    others: tuple[int, ...]
    by: float


def fit(votes: Votes, constraint: Constraint | None = None, start: Array | None = None) -> Fit:
    """The likeliest parameters, of those that meet `constraint`; `start` are parameters to begin at."""
    m, size = votes.n_models, votes.n_models + votes.ties + votes.covariates.shape[1]
    at = slice(0, 0) if constraint is None else constraint.model
    weights = np.zeros(size)
    if constraint is not None:
        weights[list(constraint.others)] = 1 / len(constraint.others)
    weights = np.delete(weights, at)
    here = np.zeros(size) if start is None else start.copy()

    def moved(by: Array) -> Array:
        """`here` with its free parameters moved and the bound one where the constraint has it."""
        there = np.delete(here, at) + by
        return there if constraint is None else np.insert(there, constraint.model, weights @ there + constraint.by)

    here = moved(np.zeros(len(weights)))
    value, gradient, information = _penalised(votes, here)
    for _ in range(200):
        step = _step(gradient, information, constraint, weights)
        for halving in range(40):
            there = moved(step / 2**halving)
            new, new_gradient, new_information = _penalised(votes, there)
            if new >= value - 1e-9 * (1 + abs(value)):
                break
        here, value, gradient, information = there, new, new_gradient, new_information
        if np.abs(step).max() < 1e-7:
            break
    return Fit(here - _shift(here, m), m, log_likelihood(votes, here)[0])


def _step(gradient: Array, information: Array, constraint: Constraint | None, weights: Array) -> Array:
    """Newton's step of the free parameters: the bound one is `weights` times those."""
    if constraint is None:
        return np.asarray(np.linalg.solve(information, gradient))
    at = constraint.model
    own, across = information[at, at], np.delete(information[at], at)
    free = np.delete(np.delete(information, at, axis=0), at, axis=1)
    free += np.outer(weights, across) + np.outer(across, weights) + own * np.outer(weights, weights)
    return np.asarray(np.linalg.solve(free, np.delete(gradient, at) + weights * gradient[at]))


def _shift(parameters: Array, n_models: int) -> Array:
    shift = np.zeros_like(parameters)
    shift[:n_models] = parameters[:n_models].mean()
    return shift


def covariance(votes: Votes, found: Fit) -> Array:
    """The sandwich covariance of the parameters; only differences of β are meant, whose mean is held."""
    counted = votes.counted()
    bread = np.linalg.inv(_penalised(counted, found.parameters)[2])
    if votes.voter is None:
        _, _, residual, residual_tie = log_likelihood(counted, found.parameters)
        w = counted.weight
        meat = _quadratic(counted, w * residual**2, w * residual * residual_tie, w * residual_tie**2)
    else:
        meat = _clustered(votes, found.parameters)
    return np.asarray(bread @ meat @ bread)


def _clustered(votes: Votes, parameters: Array) -> Array:
    """The sum over voters of the outer product of their scores, times G / (G − 1)."""
    assert votes.voter is not None
    _, _, residual, residual_tie = log_likelihood(votes, parameters)
    _, place = np.unique(votes.voter, return_inverse=True)
    order = np.argsort(place, kind="stable")
    place, n = place[order], int(place.max()) + 1
    first, second, covariates = votes.first[order], votes.second[order], votes.covariates[order]
    residual, residual_tie = residual[order], residual_tie[order]
    size, m = len(parameters), votes.n_models
    meat = np.zeros((size, size))
    for begin in range(0, n, _CLUSTERS_AT_ONCE):
        end = min(begin + _CLUSTERS_AT_ONCE, n)
        here = slice(*np.searchsorted(place, (begin, end)))
        row = place[here] - begin
        scores = np.zeros((end - begin, size))
        np.add.at(scores, (row, first[here]), residual[here])
        np.add.at(scores, (row, second[here]), -residual[here])
        if votes.ties:
            np.add.at(scores[:, m], row, residual_tie[here])
        for k in range(covariates.shape[1]):
            np.add.at(scores[:, size - covariates.shape[1] + k], row, residual[here] * covariates[here, k])
        meat += scores.T @ scores
    return meat * n / (n - 1)


def log_likelihood(votes: Votes, parameters: Array) -> tuple[float, tuple[Array, Array, Array], Array, Array]:
    """The log-likelihood, the probabilities of each row (first, second, tie), and its derivatives by d and by τ."""
    m, q = votes.n_models, votes.covariates.shape[1]
    beta, gamma = parameters[:m], parameters[len(parameters) - q :]
    half = (beta[votes.first] - beta[votes.second] + votes.covariates @ gamma) / 2
    top = np.abs(half)
    if votes.ties:
        top = np.maximum(top, parameters[m])
        tie = np.exp(parameters[m] - top)
    else:
        tie = np.zeros_like(half)
    first, second = np.exp(half - top), np.exp(-half - top)
    total = first + second + tie
    first, second, tie = first / total, second / total, tie / total
    tied = votes.outcome == 0
    chosen = np.where(tied, parameters[m] if votes.ties else 0.0, votes.outcome * half)
    value = float(votes.weight @ (chosen - top - np.log(total)))
    return value, (first, second, tie), (votes.outcome - (first - second)) / 2, tied - tie


def log_chances(lead: Array, outcome: Integers, tau: float | None) -> Array:
    """[rows] the log-probability of each outcome where the first leads by `lead`; τ is None where no vote is a tie."""
    half = lead / 2
    total = np.logaddexp(half, -half)
    if tau is None:
        return np.asarray(outcome * half - total)
    return np.asarray(np.where(outcome == 0, tau, outcome * half) - np.logaddexp(total, tau))


def _penalised(votes: Votes, parameters: Array) -> tuple[float, Array, Array]:
    """Log-likelihood, gradient and information with the ridge, and with the mean of β held at 0."""
    m, w = votes.n_models, votes.weight
    value, (first, second, tie), residual, residual_tie = log_likelihood(votes, parameters)
    lead = first - second
    information = _quadratic(votes, w * (first + second - lead**2) / 4, -w * lead * tie / 2, w * tie * (1 - tie))
    gradient = np.zeros_like(parameters)
    gradient[:m] = np.bincount(votes.first, w * residual, m) - np.bincount(votes.second, w * residual, m)
    if votes.ties:
        gradient[m] = w @ residual_tie
    q = votes.covariates.shape[1]
    gradient[len(parameters) - q :] = votes.covariates.T @ (w * residual)
    mean = parameters[:m].mean()
    value -= RIDGE / 2 * float(parameters @ parameters) + m * mean**2 / 2
    gradient -= RIDGE * parameters
    gradient[:m] -= mean
    information[np.diag_indices_from(information)] += RIDGE
    information[:m, :m] += 1 / m
    return value, gradient, information


def _quadratic(votes: Votes, by_d: Array, by_both: Array, by_tie: Array) -> Array:
    """Σ over rows of the matrix [[by_d, by_both], [by_both, by_tie]] of (d, τ), in the parameters."""
    m, x = votes.n_models, votes.covariates
    q = x.shape[1]
    size = m + votes.ties + q
    found = np.zeros((size, size))
    pairs = np.bincount(votes.first * m + votes.second, by_d, m * m).reshape(m, m)
    pairs = pairs + pairs.T
    found[:m, :m] = np.diag(pairs.sum(axis=1)) - pairs

    def by_model(values: Array) -> Any:
        return np.bincount(votes.first, values, m) - np.bincount(votes.second, values, m)

    if votes.ties:
        found[:m, m] = found[m, :m] = by_model(by_both)
        found[m, m] = by_tie.sum()
        found[m, size - q :] = found[size - q :, m] = x.T @ by_both
    for k in range(q):
        at = size - q + k
        found[:m, at] = found[at, :m] = by_model(by_d * x[:, k])
        found[at, size - q :] = x.T @ (by_d * x[:, k])
    return found


def inflation(votes: Votes, found: Fit) -> list[float | None]:
    """By how much each covariate's variance grows since the models are fitted too (1: not at all); None: it never varies."""
    q = votes.covariates.shape[1]
    information = _penalised(votes, found.parameters)[2]
    variance = np.diag(np.linalg.inv(information))
    at = range(len(variance) - q, len(variance))
    return [
        None if not votes.covariates[:, k].any() else float(variance[i] * information[i, i]) for k, i in enumerate(at)
    ]
