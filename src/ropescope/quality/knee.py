"""Knee: the smallest cache budget at which a method adds no more loss than is allowed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

Array = NDArray[np.float64]


def knee(budgets: Array, added: Array, allowed: float) -> float:
    """The smallest budget whose added loss is at most `allowed` nats a token; 1 for `allowed` below zero.

    budgets: shares of the whole cache, rising; added: [budgets] mean added loss. The means are made monotone (least squares,
    more cache never worse), joined by straight lines and by one to zero at the whole cache.
    """
    if allowed < 0:
        return 1.0
    monotone = np.maximum(isotonic_regression(added, increasing=False).x, 0.0)
    curve, shares = np.append(monotone, 0.0), np.append(budgets, 1.0)
    first = int(np.argmax(curve <= allowed))
    if first == 0:
        return float(shares[0])
    part = (curve[first - 1] - allowed) / (curve[first - 1] - curve[first])
    return float(shares[first - 1] + part * (shares[first] - shares[first - 1]))
