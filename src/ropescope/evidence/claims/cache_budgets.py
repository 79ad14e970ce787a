"""The claim that a window from γ names the operating point of sweeps (C7c), on sweeps measured for ropescope."""

from __future__ import annotations

import numpy as np

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.sweeps import Sweep, cache_sweeps, named_budgets
from ropescope.evidence.verdicts.claim import Baseline, Finding
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.statistics import RESAMPLES, SEED
from ropescope.measure.bootstrap import bootstrap_interval
from ropescope.report.report import Column, Table
from ropescope.theory.window import compression_window

SHARE = 0.9
"""The share of the attention that the paper's recipe keeps."""
NEAR = 0.1
"""How near, as a share of the whole cache, a named budget must lie to count as found."""
NULLS = ("random tokens",)
"""Methods whose sweep nobody would follow."""


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
    error = float(np.abs(closed - knees).mean())
    own_error = float(np.abs(named - knees[own]).mean())
    drawn = _resampled(sweeps)
    fewest = min(len(sweep.texts) for sweep in sweeps)
    low, high = (float(end) for end in bootstrap_interval(np.abs(closed - drawn).mean(axis=1), fewest))
    own_low, own_high = (float(end) for end in bootstrap_interval(np.abs(named - drawn[:, own]).mean(axis=1), fewest))
    knees_low, knees_high = bootstrap_interval(drawn, fewest)
    half = float(np.abs(0.5 - knees).mean())
    n_texts = sorted({(sweep.length, len(sweep.texts)) for sweep in sweeps})
    return Finding(
        quantity="mean distance of D_f from the knee",
        value=error,
        unit="of the cache",
        interval=(low, high),
        interval_by="bootstrap over texts",
        n=", ".join(f"{count} texts at {length:,} tokens" for length, count in n_texts) + ", one model",
        baselines=(
            Baseline("half of the cache", half),
            Baseline(
                "a plan that names its own budget on other text, from its own knee", own_error, (own_low, own_high),
            ),
        ),
        verdict="reproduced" if high < NEAR else "not reproduced",
        reason=(
            f"D_f names {' or '.join(dict.fromkeys(f'{value:.0%}' for value in closed))} of the cache whatever the method, "
            f"and knees lie between {knees.min():.0%} and {knees.max():.0%}; a plan scored on other text is {own_error:.0%} from "
            "its own knee."
        ),
        tables=(
            Table(
                "Where the sweep adds 1 % to the loss, and what was named",
                (
                    Column("length", "tokens", ",d"), Column("method"), Column("knee", "", ".1%"), Column("low", "", ".1%"),
                    Column("high", "", ".1%"), Column("D_f", "", ".1%"), Column("D_f − knee", "", "+.1%"),
                ),
                tuple(
                    (
                        sweep.length, sweep.method, float(knee), float(low_end), float(high_end), float(named_by),
                        float(named_by - knee),
                    )
                    for sweep, knee, low_end, high_end, named_by in zip(
                        sweeps, knees, knees_low, knees_high, closed, strict=True
                    )
                ),
            ),
        ),
    )  # fmt: skip


def _closed_form(row: dict[str, float]) -> float:
    length = int(row["length"])
    return min(1.0, compression_window(row["gamma"], length, SHARE) / length)


def _resampled(sweeps: list[Sweep]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """[resamples, sweeps] knees when texts are drawn anew; methods of one length share the drawn texts."""
    rng = np.random.default_rng(SEED)
    lengths = {sweep.length: len(sweep.texts) for sweep in sweeps}
    found = np.empty((RESAMPLES, len(sweeps)))
    for row in range(RESAMPLES):
        texts = {length: rng.integers(0, count, count) for length, count in lengths.items()}
        found[row] = [sweep.knee(texts[sweep.length]) for sweep in sweeps]
    return found
