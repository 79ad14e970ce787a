"""Claims on the KV window D_f that a power law gives (C7, C7b, C7c, F6)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.sweeps import Sweep, cache_sweeps, named_budgets
from ropescope.evidence.verdicts.claim import Baseline, Finding, judged
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.sample import Array, Row, baseline, column, fact, short_name
from ropescope.evidence.verdicts.statistics import RESAMPLES, SEED, cluster_interval, correlation, others_mean
from ropescope.measure.bootstrap import bootstrap_interval
from ropescope.report.report import Fact
from ropescope.theory.window import compression_window

ZONE = (0.65, 0.85)
"""The range of γ in which the published recipe is applied."""
SHARE = 0.9
"""The share of the attention that the paper's recipe keeps."""
NEAR = 0.1
"""How near, as a share of the whole cache, a named budget must lie to count as found."""
NULLS = ("random tokens",)
"""Methods whose sweep nobody would follow."""


@claim(
    "C7",
    subject="KV window",
    statement="D_f(γ) predicts the operating point that sweeps over the KV window find.",
    published_in="Part I, §26.7",
    data="perplexity of seven Pythia models over windows of a context of 2,048",
    formula="correlation of the published D_f at f = 0.9 with the observed knee, and its mean error in tokens",
    verdict_rule="reproduced if the error's interval lies below the error of a constant",
    tables=("kv_windows",),
)
def window_predicts_knee(evidence: Evidence) -> Finding:
    """The error of D_f, as published and as the exact sum gives it, beside the mean knee of the other models."""
    rows = evidence.table("kv_windows")
    models = [row["model"] for row in rows]
    knee, published = column(rows, "knee"), column(rows, "window_published")
    exact = np.array([_exact(row) for row in rows], dtype=np.float64)
    rivals = {
        "D_f by the exact sum": exact,
        "mean knee of the other models": others_mean(knee, models),
        "median knee": np.full(len(knee), np.median(knee)),
        "whole context": column(rows, "context"),
    }
    error = np.abs(published - knee)
    low, high = cluster_interval(np.mean, models, error)
    baselines = [baseline(name, np.mean, models, np.abs(guess - knee)) for name, guess in rivals.items()]
    constant = baselines[1].value
    return Finding(
        quantity="mean error of D_f against the knee",
        value=float(error.mean()),
        unit="tokens",
        interval=(low, high),
        interval_by="bootstrap over models",
        n=f"{len(rows)} models of one family",
        baselines=tuple(baselines),
        verdict=judged(high < constant),
        reason=(
            f"D_f correlates with the knee at r = {correlation(published, knee):.2f} ({correlation(exact, knee):.2f} by the exact "
            f"sum), and the mean knee of the other models is off by {constant:.0f} tokens where D_f is off by {error.mean():.0f}."
        ),
        facts=(
            fact("correlation of D_f and the knee", correlation, models, published, knee),
            fact("by the exact sum", correlation, models, exact, knee),
        ),
    ).with_table(
        "Windows in tokens",
        "model | γ :.3f | D_f as published :,d | D_f exact :,d | knee :,d | best window :,d | ΔPPL at D_f :+.2f",
        [
            (
                short_name(row),
                row["gamma"],
                row["window_published"],
                _exact(row),
                row["knee"],
                int(row["windows"][int(np.argmin(row["perplexity"]))]),
                _cost(row),
            )
            for row in rows
        ],
    )


