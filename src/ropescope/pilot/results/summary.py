"""What the finished runs say: intervals over seeds for each arm, differences paired by seed, and what stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan, log, nan, sqrt
from statistics import fmean, stdev

from ropescope.errors import MeasurementError
from ropescope.measure.protocol import LEGACY_FIT_FROM, LEGACY_OFFSET, legacy_distances
from ropescope.pilot.arms import Arm
from ropescope.pilot.predictions import Judged, judge, predictions, slope, statistics
from ropescope.pilot.results.result import PilotResult, Reading
from ropescope.quality.intervals import Interval, paired
from ropescope.theory.decay import gamma_pade
from ropescope.theory.nulls import uniform_null_exponent

REFERENCE: float = 10_000.0
"""The other arms are compared with the base that is nearest to this one."""
LEAST_SEEDS = 2


@dataclass(frozen=True, slots=True)
class Summary:
    """gammas: γ by base, of `seeds`, which are finished at every base. judged: what stands of each statement. slope: of γ on
    ln θ. on_pade: of γ on γ_Padé. pade_errors: |γ/γ_Padé − 1| of the mean at each base. constant_error, pade_error: mean
    absolute errors, of the other bases' mean and of γ_Padé."""

    seeds: tuple[int, ...]
    gammas: dict[float, list[float]]
    judged: tuple[Judged, ...]
    slope: Interval
    on_pade: Interval
    pade: dict[float, float]
    pade_error: float
    constant_error: float

    @property
    def pade_errors(self) -> dict[float, float]:
        """By base; infinite where γ_Padé is zero."""
        return {
            theta: abs(fmean(values) / self.pade[theta] - 1) if self.pade[theta] else float("inf")
            for theta, values in self.gammas.items()
        }

    @property
    def spread_over_seeds(self) -> float:
        """Root of the mean variance of γ over seeds at one base."""
        return sqrt(fmean(stdev(values) ** 2 for values in self.gammas.values()))


def summarise(result: PilotResult) -> Summary:
    """Over the seeds that are finished at every base. Raises MeasurementError where these are fewer than two."""
    bases = result.rope
    seeds = result.paired_seeds(*bases)
    if len(seeds) < LEAST_SEEDS:
        raise MeasurementError(
            f"{len(seeds)} of the seeds are finished at every base, and an interval needs {LEAST_SEEDS}: give more `seeds` or a "
            "larger `budget`, or go on with `resume`."
        )
    gammas = {_theta(arm): [result.of(arm)[seed].last.gamma for seed in seeds] for arm in bases}
    measured = statistics(gammas)
    pade = {theta: gamma_pade(theta, float(result.length)) for theta in gammas}
    means = {theta: fmean(values) for theta, values in gammas.items()}
    return Summary(
        seeds=tuple(seeds),
        gammas=gammas,
        judged=judge(predictions(list(gammas), result.length), measured),
        slope=paired(slopes(gammas, log)),
        on_pade=paired(slopes(gammas, pade.__getitem__)),
        pade=pade,
        pade_error=fmean(abs(means[theta] - pade[theta]) for theta in means),
        constant_error=fmean(abs(means[theta] - fmean(means[o] for o in means if o != theta)) for theta in means),
    )


def slopes(gammas: dict[float, list[float]], x: Callable[[float], float]) -> list[float]:
    """The slope of γ on x(θ), one a seed."""
    at = [x(theta) for theta in gammas]
    return [slope(at, values) for values in zip(*gammas.values(), strict=True)]


def over_seeds(result: PilotResult, arm: Arm, value: Callable[[Reading], float | None]) -> Interval:
    """The mean over the finished seeds of a number of the last reading, with its interval; NaN where there is none."""
    found = [value(run.last) for run in result.of(arm).values()]
    kept = [each for each in found if each is not None]
    return paired(kept) if kept else Interval(nan, None, None, 0)


def known(found: Interval) -> float | None:
    """The value; None for the NaN of an interval over nothing."""
    return None if isnan(found.value) else found.value


def difference(result: PilotResult, arm: Arm, reference: Arm, value: Callable[[Reading], float]) -> Interval | None:
    """`arm` less `reference`, seed by seed; None where they share none."""
    ours, theirs = result.of(arm), result.of(reference)
    shared = result.paired_seeds(arm, reference)
    return paired([value(ours[seed].last) - value(theirs[seed].last) for seed in shared]) if shared else None


def reference_of(result: PilotResult) -> Arm:
    """The arm that others are compared with."""
    return min(result.rope, key=lambda arm: abs(log(_theta(arm) / REFERENCE)))


def predicted(result: PilotResult, arm: Arm) -> float | None:
    """γ_Padé of an arm at the length of the trial; None without a RoPE base."""
    return None if arm.theta is None else gamma_pade(arm.theta, float(result.length))


def legacy_null(length: int) -> float | None:
    """What the published protocol reads of uniform attention over the distances that `length` holds; None below four."""
    fitted = tuple(distance for distance in legacy_distances(length) if distance >= LEGACY_FIT_FROM)
    return uniform_null_exponent(tuple(map(float, fitted)), LEGACY_OFFSET).gamma if len(fitted) >= 4 else None


def _theta(arm: Arm) -> float:
    assert arm.theta is not None
    return arm.theta
