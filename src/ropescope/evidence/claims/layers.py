"""Claims on layers and heads, and on the course of training (C5, F3, F4, F12, F21)."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log

import numpy as np

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.verdicts.claim import Baseline, Finding, judged
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.sample import Row, short_name, variation
from ropescope.evidence.verdicts.statistics import correlation
from ropescope.report.report import Fact, Scalar

LIMIT = 0.20
GOOD = 0.9
ASYMMETRY = 13.5
WHOLE = 90.0
"""Per cent of the gap won back at which the author calls it whole; his other threshold is 99."""


@claim(
    "C5",
    subject="layers and heads",
    statement="The exponent hardly varies over layers: its coefficient of variation is below 0.20 in five of five models.",
    published_in="Part I, §26 (per-layer field)",
    data="exponents of every head of five Pythia models",
    filter="heads with a finite exponent; layers without any are left out",
    formula="standard deviation (n − 1) over mean of the layers' mean exponents",
    verdict_rule="reproduced if it is below 0.20 in all five",
    tables=("head_exponents",),
)
def even_layers(evidence: Evidence) -> Finding:
    """The variation over layers of each model, and of an untrained one, whose layers are alike without any theory."""
    rows = evidence.table("head_exponents")
    names = list(dict.fromkeys(row["model"] for row in rows if row["trained"]))
    lines = [_spread(name, [row for row in rows if row["model"] == name and row["trained"]]) for name in names]
    untrained = _spread("Pythia-1B, step 1", [row for row in rows if not row["trained"]])
    below, below_with_n = (sum(float(line[place] or 0) < LIMIT for line in lines) for place in (3, 4))
    return Finding(
        quantity="models with a variation over layers below 0.20",
        value=below,
        published=len(names),
        n=f"{len(names)} models of one family",
        interval_by=f"none: {len(names)} models",
        baselines=(Baseline("with n in place of n − 1", below_with_n),),
        verdict=judged(below == len(names)),
        reason=(
            f"It is below 0.20 in {below} of {len(names)} models, and an untrained network has {untrained[3]:.3f}, so that a low "
            "one is no evidence for a learned law."
        ),
    ).with_table(
        "Variation of the exponent",
        "model | heads without γ | layers without γ | over layers :.3f | with n :.3f | layer medians :.3f | "
        "over heads :.3f | good heads :.3f | median R² :.2f",
        (*lines, untrained),
        note="Standard deviation over mean. good heads: layer means of the heads with R² above 0.9.",
    )


@claim(
    "F3",
    subject="layers and heads",
    statement="Fisher information predicts what a forward hook recovers to 0.2 %: 12.5 % foretold, 12.3 % observed.",
    published_in="falsification ledger, F3: confirmed (one model)",
    data="none: no published file holds a recovery by hook, nor a Fisher information to foretell it",
    formula="foretold less observed recovery",
    verdict_rule="not testable until the run is published",
    tables=(),
)
def fisher_predicts_recovery(evidence: Evidence) -> Finding:
    """Nothing to recompute from."""
    return Finding(
        quantity="foretold less observed recovery",
        value=None,
        unit="%",
        published=0.2,
        n="no measurements",
        verdict="not testable from public data",
        reason="Neither the recovery nor the Fisher information that foretold it is in any published file.",
    )


@claim(
    "F4",
    subject="layers and heads",
    statement="Gating early layers costs 13.5 times as much perplexity as gating late ones (Pythia-70M).",
    published_in="falsification ledger, F4: confirmed (thermostat experiment)",
    data="perplexity of Pythia-1B with a gate on its early and on its late layers",
    filter="none; the experiment was published for no other model",
    formula="ΔPPL with early layers gated over ΔPPL with late ones",
    verdict_rule="reproduced if the ratio rounds to 13.5 in the model named; under a filter if in another",
    tables=("gated_layers",),
)
def layer_asymmetry(evidence: Evidence) -> Finding:
    """The ratio in perplexity, and in nats, where a loss twice as large counts twice."""
    rows = {row["gate"]: row for row in evidence.table("gated_layers")}
    early, late, plain = (rows[name]["perplexity"] for name in ("cool_early_layers", "cool_late_layers", "baseline"))
    ratio = (early - plain) / (late - plain)
    nats = log(early / plain) / log(late / plain)
    model = short_name(rows["baseline"])
    holds = abs(ratio - ASYMMETRY) < 0.05
    return Finding(
        quantity="ΔPPL with early layers gated over ΔPPL with late ones",
        value=ratio,
        published=ASYMMETRY,
        n="one run of one model",
        interval_by="none: one run of one model",
        baselines=(Baseline("the same in nats", nats),),
        verdict=judged(holds and model == "pythia-70m", holds),
        reason=(
            f"The ratio comes out as {ratio:.1f}, but in {model}, not in Pythia-70M, and in nats it is {nats:.1f}, since "
            "perplexity stretches the larger loss."
        ),
    ).with_table(
        f"Perplexity of {model} with gates",
        "gate | mean gate :.3f | perplexity :.2f | Δ :+.2f",
        [(name, row["mean_gate"], row["perplexity"], row["perplexity"] - plain) for name, row in rows.items()],
        note="mean gate as the file gives it; it is that of no gate at all where the late layers are gated.",
    )


@claim(
    "F12",
    subject="layers and heads",
    statement="In Mamba-2.8B the critical layer is 45, at 0.703 of the depth, in three seeds.",
    published_in="falsification ledger, F12: confirmed (three seeds)",
    data="recovery of a long-range log-probability by layer, Mamba-2.8B, two seeds",
    filter="none; the third seed is not in the public data",
    formula="first layer whose transplanted state wins back 90 % of the gap, and 99 %",
    verdict_rule="reproduced if it is layer 45 in every published seed at both thresholds",
    tables=("state_recovery",),
)
def critical_layer_of_mamba(evidence: Evidence) -> Finding:
    """The layer in each seed, at other thresholds, and where an even recovery would put it."""
    rows = evidence.table("state_recovery")
    curves = np.array([row["recovery"] for row in rows])
    depth = curves.shape[1]
    found = {share: [int(np.argmax(curve >= share)) for curve in curves] for share in (25.0, 50.0, 75.0, WHOLE, 99.0)}
    layer = found[WHOLE][0]
    steps = np.diff(curves.mean(axis=0))
    first, second = sorted(int(i) + 1 for i in np.argsort(-steps)[:2])
    share = float(np.sort(steps)[-2:].sum())
    return Finding(
        quantity="first layer with 90 % won back",
        value=layer,
        published=45,
        n=f"{len(rows)} seeds of one model, {rows[0]['prompts']} prompts each",
        interval_by=f"none: {len(rows)} seeds, at layers {' and '.join(map(str, found[WHOLE]))}",
        baselines=(
            Baseline("half won back", found[50.0][0]),
            Baseline("recovery in even steps over the depth", ceil(WHOLE / 100 * depth)),
        ),
        verdict=judged(set(found[WHOLE] + found[99.0]) == {45}),
        reason=(
            f"Both published seeds reach 90 and 99 % at layer {layer} of {depth} ({layer / depth:.3f}), though in two steps, at "
            f"layers {first} and {second}, that win back {share:.0f} %, and the last layer wins back all by construction."
        ),
    ).with_table(
        "First layer by share won back",
        ("share [%] :.0f", *(f"seed {row['seed']}" for row in rows)),
        [(threshold, *layers) for threshold, layers in found.items()],
    )


@claim(
    "F21",
    subject="training",
    statement="Over training the exponent follows tanh of the logarithm of the step (Pythia-1B).",
    published_in="falsification ledger, F21: refuted by the author (R² = 0.15 on four checkpoints)",
    data="exponents of four checkpoints of Pythia-1B, measured twice; nine checkpoints of Pythia-70M",
    formula="R² of least squares of γ on tanh(ln step)",
    verdict_rule="reproduced if R² is at least 0.9 in each run",
    tables=("checkpoint_exponents", "panel"),
)
def tanh_trajectory(evidence: Evidence) -> Finding:
    """R² in each run, and what tanh of the logarithm of a step is: 0 at the first and 1 at every later one."""
    runs: dict[str, dict[int, float]] = {}
    for row in evidence.table("checkpoint_exponents"):
        runs.setdefault(f"Pythia-1B, d ≤ {row['distances'][-1]:,.0f}", {})[row["step"]] = row["gamma"]
    small = {int(m.variant.removeprefix("step ")): m.gamma for m in evidence.measurements if m.series == "training"}
    by_tanh = {
        name: correlation([np.tanh(log(step)) for step in run], list(run.values())) ** 2 for name, run in runs.items()
    }
    first, second = runs
    gamma = runs[first]
    above = float(np.tanh(log(sorted(gamma)[1])))
    return Finding(
        quantity="R² of γ on tanh(ln step)",
        value=by_tanh[first],
        published=0.15,
        n="4 checkpoints of one model",
        interval_by="none: 4 checkpoints",
        baselines=(
            Baseline(
                "trained or not, in place of tanh", correlation([step > 1 for step in gamma], list(gamma.values())) ** 2
            ),
            Baseline(second, by_tanh[second]),
        ),
        verdict=judged(min(by_tanh.values()) >= GOOD),
        reason=(
            f"R² is {by_tanh[first]:.2f} as the author found and {by_tanh[second]:.2f} when the same checkpoints are measured at "
            f"shorter distances, and tanh(ln step) is already {above:.6f} at the second of them, so that it tells but trained "
            "from untrained."
        ),
        facts=(
            Fact(
                "γ at the first step and at the last",
                f"{gamma[1]:.3f} and {gamma[max(gamma)]:.3f}",
                note=f"and {max(gamma.values()):.3f} between them",
            ),
            Fact(
                "correlation of γ and ln step, Pythia-70M", correlation([log(s) for s in small], list(small.values()))
            ),
        ),
    ).with_table(
        "Exponents over training",
        ("step :,d", *(f"{name} :.3f" for name in runs)),
        [(step, value, runs[second][step]) for step, value in gamma.items()],
    )


def _spread(name: str, rows: Sequence[Row]) -> tuple[Scalar, ...]:
    """The line of a model: heads and layers without an exponent, the variations, the median R²."""
    gamma = np.array([row["gamma"] for row in rows], dtype=np.float64)
    r2 = np.array([row["r2"] for row in rows], dtype=np.float64)
    finite = np.isfinite(gamma)
    alive = finite.any(axis=1)
    kept, fits = gamma[alive], r2[alive]
    means = np.nanmean(kept, axis=1)
    good = np.array([row[fit > GOOD].mean() for row, fit in zip(kept, fits, strict=True) if (fit > GOOD).any()])
    variations = (
        variation(means),
        variation(means, ddof=0),
        variation(np.nanmedian(kept, axis=1)),
        variation(gamma[finite]),
        variation(good),
    )
    return short_name(name), int((~finite).sum()), int((~alive).sum()), *variations, float(np.median(r2[finite]))