@claim(
    "C7b",
    subject="KV window",
    statement="Keeping D_f tokens costs no perplexity (ΔPPL ≤ 0) where 0.65 ≤ γ ≤ 0.85 (F6).",
    published_in="Part I, falsification ledger, F6",
    data="perplexity of seven Pythia models over windows of a context of 2,048",
    filter="the models with γ between 0.65 and 0.85",
    formula="share of models whose perplexity at D_f is at most that of the whole context",
    verdict_rule="reproduced if it holds for every model in the zone",
    tables=("kv_windows",),
)
def window_is_free(evidence: Evidence) -> Finding:
    """How many models in the zone lose nothing at D_f, and how many lose nothing at a window chosen without γ."""
    rows = evidence.table("kv_windows")
    zone = _in_zone(rows)
    free = sum(_cost(row) <= 0 for row in zone)
    worst = max(zone, key=_cost)
    sizes = (1024, 1280, 1536)
    fixed = {size: sum(_cost(row, size) <= 0 for row in zone) for size in sizes}
    _, at_1280, at_1536 = (sum(_cost(row, size) <= 0 for row in rows) for size in sizes)
    return Finding(
        quantity="models in the zone without loss at D_f",
        value=free,
        published=len(zone),
        n=f"{len(zone)} of {len(rows)} models",
        interval_by=f"none: {len(zone)} models",
        baselines=tuple(Baseline(f"window of {size:,}", count) for size, count in fixed.items()),
        verdict=judged(free == len(zone)),
        reason=(
            f"{free} of {len(zone)} models in the zone lose nothing, {short_name(worst)} loses {_cost(worst):.2f}, and a fixed "
            f"window of 1,280 or 1,536 loses nothing in {at_1280} and {at_1536} of all {len(rows)}."
        ),
        facts=tuple(Fact(f"ΔPPL of {short_name(row)}", _cost(row), note=f"γ = {row['gamma']}") for row in zone),
    )


@claim(
    "C7c",
    subject="KV window",
    statement="D_f predicts, without a sweep, the operating point that sweeps of SnapKV, PyramidKV and others find.",
    published_in="Part I, §26.7 and the abstract",
    data="added loss of SmolLM2-135M-Instruct on held-out prose, code and tables, by method and cache budget, measured here",
    filter="methods other than random tokens",
    formula="mean |D_0.9(γ, N)/N − knee| over methods and lengths; γ measured, the knee where a sweep adds 1 % to the loss",
    verdict_rule="reproduced if the error's interval lies below 10 % of the cache",
    tables=(),
    measured_by="benchmarks/cache_sweeps.py",
)
def window_names_budget(evidence: Evidence) -> Finding:
    """How far D_f lies from the knee of every method, beside the budget that a plan names by scoring other text."""
    sweeps = [sweep for sweep in cache_sweeps() if sweep.method not in NULLS]
    names = {(row["model"], row["length"]): row for row in named_budgets()}
    knees = np.array([sweep.knee() for sweep in sweeps])
    closed = np.array([_closed_form(names[sweep.model, sweep.length]) for sweep in sweeps])
    own = [place for place, sweep in enumerate(sweeps) if sweep.method == "planned"]
    named = np.array([names[sweeps[place].model, sweeps[place].length]["planned"] for place in own])
    own_error = float(np.abs(named - knees[own]).mean())
    drawn = _resampled(sweeps)
    fewest = min(len(sweep.texts) for sweep in sweeps)
    low, high = map(float, bootstrap_interval(np.abs(closed - drawn).mean(axis=1), fewest))
    own_low, own_high = map(float, bootstrap_interval(np.abs(named - drawn[:, own]).mean(axis=1), fewest))
    n_texts = sorted({(sweep.length, len(sweep.texts)) for sweep in sweeps})
    plan = "a plan that names its own budget on other text, from its own knee"
    return Finding(
        quantity="mean distance of D_f from the knee",
        value=float(np.abs(closed - knees).mean()),
        unit="of the cache",
        interval=(low, high),
        interval_by="bootstrap over texts",
        n=", ".join(f"{count} texts at {length:,} tokens" for length, count in n_texts) + ", one model",
        baselines=(
            Baseline("half of the cache", float(np.abs(0.5 - knees).mean())),
            Baseline(plan, own_error, (own_low, own_high)),
        ),
        verdict=judged(high < NEAR),
        reason=(
            f"D_f names {' or '.join(dict.fromkeys(f'{value:.0%}' for value in closed))} of the cache whatever the method, "
            f"and knees lie between {knees.min():.0%} and {knees.max():.0%}; a plan scored on other text is {own_error:.0%} from "
            "its own knee."
        ),
    ).with_table(
        "Where the sweep adds 1 % to the loss, and what was named",
        "length [tokens] :,d | method | knee :.1% | low :.1% | high :.1% | D_f :.1% | D_f − knee :+.1%",
        [
            (sweep.length, sweep.method, knee, *ends, df, df - knee)
            for sweep, knee, df, *ends in zip(sweeps, knees, closed, *bootstrap_interval(drawn, fewest), strict=True)
        ],
    )


