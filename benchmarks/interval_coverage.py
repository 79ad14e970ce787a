"""How often the 95 % intervals over prompts hold the truth: on real prompts, and on made-up ones that differ little or widely.

    python benchmarks/interval_coverage.py [SOURCE] [--population FILE] [--length 512] [--prompts 120] [--trials 1000]

Real: SOURCE is measured on `--prompts` prompts (or a kept profile is read with `--population`). They are the population, and
its numbers the truth; samples are drawn from it with replacement. Made up: `tests/support/made_prompts.py`, whose population
exponent is known in closed form. Texts: the losses behind cuts of the cache that are shipped with the evidence, 48 texts and
nine methods. Beside each interval stands the one of version 0.1.0, on the same samples: expanded percentiles of a cluster
bootstrap. Prints the tables of docs/results/coverage.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ropescope.compress.evaluate.results.result import TextScore, TradeoffResult
from ropescope.compress.evaluate.results.summary import added, measured_knee
from ropescope.evidence.sweeps import LIMIT, Sweep, cache_sweeps
from ropescope.measure.bootstrap import bootstrap_interval, resample_weights, resampled
from ropescope.measure.curve import Decay, fitted_curve, published_decay
from ropescope.measure.estimates import Estimate
from ropescope.measure.exponent import maximum_likelihood_exponent, power_law_coefficients, windows_tokens
from ropescope.measure.instrument import Request, run
from ropescope.measure.intervals import Draws, log_contrast, normal_draws
from ropescope.measure.profile import DecayProfile
from ropescope.measure.protocol import FixedLength
from ropescope.measure.session import Plan
from ropescope.measure.summary import DEFAULT_D_MIN, WINDOW_SHARES, likeliest_exponent, window_estimate

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
from made_prompts import PopulationOfPrompts

Array = NDArray[np.float64]
Ends = tuple[Array, Array]
Case = tuple[str, float | Array, Ends, Ends]
"""A name, the truth, and the ends of the interval now and before; arrays for many at once."""

SIZES = (3, 4, 6, 8, 12, 24, 48)
RESAMPLES = 1000
MADE_UP = {
    "mild": PopulationOfPrompts(spread=0.05, noise=0.1, amplitude=0.1),
    "wide": PopulationOfPrompts(spread=0.15, noise=0.3, amplitude=0.3),
    "skewed": PopulationOfPrompts(spread=0.05, noise=0.1, amplitude=0.1, skew=0.06),
}
_PARTS_EVERY = 25
"""A sample has hundreds of heads, layers and points: they are looked at in one of so many."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", default="smollm2")
    parser.add_argument("--population", type=Path, help="a profile kept with `ropescope measure … --out`")
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--prompts", type=int, default=120)
    parser.add_argument("--trials", type=int, default=1000)
    given = parser.parse_args()
    for label, population in MADE_UP.items():
        print(f"\nMade up, {label}: {population}\n")
        _table(lambda n, rng, population=population: _made_up(population, n, rng), given.trials)
    if given.population:
        profile = DecayProfile.load(given.population)
    else:
        plan = Plan(FixedLength(length=given.length), prompts=given.prompts)
        profile = run(Request(given.source, plan=plan)).profile
    print(f"\nReal: {profile.provenance['model']}, {profile.n_prompts} prompts of {profile.protocol.length:,} tokens\n")
    real = _Real(profile)
    _table(real.sample, given.trials)
    print("\nTexts: added loss by budget, and knees\n")
    _table(_texts, max(1, given.trials // 10))


def _table(sample: Callable[[int, np.random.Generator], Callable[[int], Iterator[Case]]], trials: int) -> None:
    """Coverage in % now (and before) by number of prompts; then the median length now over that before."""
    rows: dict[str, list[str]] = {}
    for n in SIZES:
        seen: dict[str, list[Array]] = {}
        draw = sample(n, np.random.default_rng([0, n]))
        for trial in range(trials):
            for name, truth, now, before in draw(trial):
                held = [np.ravel((low <= truth) & (truth <= high)) for low, high in (now, before)]
                length = [np.ravel(high - low) for low, high in (now, before)]
                seen.setdefault(name, []).append(np.array([*held, *length], dtype=np.float64))
        for name, found in seen.items():
            now, before, *lengths = np.concatenate(found, axis=1)
            longer = np.nanmedian(lengths[0]) / np.nanmedian(lengths[1])
            rows.setdefault(name, []).append(f"{100 * now.mean():.1f} ({100 * before.mean():.1f}) ×{longer:.2f}")
    print("| prompts or texts | " + " | ".join(map(str, SIZES)) + " |")
    print("| --- |" + " --- |" * len(SIZES))
    for name, cells in rows.items():
        print(f"| {name} | " + " | ".join(cells) + " |")


def _ends(estimate: Estimate) -> Ends:
    low, high = estimate.ci or (np.nan, np.nan)
    return np.asarray(low), np.asarray(high)


def _exponent(name: str, truth: float, decay: Decay, draws: Draws, weights: Array) -> Case:
    low, high = bootstrap_interval(decay.resampled_gamma(weights), len(decay.weight))
    return name, truth, _ends(decay.gamma(draws)), (low, high)


def _made_up(population: PopulationOfPrompts, n: int, rng: np.random.Generator) -> Callable[[int], Iterator[Case]]:
    draws, weights = normal_draws(n, RESAMPLES, 0), resample_weights(n, RESAMPLES, 0)

    def draw(trial: int) -> Iterator[Case]:
        yield _exponent("γ", population.gamma, population.decay(n, rng), draws, weights)

    return draw


def _texts(n: int, rng: np.random.Generator) -> Callable[[int], Iterator[Case]]:
    """Added loss at each budget (Student's t, now and before), and the knee, of every method."""
    weights = resample_weights(n, RESAMPLES, 0)

    def draw(trial: int) -> Iterator[Case]:
        for sweep in cache_sweeps():
            chosen = rng.integers(len(sweep.texts), size=n)
            result = _tradeoff(sweep, chosen)
            means = [interval for interval in added(result, sweep.method) if interval is not None]
            now = np.array([i.low for i in means], float), np.array([i.high for i in means], float)
            yield "added loss", sweep.added.mean(axis=0), now, now
            found = measured_knee(result, sweep.method, LIMIT)
            assert found is not None and found.low is not None and found.high is not None
            drawn = [sweep.knee(np.repeat(chosen, np.round(row * n).astype(int))) for row in weights[:200]]
            low, high = bootstrap_interval(np.array(drawn), n)
            yield "knee", sweep.knee(), (np.asarray(found.low), np.asarray(found.high)), (low, high)

    return draw


def _tradeoff(sweep: Sweep, chosen: NDArray[np.int64]) -> TradeoffResult:
    budgets, name = tuple(sweep.budgets.tolist()), sweep.method
    texts = tuple(
        TextScore("", str(i), float(sweep.losses[i]), {name: tuple(sweep.added[i].tolist())}, {name: budgets})
        for i in chosen
    )
    return TradeoffResult("", sweep.length, 64, budgets, (name,), (), texts)


class _Real:
    """The prompts of a profile as a population, and its numbers as the truth."""

    def __init__(self, profile: DecayProfile) -> None:
        self.curve = fitted_curve(profile, DEFAULT_D_MIN)
        self.edges = profile.protocol.edges
        mass = profile.mass.astype(np.float64)
        self.whole = np.nanmean(mass, axis=(1, 2))
        self.sink = np.nanmean(profile.sink_mass.astype(np.float64), axis=(1, 2))
        self.published = published_decay(profile)
        bins = self.curve.bins
        # The layers that reach farthest: their heads, and last their mean.
        heads = mass[:, list(self.curve.group)][..., self.curve.selected] / bins.count
        self.parts = {"γ of a head": heads, "γ of a layer": np.nanmean(heads, axis=2)}

    def sample(self, n: int, rng: np.random.Generator) -> Callable[[int], Iterator[Case]]:
        """Samples of `n` prompts, and what each of them says."""
        draws, weights = normal_draws(n, RESAMPLES, 0), resample_weights(n, RESAMPLES, 0)
        decay, bins = self.curve.decay, self.curve.bins

        def before(values: Array, statistic: Callable[[Array], Array]) -> Ends:
            low, high = bootstrap_interval(resampled(values, weights, statistic), n)
            return low, high

        def draw(trial: int) -> Iterator[Case]:
            chosen = rng.integers(len(self.sink), size=n)
            yield _exponent("γ", float(decay.fit().gamma), replace(decay, weight=decay.weight[chosen]), draws, weights)

            def likeliest(mass: Array) -> Array:
                return maximum_likelihood_exponent(mass, bins)

            mass = self.curve.mass
            truth = float(likeliest(mass.mean(axis=0)))
            now = _ends(likeliest_exponent(mass[chosen], bins, draws))
            yield "γ, maximum likelihood", truth, now, before(mass[chosen], likeliest)
            for share in WINDOW_SHARES:

                def window(mass: Array, share: float = share) -> Array:
                    return windows_tokens(mass, self.edges, (share,))[..., 0]

                now = _ends(window_estimate(self.whole[chosen], self.edges, share, draws))
                truth = float(window(self.whole.mean(axis=0)))
                yield f"D{100 * share:.0f}", truth, now, before(self.whole[chosen], window)
            sink = self.sink[chosen]
            now = _ends(Estimate.of_share(sink, draws))
            yield "attention on sinks", self.sink.mean(), now, before(sink, lambda mean: mean)
            if trial % _PARTS_EVERY == 0:
                found = log_contrast(decay.weight[chosen][..., None], np.ones(1), draws)
                now = (np.exp(found.low), np.exp(found.high))
                yield (
                    "points of the curve",
                    decay.weight.mean(axis=0),
                    now,
                    before(decay.weight[chosen], lambda mean: mean),
                )
                yield from (self._part(name, weight, chosen, draws, before) for name, weight in self.parts.items())
            if self.published is not None:
                taken = replace(self.published, weight=self.published.weight[chosen])
                yield _exponent("γ, published protocol", float(self.published.fit().gamma), taken, draws, weights)

        return draw

    def _part(
        self, name: str, weight: Array, chosen: NDArray[np.int64], draws: Draws, before: Callable[..., Ends]
    ) -> Case:
        bins = self.curve.bins

        def gamma(mean: Array) -> Array:
            coefficients = power_law_coefficients(bins.log_distance, mean, bins.log_width)
            return np.asarray((coefficients * np.log(mean)).sum(axis=-1))

        taken = weight[chosen]
        coefficients = power_law_coefficients(bins.log_distance, taken.mean(axis=0), bins.log_width)
        found = log_contrast(taken, coefficients, draws)
        return name, gamma(weight.mean(axis=0)), (found.low, found.high), before(taken, gamma)


if __name__ == "__main__":
    main()
