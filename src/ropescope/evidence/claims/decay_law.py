"""Claims on which law the decay follows (C4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.measurement import PROTOCOL_OFFSET, Measurement, Refit
from ropescope.evidence.verdicts.claim import Baseline, Finding
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.statistics import aicc, bic, cluster_interval
from ropescope.measure.shapes import SHAPES, Shape
from ropescope.report.report import Column, Fact, Table

Array = NDArray[np.float64]
MARGIN = 2.0
"""A difference in AICc that counts; below it two laws are not told apart. (Burnham and Anderson 2002, §2.6.)"""
LEAST_POINTS = 5

# Each law is a line in ln A: what is taken off first, and what the rest is regressed on (None: a level alone).
_LAWS: Mapping[str, tuple[Callable[[Array], Array], Callable[[Array], Array] | None]] = {
    "power d^−γ": (np.zeros_like, np.log),
    "exponential e^(−λd)": (np.zeros_like, lambda d: d),
    "uniform 1/(d + 50)": (lambda d: -np.log(d + PROTOCOL_OFFSET), None),
    "power × uniform": (lambda d: -np.log(d + PROTOCOL_OFFSET), np.log),
    "(d + 50)^−g": (np.zeros_like, lambda d: np.log(d + PROTOCOL_OFFSET)),
}
_POWER = "power d^−γ"
# Laws with one parameter more, as the measuring room has them: a cutoff cuts, a log-normal bends down, 0 < β < 1.
_BENT: Mapping[str, Shape] = {
    shape.name: shape for shape in SHAPES if shape.name in ("power with cutoff", "log-normal", "stretched exponential")
}
_MOST = 20.0
"""Bound of a shape's parameters, in the units it is written in, as the measuring room has it."""


@claim(
    "C4",
    subject="decay law",
    statement="Attention decays as a power law, not exponentially: R² is higher in 54 of 56 measurements.",
    published_in="Part I, §26 (power law against exponential)",
    data="attention by distance of the 56 fitted measurements",
    filter="distances from 30 on, as published",
    formula="count of measurements with R²(ln A on ln d) > R²(ln A on d); then AICc of five laws, BIC of eight",
    verdict_rule="reproduced if the power law wins in at least 54",
)
def power_beats_exponential(evidence: Evidence) -> Finding:
    """The count, and what the same test says of uniform attention and of laws that are not exponential."""
    panel = evidence.panel(rope=False)
    wins = np.array([m.refit.r2 > m.refit.r2_exponential for m in panel])
    uniform = [_of_uniform(m) for m in panel]
    enough = [m for m in panel if m.refit.points >= LEAST_POINTS]
    near, far = _contest(enough, 30), _contest(panel, 10)
    bent_near, bent_far = _bent_contest(enough, 30), _bent_contest(panel, 10)
    cut = sum(scores["power with cutoff"] < scores[_POWER] for scores in bent_near)
    low, high = cluster_interval(np.sum, [m.model for m in panel], wins)
    uniform_wins = sum(u.r2 > u.r2_exponential for u in uniform)
    uniform_beats = sum(scores["uniform 1/(d + 50)"] < scores[_POWER] for scores in near)
    return Finding(
        quantity="measurements in which the power law has the higher R²",
        value=int(wins.sum()),
        interval=(low, high),
        interval_by="cluster bootstrap over 28 models",
        published=54,
        n=f"{len(panel)} measurements of {len({m.model for m in panel})} models",
        baselines=(Baseline("uniform attention in the same design", uniform_wins),),
        verdict="reproduced" if wins.sum() >= 54 else "not reproduced",
        reason=(
            f"The power law wins in {wins.sum()} of {len(panel)}, but in {uniform_wins} where attention is uniform, and by "
            f"AICc uniform attention, which has no exponent at all, beats it in {uniform_beats} of {len(near)}."
        ),
        facts=(
            Fact(
                "power ahead of exponential by AICc > 2, d ≥ 30", _ahead(near, "exponential e^(−λd)"), f"of {len(near)}"
            ),
            Fact("the same over all distances", _ahead(far, "exponential e^(−λd)"), f"of {len(far)}"),
            Fact("power ahead of every other law by AICc > 2, d ≥ 30", _ahead(near), f"of {len(near)}"),
            Fact("the same over all distances", _ahead(far), f"of {len(far)}"),
            Fact(
                "R² above that of uniform attention",
                sum(m.refit.r2 > u.r2 for m, u in zip(panel, uniform, strict=True)),
                f"of {len(panel)}",
            ),
            Fact("power with cutoff ahead of power by BIC, d ≥ 30", cut, f"of {len(near)}"),
            Fact(
                "the same if the cutoff may also rise",
                sum(_rising_ahead(m) for m in enough),
                f"of {len(near)}",
                note="a factor e^(+λd), which lifts the far end where a cutoff would cut it",
            ),
        ),
        tables=(
            Table(
                "Law with the least AICc",
                (Column("law"), Column("d ≥ 30"), Column("all distances")),
                tuple((law, _best(near).count(law), _best(far).count(law)) for law in _LAWS),
                note=f"d ≥ 30: the {len(near)} measurements with at least five points. ln A, normal errors.",
            ),
            Table(
                "Law with the least BIC, bent ones among them",
                (Column("law"), Column("d ≥ 30"), Column("all distances")),
                tuple((law, _best(bent_near).count(law), _best(bent_far).count(law)) for law in (*_LAWS, *_BENT)),
                note="AICc has no value for three parameters on five points, hence BIC.",
            ),
        ),
    )