# C7b counts the models; this entry is about how much is lost.
@claim(
    "F6",
    subject="KV window",
    statement="Cutting the KV cache to D_f tokens costs no perplexity (ΔPPL ≤ 0) where 0.65 ≤ γ ≤ 0.85.",
    published_in="falsification ledger, F6: confirmed (Pythia-2.8B, ΔPPL = −0.51)",
    data="perplexity of seven Pythia models over windows of a context of 2,048, and an earlier run of two of them",
    filter="the models with γ between 0.65 and 0.85",
    formula="perplexity at D_f less that of the whole context, the largest over models",
    verdict_rule="reproduced if the largest is at most 0",
    tables=("kv_windows", "kv_windows_earlier"),
)
def loss_at_the_window(evidence: Evidence) -> Finding:
    """The largest change of perplexity at D_f, beside that at windows chosen without γ."""
    zone = _in_zone(evidence.table("kv_windows"))
    changes = {short_name(row): _cost(row) for row in zone}
    worst = max(changes, key=lambda name: changes[name])
    (earlier,) = _in_zone(evidence.table("kv_windows_earlier"))
    name, before = short_name(earlier), _cost(earlier)
    # A longer window cannot hurt but by noise: how far perplexity rises from one window to the next tells its size.
    noise = float(np.diff(earlier["perplexity"]).max())
    return Finding(
        quantity="largest ΔPPL at D_f in the zone",
        value=changes[worst],
        published=0.0,
        n=f"{len(zone)} models of one family",
        interval_by=f"none: {len(zone)} models, one run each",
        baselines=tuple(
            Baseline(f"window of {size:,}", max(_cost(row, size) for row in zone)) for size in (1024, 1280, 1536)
        ),
        verdict=judged(changes[worst] <= 0),
        reason=(
            f"{worst} loses {changes[worst]:.2f}, and the gain that is published for {name}, {before:.2f} "
            f"({changes[name]:.2f} when repeated), is of the size of the noise, for from one window to a longer one "
            f"its perplexity rises by {noise:.2f}."
        ),
        facts=(
            *(Fact(f"ΔPPL of {each}", change) for each, change in changes.items()),
            Fact(f"ΔPPL of {name}, earlier run", before),
            Fact(f"largest rise of {name} from a window to the next", noise, note="earlier run"),
        ),
    )


def _in_zone(rows: Iterable[Row]) -> list[Row]:
    """The models to which the published recipe applies."""
    return [row for row in rows if ZONE[0] <= row["gamma"] <= ZONE[1]]


def _exact(row: Row) -> int:
    return compression_window(row["gamma"], row["context"], row["fraction"])


def _cost(row: Row, window: int | None = None) -> float:
    """Perplexity at a window of the sweep, the published D_f if none is given, less that of the whole context."""
    at = dict(zip(row["windows"], row["perplexity"], strict=True))
    return float(at[row["window_published"] if window is None else window] - at[row["context"]])


def _closed_form(row: Row) -> float:
    length = int(row["length"])
    return min(1.0, compression_window(row["gamma"], length, SHARE) / length)


def _resampled(sweeps: list[Sweep]) -> Array:
    """[resamples, sweeps] knees when texts are drawn anew; methods of one length share the drawn texts."""
    rng = np.random.default_rng(SEED)
    lengths = {sweep.length: len(sweep.texts) for sweep in sweeps}
    found = np.empty((RESAMPLES, len(sweeps)))
    for row in range(RESAMPLES):
        texts = {length: rng.integers(0, count, count) for length, count in lengths.items()}
        found[row] = [sweep.knee(texts[sweep.length]) for sweep in sweeps]
    return found
