"""Claims on which law the decay follows (C4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ropescope.evidence.claim import Baseline, Finding
from ropescope.evidence.evidence import Evidence
from ropescope.evidence.measurement import PROTOCOL_OFFSET, Measurement, Refit
from ropescope.evidence.registry import claim
from ropescope.evidence.statistics import aicc, cluster_interval
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


@claim(
    "C4",
    subject="decay law",
    statement="Attention decays as a power law, not exponentially: R² is higher in 54 of 56 measurements.",
    published_in="Part I, §26 (power law against exponential)",
    data="attention by distance of the 56 fitted measurements",
    filter="distances from 30 on, as published",
    formula="count of measurements with R²(ln A on ln d) > R²(ln A on d); then AICc of five laws",
    verdict_rule="reproduced if the power law wins in at least 54",
)
def power_beats_exponential(evidence: Evidence) -> Finding:
    """The count, and what the same test says of uniform attention and of laws that are not exponential."""
    panel = evidence.panel(rope=False)
    wins = np.array([m.refit.r2 > m.refit.r2_exponential for m in panel])
    uniform = [_of_uniform(m) for m in panel]
    enough = [m for m in panel if m.refit.points >= LEAST_POINTS]
    near, far = _contest(enough, 30), _contest(panel, 10)
    low, high = cluster_interval(np.sum, [m.model for m in panel], wins)
    uniform_wins = sum(u.r2 > u.r2_exponential for u in uniform)
    uniform_beats = sum(scores["uniform 1/(d + 50)"] < scores["power d^−γ"] for scores in near)
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
        ),
        tables=(
            Table(
                "Law with the least AICc",
                (Column("law"), Column("d ≥ 30"), Column("all distances")),
                tuple((law, _best(near).count(law), _best(far).count(law)) for law in _LAWS),
                note=f"d ≥ 30: the {len(near)} measurements with at least five points. ln A, normal errors.",
            ),
        ),
    )


def _of_uniform(m: Measurement) -> Refit:
    """The published fit of attention that does not decay, at the distances of m."""
    return Refit.of(m.distances, 1 / (m.distances + PROTOCOL_OFFSET), m.fit_from)


def _contest(panel: Sequence[Measurement], least: float) -> list[dict[str, float]]:
    """AICc of every law for each measurement, over the distances from `least` on."""
    return [_scores(m.distances[m.distances >= least], m.attention[m.distances >= least]) for m in panel]


def _scores(d: Array, attention: Array) -> dict[str, float]:
    y = np.log(attention)
    scores = {}
    for law, (offset, regressor) in _LAWS.items():
        rest = y - offset(d)
        columns = [np.ones_like(d)] + ([] if regressor is None else [regressor(d)])
        design = np.column_stack(columns)
        residual = rest - design @ np.linalg.lstsq(design, rest, rcond=None)[0]
        scores[law] = aicc(float((residual**2).sum()), len(d), len(columns))
    return scores


def _best(contest: list[dict[str, float]]) -> list[str]:
    return [min(scores, key=lambda law: scores[law]) for scores in contest]


def _ahead(contest: list[dict[str, float]], rival: str | None = None) -> int:
    """In how many the power law is ahead of `rival`, or of all others, by more than the margin."""
    power = "power d^−γ"
    return sum(
        all(scores[law] - scores[power] > MARGIN for law in _LAWS if law != power and rival in (None, law))
        for scores in contest
    )
