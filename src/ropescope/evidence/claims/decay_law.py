"""Claims on the law that the decay follows, and on its amplitude (C4, F18)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from scipy.optimize import least_squares
from scipy.special import gamma as gamma_function

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.measurement import Measurement, Refit
from ropescope.evidence.verdicts.claim import Baseline, Finding, judged
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.sample import Array, Sample
from ropescope.evidence.verdicts.statistics import aicc, bic, correlation
from ropescope.measure.protocol import LEGACY_OFFSET
from ropescope.measure.shapes import SHAPES, Shape
from ropescope.report.report import Fact
from ropescope.theory.thermodynamics import partition_function

MARGIN = 2.0
"""A difference in AICc that counts; below it two laws are not told apart. (Burnham and Anderson 2002, §2.6.)"""
LEAST_POINTS = 5

# Each law is a line in ln A: what is taken off first, and what the rest is regressed on (None: a level alone).
_LAWS: Mapping[str, tuple[Callable[[Array], Array], Callable[[Array], Array] | None]] = {
    "power d^−γ": (np.zeros_like, np.log),
    "exponential e^(−λd)": (np.zeros_like, lambda d: d),
    "uniform 1/(d + 50)": (lambda d: -np.log(d + LEGACY_OFFSET), None),
    "power × uniform": (lambda d: -np.log(d + LEGACY_OFFSET), np.log),
    "(d + 50)^−g": (np.zeros_like, lambda d: np.log(d + LEGACY_OFFSET)),
}
_POWER, _EXPONENTIAL, _UNIFORM = list(_LAWS)[:3]
# Laws with one parameter more, as the measuring room has them: a cutoff cuts, a log-normal bends down, 0 < β < 1.
_BENT: Mapping[str, Shape] = {
    shape.name: shape for shape in SHAPES if shape.name in ("power with cutoff", "log-normal", "stretched exponential")
}
_BENDING: Mapping[str, Callable[[Array, Array], Array]] = {
    "power with cutoff": lambda relative, x: relative,
    "log-normal": lambda relative, x: (x - x[0]) ** 2,
}
"""What is added to a power law with a coefficient below zero; where it would be above, nothing is the best fit."""
_MOST = 20.0
"""Bound of a shape's parameters, in the units it is written in, as the measuring room has it."""

Scores = list[dict[str, float]]
"""A criterion of every law, for each measurement."""


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
    panel = Sample(evidence.panel(rope=False))
    wins = np.array([m.refit.r2 > m.refit.r2_exponential for m in panel])
    uniform = [_of_uniform(m) for m in panel]
    enough = panel.where(lambda m: m.refit.points >= LEAST_POINTS)
    near, far = _aicc(enough, 30), _aicc(panel, 10)
    bent_near, bent_far = _bic(enough, 30), _bic(panel, 10)
    cut = sum(scores["power with cutoff"] < scores[_POWER] for scores in bent_near)
    uniform_wins = sum(u.r2 > u.r2_exponential for u in uniform)
    uniform_beats = sum(scores[_UNIFORM] < scores[_POWER] for scores in near)
    above = sum(m.refit.r2 > u.r2 for m, u in zip(panel, uniform, strict=True))
    of_near, of_all = f"of {len(near)}", f"of {len(panel)}"
    rising = "a factor e^(+λd), which lifts the far end where a cutoff would cut it"
    header = "law | d ≥ 30 | all distances"
    return (
        Finding(
            quantity="measurements in which the power law has the higher R²",
            value=int(wins.sum()),
            interval=panel.interval(np.sum, wins),
            interval_by="cluster bootstrap over 28 models",
            published=54,
            n=f"{len(panel)} measurements of {panel.n_models} models",
            baselines=(Baseline("uniform attention in the same design", uniform_wins),),
            verdict=judged(wins.sum() >= 54),
            reason=(
                f"The power law wins in {wins.sum()} of {len(panel)}, but in {uniform_wins} where attention is uniform, and by "
                f"AICc uniform attention, which has no exponent at all, beats it in {uniform_beats} of {len(near)}."
            ),
            facts=(
                Fact("power ahead of exponential by AICc > 2, d ≥ 30", _ahead(near, _EXPONENTIAL), of_near),
                Fact("the same over all distances", _ahead(far, _EXPONENTIAL), of_all),
                Fact("power ahead of every other law by AICc > 2, d ≥ 30", _ahead(near), of_near),
                Fact("the same over all distances", _ahead(far), of_all),
                Fact("R² above that of uniform attention", above, of_all),
                Fact("power with cutoff ahead of power by BIC, d ≥ 30", cut, of_near),
                Fact("the same if the cutoff may also rise", sum(map(_rising_ahead, enough)), of_near, note=rising),
            ),
        )
        .with_table(
            "Law with the least AICc",
            header,
            [(law, _best(near).count(law), _best(far).count(law)) for law in _LAWS],
            note=f"d ≥ 30: the {len(near)} measurements with at least five points. ln A, normal errors.",
        )
        .with_table(
            "Law with the least BIC, bent ones among them",
            header,
            [(law, _best(bent_near).count(law), _best(bent_far).count(law)) for law in (*_LAWS, *_BENT)],
            note="AICc has no value for three parameters on five points, hence BIC.",
        )
    )