def _of_uniform(m: Measurement) -> Refit:
    """The published fit of attention that does not decay, at the distances of m."""
    return Refit.of(m.distances, 1 / (m.distances + PROTOCOL_OFFSET), m.fit_from)


def _contest(panel: Sequence[Measurement], least: float) -> list[dict[str, float]]:
    """AICc of every law for each measurement, over the distances from `least` on."""
    return [
        {law: aicc(rest, len(d), parameters) for law, (rest, parameters) in _fits(d, y).items()}
        for d, y in (_points(m, least) for m in panel)
    ]


def _bent_contest(panel: Sequence[Measurement], least: float) -> list[dict[str, float]]:
    """BIC of every law, the bent ones too."""
    contest = []
    for d, y in (_points(m, least) for m in panel):
        fits = _fits(d, y) | {name: (_bent_rest(shape, d, y), 1 + len(shape.start)) for name, shape in _BENT.items()}
        contest.append({law: bic(rest, len(d), parameters) for law, (rest, parameters) in fits.items()})
    return contest


def _points(m: Measurement, least: float) -> tuple[Array, Array]:
    kept = m.distances >= least
    return m.distances[kept], np.log(m.attention[kept])


def _fits(d: Array, y: Array) -> dict[str, tuple[float, int]]:
    """Residual sum of squares of each law and how many parameters it has."""
    fits = {}
    for law, (offset, regressor) in _LAWS.items():
        columns = [] if regressor is None else [regressor(d)]
        fits[law] = _rest(y - offset(d), *columns), 1 + len(columns)
    return fits


def _rest(y: Array, *columns: Array) -> float:
    """Residual sum of squares of y on the columns and a level."""
    design = np.column_stack([np.ones_like(y), *columns])
    residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return float(residual @ residual)


def _bent_rest(shape: Shape, d: Array, y: Array) -> float:
    """The same for a shape that is no line in ln A."""
    relative, x = d / d[-1], np.log(d)

    def residual(parameters: Array) -> Array:
        rest = y - shape.log_law(parameters, relative, x)
        return np.asarray(rest - rest.mean())

    return float(2 * least_squares(residual, shape.start, bounds=(-_MOST, _MOST)).cost)


def _rising_ahead(m: Measurement) -> bool:
    """Whether d^−γ e^(−λd) with λ of either sign has a lower BIC than the power law."""
    d, y = _points(m, 30)
    return bic(_rest(y, np.log(d), d), len(d), 3) < bic(_rest(y, np.log(d)), len(d), 2)


def _best(contest: list[dict[str, float]]) -> list[str]:
    return [min(scores, key=lambda law: scores[law]) for scores in contest]


def _ahead(contest: list[dict[str, float]], rival: str | None = None) -> int:
    """In how many the power law is ahead of `rival`, or of all others, by more than the margin."""
    return sum(
        all(scores[law] - scores[_POWER] > MARGIN for law in scores if law != _POWER and rival in (None, law))
        for scores in contest
    )
