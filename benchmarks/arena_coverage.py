"""How often the simultaneous 95 % intervals and the ranks of `arena` hold the truth, on made-up votes.

    python benchmarks/arena_coverage.py [--trials 1000] [--seed 0]

Each trial draws votes from known strengths, 30 % of them ties at equal strength, and fits them. Where voters differ, each has
own strengths beside the common ones; the truth is then what all voters together would give (fitted to 400,000 votes). Counted:
trials in which every difference lies in its interval; in which every rank lies in its set; and in which the percentiles of
a bootstrap of single votes, which know no voters, hold every difference.
"""

from __future__ import annotations

import argparse

import numpy as np

from ropescope.quality.ratings.davidson import Array, Votes, fit
from ropescope.quality.ratings.ranks import Ratings, groups

CASES = (
    # models, votes, voters (0: each vote its own), spread of strengths, spread of a voter's own
    (2, 100, 0, 0.3, 0.0),
    (5, 200, 0, 0.3, 0.0),
    (5, 2000, 0, 0.3, 0.0),
    (20, 1000, 0, 0.5, 0.0),
    (20, 10_000, 0, 0.5, 0.0),
    (5, 1000, 20, 0.3, 1.0),
    (5, 1000, 100, 0.3, 1.0),
    (20, 4000, 100, 0.5, 1.0),
)
TAU = float(np.log(2 * 0.3 / 0.7))
RESAMPLES = 200


def draw(beta: Array, n: int, voters: int, own: float, rng: np.random.Generator) -> Votes:
    """Votes on pairs at random."""
    m = len(beta)
    first = rng.integers(0, m, n)
    second = (first + rng.integers(1, m, n)) % m
    voter = rng.integers(0, voters, n) if voters else np.arange(n)
    lead = beta[first] - beta[second]
    if voters:
        taste = rng.normal(0, own, (voters, m))
        lead = lead + taste[voter, first] - taste[voter, second]
    win, lose = np.exp(lead / 2), np.exp(-lead / 2)
    total = win + lose + np.exp(TAU)
    u = rng.random(n) * total
    outcome = np.where(u < win, 1, np.where(u < win + lose, -1, 0))
    return Votes(m, first, second, outcome, np.zeros((n, 0)), voter if voters else None)


def holds(truth: Array, ratings: Ratings) -> tuple[bool, bool]:
    """(every difference lies in its interval, every rank in its set)."""
    m = len(truth)
    every = True
    for i in range(m):
        for j in range(i):
            if ratings.group_of[i] == ratings.group_of[j]:
                lead = ratings.fit.beta[i] - ratings.fit.beta[j]
                every &= abs(truth[i] - truth[j] - lead) <= ratings.critical * ratings.errors[i, j]
            elif ratings.ahead[i, j] or ratings.ahead[j, i]:
                every &= bool(ratings.ahead[i, j]) == bool(truth[i] > truth[j])
    rank = 1 + (truth[None, :] > truth[:, None]).sum(axis=1)
    return bool(every), all(low <= r <= high for r, (low, high) in zip(rank, ratings.ranks, strict=True))


def bootstrap_holds(truth: Array, votes: Votes, rng: np.random.Generator) -> bool:
    """Whether percentiles of resampled votes hold every difference, each pair at 95 % for itself."""
    drawn = []
    for _ in range(RESAMPLES):
        rows = rng.integers(0, votes.n, votes.n)
        again = Votes(
            votes.n_models, votes.first[rows], votes.second[rows], votes.outcome[rows], votes.covariates[rows]
        )
        drawn.append(fit(again.counted()).beta)
    beta = np.array(drawn)
    lead = beta[:, :, None] - beta[:, None, :]
    low, high = np.quantile(lead, (0.025, 0.975), axis=0)
    true = truth[:, None] - truth[None, :]
    return bool(((low <= true) & (true <= high)).all())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bootstrap", type=int, default=200, help="trials that are bootstrapped too")
    given = parser.parse_args()
    print("models votes voters | differences ranks bootstrap-of-votes (each %)")
    for m, n, voters, spread, own in CASES:
        rng = np.random.default_rng(given.seed)
        beta = rng.normal(0, spread, m)
        truth = fit(draw(beta, 400_000, 400_000, own, rng).counted()).beta if voters else beta
        seen, ranked, resampled, trials = 0, 0, [], 0
        while trials < given.trials:
            votes = draw(beta, n, voters, own, rng)
            if len(groups(votes)) > 1:
                continue
            trials += 1
            every, rank = holds(truth, Ratings(votes))
            seen, ranked = seen + every, ranked + rank
            if trials <= given.bootstrap:
                resampled.append(bootstrap_holds(truth, votes, rng))
        once = f"{100 * np.mean(resampled):.1f}" if resampled else "–"
        print(f"{m} {n} {voters or '–'} | {100 * seen / trials:.1f} {100 * ranked / trials:.1f} {once}", flush=True)


if __name__ == "__main__":
    main()
