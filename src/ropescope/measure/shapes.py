"""Which law does the decay follow? Candidate shapes compared by held-out likelihood over prompts.

Each shape is fitted to the attention of some prompts and scored on prompts it has not seen: the mean log-likelihood of
where their attention falls, in nats. A richer shape cannot win by fitting noise, and "not separable" is a legal answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, stdtrit

from ropescope.measure.exponent import DistanceBins

Array = NDArray[np.float64]

_FOLDS = 10
_LEAST_PROMPTS = 4
_LEVEL = 0.95
_STEP = 1e-6


@dataclass(frozen=True, slots=True)
class Shape:
    """A candidate law: ln A(d) up to a constant, from distance relative to the longest, ln d, and free parameters."""

    name: str
    formula: str
    start: tuple[float, ...]
    log_law: Callable[[Array, Array, Array], Array]


def _stretched(p: Array, r: Array, x: Array) -> Array:
    return np.asarray(-((np.exp(p[0]) * r) ** expit(p[1])))


def _log_normal(p: Array, r: Array, x: Array) -> Array:
    return np.asarray(-p[0] * x - np.exp(p[1]) * (x - x[0]) ** 2)


def _logarithmic(p: Array, r: Array, x: Array) -> Array:
    return np.asarray(np.log1p(-expit(p[0]) * (x - x[0]) / (x[-1] - x[0])))


def _offset_power(p: Array, r: Array, x: Array) -> Array:
    return np.asarray(np.logaddexp(-np.logaddexp(0, -p[1]), -np.logaddexp(0, p[1]) - p[0] * (x - x[0])))


SHAPES: tuple[Shape, ...] = (
    Shape("uniform", "A ∝ 1", (), lambda p, r, x: np.zeros_like(x)),
    Shape("power", "A ∝ d^−γ", (0.7,), lambda p, r, x: -p[0] * x),
    Shape("exponential", "A ∝ exp(−d/ξ)", (0.0,), lambda p, r, x: -np.exp(p[0]) * r),
    Shape("stretched exponential", "A ∝ exp(−(d/ξ)^β), 0 < β < 1", (1.0, 0.0), _stretched),
    Shape("power with cutoff", "A ∝ d^−γ·exp(−d/ξ)", (0.7, -2.0), lambda p, r, x: -p[0] * x - np.exp(p[1]) * r),
    Shape("log-normal", "A ∝ d^(−a − b·ln d), b > 0", (0.7, -4.0), _log_normal),
    Shape("logarithmic", "A ∝ a − ln d (RoPE's mean kernel)", (1.0,), _logarithmic),
    Shape("offset power", "A ∝ c + d^−γ", (0.9, -4.0), _offset_power),
)


@dataclass(frozen=True, slots=True)
class ShapeScore:
    """How well a shape foretells prompts it has not seen.

    held_out_nats: mean over prompts of Σ p ln q, higher is better. behind_best_nats: how far behind the best, with the
    half-width of its 95 % interval over prompts. gamma: the fitted exponent where the shape has one, all prompts in.
    """

    name: str
    formula: str
    held_out_nats: float
    behind_best_nats: float
    behind_best_half_width: float
    parameters: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ShapeComparison:
    """Scores, best first. `separable`: the best beats every other beyond the 95 % interval of their paired difference."""

    scores: tuple[ShapeScore, ...]
    separable: bool
    equals: tuple[str, ...]
    """Shapes that cannot be told from the best, the best among them."""

    @property
    def best(self) -> str:
        """The shape with the highest held-out likelihood."""
        return self.scores[0].name


def compare_shapes(mass: Array, bins: DistanceBins) -> ShapeComparison | None:
    """Compare all shapes on `mass` [prompts, bins]; None with fewer than four prompts, where nothing can be held out."""
    n_prompts = mass.shape[0]
    share = mass / mass.sum(axis=1, keepdims=True)
    if n_prompts < _LEAST_PROMPTS or not np.isfinite(share).all():
        return None
    fold = np.arange(n_prompts) % min(_FOLDS, n_prompts)
    fitter = _Fitter(bins)
    held_out = np.empty((len(SHAPES), n_prompts))
    whole = []
    for index, shape in enumerate(SHAPES):
        parameters = fitter.fit(shape, share.mean(axis=0), np.array(shape.start))
        whole.append(parameters)
        for part in range(fold.max() + 1):
            fitted = fitter.fit(shape, share[fold != part].mean(axis=0), parameters)
            held_out[index, fold == part] = share[fold == part] @ fitter.log_probability(shape, fitted)
    order = np.argsort(-held_out.mean(axis=1))
    best = held_out[order[0]]
    quantile = float(stdtrit(n_prompts - 1, (1 + _LEVEL) / 2))
    scores = []
    for index in order:
        behind = best - held_out[index]
        scores.append(
            ShapeScore(
                name=SHAPES[index].name,
                formula=SHAPES[index].formula,
                held_out_nats=float(held_out[index].mean()),
                behind_best_nats=float(behind.mean()),
                behind_best_half_width=float(quantile * behind.std(ddof=1) / np.sqrt(n_prompts)),
                parameters=tuple(float(value) for value in whole[index]),
            )
        )
    equals = tuple(s.name for s in scores if s.behind_best_nats <= s.behind_best_half_width)
    return ShapeComparison(tuple(scores), separable=len(equals) == 1, equals=equals)


class _Fitter:
    """Maximum-likelihood fits of shapes to shares by bin."""

    def __init__(self, bins: DistanceBins) -> None:
        distance, weight, self.owner = bins.nodes()
        self.relative = distance / distance[-1]
        self.log_distance = np.log(distance)
        self.log_weight = np.log(weight)
        self.starts = np.flatnonzero(np.diff(self.owner, prepend=-1))

    def log_probability(self, shape: Shape, parameters: Array) -> Array:
        """[..., bins] ln of the shape's share of attention in each bin, for parameters [parameters, ...]."""
        law = shape.log_law(parameters[..., None], self.relative, self.log_distance) + self.log_weight
        law = np.exp(law - law.max(axis=-1, keepdims=True))
        share = np.add.reduceat(law, self.starts, axis=-1)
        return np.asarray(np.log(np.maximum(share, 1e-300)) - np.log(share.sum(axis=-1, keepdims=True)))

    def fit(self, shape: Shape, share: Array, start: Array) -> Array:
        """The parameters that maximise Σ share·ln q."""
        n = len(start)
        if not n:
            return start
        # The value and its central differences in one call: scipy would make several, at several times the cost.
        steps = _STEP * np.concatenate([np.zeros((n, 1)), np.eye(n), -np.eye(n)], axis=1)

        def loss(parameters: Array) -> tuple[float, Array]:
            values = -(self.log_probability(shape, parameters[:, None] + steps) @ share)
            return float(values[0]), (values[1 : n + 1] - values[n + 1 :]) / (2 * _STEP)

        result = minimize(
            loss,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=[(-20.0, 20.0)] * n,
            options={"ftol": 1e-12, "gtol": 1e-8},
        )
        return np.asarray(result.x)
