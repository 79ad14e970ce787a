"""The author's falsification ledger, entries on dropping keys, weights and old tokens (F6, F7, F16, F17)."""

from __future__ import annotations

from math import exp, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ropescope.evidence.claims.soft_decay import CLEAR, best_mode, called_for, difference, difference_error
from ropescope.evidence.claims.windows import in_zone, perplexity_change
from ropescope.evidence.evidence import Evidence
from ropescope.evidence.verdicts.claim import Baseline, Finding, Verdict
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.statistics import aicc
from ropescope.report.report import Column, Fact, Scalar, Table

Array = NDArray[np.float64]

PRICE = 0.18
TOLERANCE = 0.1
"""A price that differs by a tenth of the published one is another price."""


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
    zone = in_zone(evidence.table("kv_windows"))
    changes = {_short(row): perplexity_change(row, row["window_published"]) for row in zone}
    worst = max(changes, key=lambda name: changes[name])
    (earlier,) = (row for row in evidence.table("kv_windows_earlier") if row in in_zone([row]))
    before = perplexity_change(earlier, earlier["window_published"])
    # A longer window cannot hurt but by noise: how far perplexity rises from one window to the next tells its size.
    noise = float(np.diff(earlier["perplexity"]).max())
    return Finding(
        quantity="largest ΔPPL at D_f in the zone",
        value=changes[worst],
        published=0.0,
        n=f"{len(zone)} models of one family",
        interval_by=f"none: {len(zone)} models, one run each",
        baselines=tuple(
            Baseline(f"window of {size:,}", max(perplexity_change(row, size) for row in zone))
            for size in (1024, 1280, 1536)
        ),
        verdict="reproduced" if changes[worst] <= 0 else "not reproduced",
        reason=(
            f"{worst} loses {changes[worst]:.2f}, and the gain that is published for {_short(earlier)}, {before:.2f} "
            f"({changes[_short(earlier)]:.2f} when repeated), is of the size of the noise, for from one window to a longer one "
            f"its perplexity rises by {noise:.2f}."
        ),
        facts=(
            *(Fact(f"ΔPPL of {name}", change) for name, change in changes.items()),
            Fact(f"ΔPPL of {_short(earlier)}, earlier run", before),
            Fact(f"largest rise of {_short(earlier)} from a window to the next", noise, note="earlier run"),
        ),
    )


@claim(
    "F7",
    subject="pruning",
    statement="Pruning query and key weights has a linear price: ΔPPL = 0.18 for each per cent pruned.",
    published_in="falsification ledger, F7: confirmed (Pythia-1B 0.17, Pythia-2.8B 0.18)",
    data="likelihood of Pythia-1B and -2.8B with the same pairs pruned from one layer after another on",
    filter="the runs in which something is pruned",
    formula="ΔPPL over per cent pruned, run by run; least squares through 0 of ΔPPL, linear and quadratic",
    verdict_rule="reproduced if the price of every run is within a tenth of 0.18",
    tables=("pruned_pairs",),
)
def linear_price(evidence: Evidence) -> Finding:
    """The price in each run, and whether it stays the same as more is pruned."""
    rows = [row for row in evidence.table("pruned_pairs") if row["share_pruned"] > 0]
    share = np.array([100 * row["share_pruned"] for row in rows])
    change = np.array([_perplexity_change(row) for row in rows])
    price = change / share
    slope = float(change @ share / (share @ share))
    rest = {"line": _rest(change, share), "square": _rest(change, share**2)}
    score = {name: aicc(value, len(share), 1) for name, value in rest.items()}
    same = bool(np.all(np.abs(price / PRICE - 1) <= TOLERANCE))
    most = {_short(rows[i]): float(price[i]) for i in np.argsort(share)}
    return Finding(
        quantity="ΔPPL for each per cent pruned",
        value=slope,
        published=PRICE,
        interval_by=f"none: {len(rows)} runs of two models; the price runs from {price.min():.3f} to {price.max():.3f}",
        n=f"{len(rows)} runs of two models",
        baselines=(Baseline("mean price of the runs", float(price.mean())),),
        verdict="reproduced" if same else "not reproduced",
        reason=(
            f"The price is not constant: it grows from {price.min():.2f} to {price.max():.2f} as more is pruned, so that the "
            f"square of the share fits better than the share (AICc {score['square']:.1f} against {score['line']:.1f})."
        ),
        facts=(
            Fact("price where least is pruned", float(price[np.argmin(share)])),
            *(Fact(f"price where most is pruned, {name}", value) for name, value in most.items()),
            Fact("residual of a line through 0", sqrt(rest["line"] / len(rows)), note="root mean square of ΔPPL"),
            Fact("residual of a square", sqrt(rest["square"] / len(rows)), note="root mean square of ΔPPL"),
        ),
        tables=(_pruned(evidence),),
    )