@claim(
    "F18",
    subject="decay law",
    statement="The amplitude A(1) of the power law is 1/Γ(1 − γ), the prefactor of a Mittag-Leffler function.",
    published_in="falsification ledger, F18: refuted by the author (n = 39, ratio 0.23)",
    data="attention by distance of the 56 fitted measurements",
    filter="those with γ < 1, where 1/Γ(1 − γ) is positive",
    formula="median of A(1) Γ(1 − γ), A(1) the amplitude of the published fit",
    verdict_rule="reproduced if the interval of the median holds 1",
)
def mittag_leffler_amplitude(evidence: Evidence) -> Finding:
    """The median ratio, how A(1) and the prefactor go together, and the amplitude that makes A a distribution."""
    panel = Sample(evidence.panel(rope=False)).where(lambda m: m.gamma < 1)
    amplitude = panel.values(_amplitude)
    prefactor = np.asarray(1 / gamma_function(1 - panel.gamma))
    of_normal = amplitude / panel.values(lambda m: 1 / partition_function(m.gamma, int(m.longest)))
    ratio = amplitude / prefactor
    low, high = panel.interval(np.median, ratio)
    logs = np.log(prefactor), np.log(amplitude)
    as_factor = "standard deviation as a factor"
    return Finding(
        quantity="median of A(1) Γ(1 − γ)",
        value=float(np.median(ratio)),
        interval=(low, high),
        interval_by=f"cluster bootstrap over {panel.n_models} models",
        published=1.0,
        n=f"{len(panel)} measurements with γ < 1",
        baselines=(panel.baseline("A(1) over what makes A sum to 1", np.median, of_normal),),
        verdict=judged(low <= 1 <= high),
        reason=(
            f"A(1) is {np.median(ratio):.2f} times the prefactor in the median, as the author found, and grows where the prefactor "
            f"falls (r = {correlation(*logs):.2f} of their logarithms)."
        ),
        facts=(
            panel.fact("correlation of ln A(1) and −ln Γ(1 − γ)", correlation, *logs),
            Fact("scatter of the ratio", _factor(ratio), note=as_factor),
            Fact("scatter of A(1) alone", _factor(amplitude), note=f"{as_factor}: the prefactor adds to it"),
            Fact("scatter of A(1) over what makes A sum to 1", _factor(of_normal), note=as_factor),
        ),
    )


def _of_uniform(m: Measurement) -> Refit:
    """The published fit of attention that does not decay, at the distances of m."""
    return Refit.of(m.distances, 1 / (m.distances + LEGACY_OFFSET), m.fit_from)


def _aicc(panel: Iterable[Measurement], least: float) -> Scores:
    """AICc of every law, over the distances from `least` on."""
    points = [_points(m, least) for m in panel]
    return [{law: aicc(rest, len(d), n) for law, (rest, n) in _fits(d, y).items()} for d, y in points]


def _bic(panel: Iterable[Measurement], least: float) -> Scores:
    """BIC of every law, the bent ones too."""
    scores = []
    for d, y in (_points(m, least) for m in panel):
        fits = _fits(d, y) | {name: (_bent_rest(shape, d, y), 1 + len(shape.start)) for name, shape in _BENT.items()}
        scores.append({law: bic(rest, len(d), parameters) for law, (rest, parameters) in fits.items()})
    return scores


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
    """The same for a shape that is not a line in ln A."""
    relative, x = d / d[-1], np.log(d)
    if shape.name in _BENDING:
        bend = _BENDING[shape.name](relative, x)
        design = np.column_stack([np.ones_like(y), x, bend])
        falls = np.linalg.lstsq(design, y, rcond=None)[0][-1] <= 0
        return _rest(y, x, bend) if falls else _rest(y, x)

    def residual(parameters: Array) -> Array:
        rest = y - shape.log_law(parameters, relative, x)
        return np.asarray(rest - rest.mean())

    return float(2 * least_squares(residual, shape.start, bounds=(-_MOST, _MOST)).cost)


def _rising_ahead(m: Measurement) -> bool:
    """Whether d^−γ e^(−λd) with λ of either sign has a lower BIC than the power law."""
    d, y = _points(m, 30)
    return bic(_rest(y, np.log(d), d), len(d), 3) < bic(_rest(y, np.log(d)), len(d), 2)


def _best(scores: Scores) -> list[str]:
    return [min(one, key=lambda law: one[law]) for one in scores]


def _ahead(scores: Scores, rival: str | None = None) -> int:
    """In how many the power law is ahead of `rival`, or of all others, by more than the margin."""
    rivals = [law for law in _LAWS if law != _POWER and rival in (None, law)]
    return sum(all(one[law] - one[_POWER] > MARGIN for law in rivals) for one in scores)


def _amplitude(m: Measurement) -> float:
    """A(1) of the published fit A(1) d^−γ."""
    kept = m.distances >= m.fit_from
    return float(np.exp((np.log(m.attention[kept]) + m.gamma * np.log(m.distances[kept])).mean()))


def _factor(values: Array) -> float:
    return float(np.exp(np.log(values).std(ddof=1)))