@claim(
    "F16",
    subject="pruning",
    statement="Beyond the critical layer the pairs that do not alias can be pruned at no cost (ΔPPL ≈ 0).",
    published_in="falsification ledger, F16: refuted by the author (a linear cost instead)",
    data="likelihood of Pythia-1B and -2.8B with those pairs pruned from one layer after another on",
    filter="pruned from the critical layer of the published formula on",
    formula="perplexity less that of the whole model, and the difference of the log-likelihoods over its standard error",
    verdict_rule="reproduced if no model loses more than two standard errors",
    tables=("pruned_pairs",),
)
def free_pruning(evidence: Evidence) -> Finding:
    """What pruning from the critical layer on costs each model."""
    rows = [row for row in evidence.table("pruned_pairs") if row["from_layer"] == row["critical_layer"]]
    errors = {_short(row): (row["nll"] - row["nll_unpruned"]) / _error(row) for row in rows}
    changes = {_short(row): _perplexity_change(row) for row in rows}
    worst = max(changes, key=lambda name: changes[name])
    least = min(changes, key=lambda name: changes[name])
    layers = {_short(row): row["layers"] - row["from_layer"] for row in rows}
    return Finding(
        quantity="largest ΔPPL with pruning from the critical layer on",
        value=changes[worst],
        published=0.0,
        n=f"{len(rows)} models of one family",
        interval_by=f"none: {len(rows)} models, {rows[0]['chunks']} pieces of text each",
        baselines=(
            Baseline("0.18 for each per cent pruned (F7)", PRICE * 100 * max(row["share_pruned"] for row in rows)),
        ),
        verdict="reproduced" if max(errors.values()) <= CLEAR else "not reproduced",
        reason=(
            f"{worst} loses {changes[worst]:.2f}, which is {errors[worst]:.1f} standard errors, as the author found; {least} "
            f"loses {changes[least]:.2f}, but of its {rows[0]['layers']} layers only {layers[least]} was pruned."
        ),
        facts=tuple(
            Fact(
                f"ΔPPL of {name}",
                changes[name],
                note=f"{errors[name]:.1f} standard errors; layers pruned: {layers[name]}",
            )
            for name in changes
        ),
        tables=(_pruned(evidence),),
    )


@claim(
    "F17",
    subject="KV window",
    statement="Soft decay beats a hard cut-off at d_h wherever d_h is at least about half the trained length.",
    published_in="falsification ledger, F17: partial (2 of 3)",
    data="log-likelihood of Pythia-1B, -1.4B and -2.8B at 4,096 tokens, twice the trained length",
    filter="the models in the regime of the rule",
    formula="nll of soft decay less that of the hard cut-off, over its standard error",
    verdict_rule=(
        "reproduced if soft decay wins by two standard errors in every model of the regime; under a filter if by the sign alone"
    ),
    tables=("soft_decay",),
)
def soft_beats_hard(evidence: Evidence) -> Finding:
    """How many models of the regime soft decay wins clearly, and what is best in the others; `C16` tells the rest."""
    rows = evidence.table("soft_decay")
    inside = [row for row in rows if called_for(row)]
    wins = [row for row in inside if difference(row) < 0]
    clear = [row for row in wins if difference(row) < -CLEAR * difference_error(row)]
    weakest = max(inside, key=lambda row: difference(row) / difference_error(row))
    if len(clear) == len(inside):
        verdict: Verdict = "reproduced"
    else:
        verdict = "reproduced under a filter" if len(wins) == len(inside) else "not reproduced"
    return Finding(
        quantity="models of the regime in which soft decay wins by two standard errors",
        value=len(clear),
        published=len(inside),
        n=f"{len(inside)} models in the regime of {len(rows)} in all, one family",
        interval_by=f"none: {len(inside)} models",
        baselines=(Baseline("by the sign alone", len(wins)),),
        verdict=verdict,
        reason=(
            f"Soft decay wins in {len(wins)} of the {len(inside)} models of its regime, but in {_short(weakest)} by "
            f"{abs(difference(weakest) / difference_error(weakest)):.1f} standard errors, where {best_mode(weakest)} is best."
        ),
        facts=tuple(
            Fact(
                f"soft − hard, {_short(row)}",
                difference(row),
                "nats",
                note=f"± {difference_error(row):.3f}; the rule says {'soft' if called_for(row) else 'hard'}",
            )
            for row in rows
        ),
    )


def _short(row: dict[str, Any]) -> str:
    return str(row["model"].rpartition("/")[2])


def _perplexity_change(row: dict[str, Any]) -> float:
    return exp(row["nll"]) - exp(row["nll_unpruned"])


def _error(row: dict[str, Any]) -> float:
    """Standard error of the change of nll, as if both arms had read other texts."""
    return sqrt((row["sd"] ** 2 + row["sd_unpruned"] ** 2) / row["chunks"])


def _rest(y: Array, x: Array) -> float:
    """Residual sum of squares of y on x through 0."""
    residual = y - x * (y @ x) / (x @ x)
    return float(residual @ residual)


def _pruned(evidence: Evidence) -> Table:
    rows: list[tuple[Scalar, ...]] = [
        (_short(row), row["from_layer"], row["critical_layer"], 100 * row["share_pruned"], _perplexity_change(row))
        for row in evidence.table("pruned_pairs")
    ]
    return Table(
        "Pruned from a layer on",
        (
            Column("model"),
            Column("from layer"),
            Column("critical layer"),
            Column("pruned", "%", ".2f"),
            Column("ΔPPL", format="+.3f"),
        ),
        tuple(rows),
        note="Pruned: share of all query and key weights, in the RoPE pairs that turn by less than half a turn within the context.",
    )
