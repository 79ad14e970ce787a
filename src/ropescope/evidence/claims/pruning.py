"""Claims on pruning query and key weights, and on fading old keys instead of cutting them off (F7, F16, C16, F17)."""

from __future__ import annotations

from math import exp, sqrt

import numpy as np

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.tables import table
from ropescope.evidence.verdicts.claim import Baseline, Finding, judged
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.sample import Array, Row, short_name
from ropescope.evidence.verdicts.statistics import aicc
from ropescope.report.report import Fact, Table
from ropescope.theory.soft_decay import soft_decay_regime

PRICE = 0.18
TOLERANCE = 0.1
"""A price that differs by a tenth of the published one is another price."""
CLEAR = 2.0
"""Standard errors that a difference must have to be told from 0."""
CUTS = {"none": "no cut", "hard": "hard", "soft": "soft", "window": "window D_f"}


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
    line, square = _rest(change, share), _rest(change, share**2)
    most = {short_name(rows[i]): float(price[i]) for i in np.argsort(share)}
    rms = "root mean square of ΔPPL"
    return Finding(
        quantity="ΔPPL for each per cent pruned",
        value=float(change @ share / (share @ share)),
        published=PRICE,
        interval_by=f"none: {len(rows)} runs of two models; the price runs from {price.min():.3f} to {price.max():.3f}",
        n=f"{len(rows)} runs of two models",
        baselines=(Baseline("mean price of the runs", float(price.mean())),),
        verdict=judged(np.all(np.abs(price / PRICE - 1) <= TOLERANCE)),
        reason=(
            f"The price is not constant: it grows from {price.min():.2f} to {price.max():.2f} as more is pruned, so that the "
            f"square of the share fits better than the share (AICc {aicc(square, len(rows), 1):.1f} against "
            f"{aicc(line, len(rows), 1):.1f})."
        ),
        facts=(
            Fact("price where least is pruned", float(price[np.argmin(share)])),
            *(Fact(f"price where most is pruned, {name}", value) for name, value in most.items()),
            Fact("residual of a line through 0", sqrt(line / len(rows)), note=rms),
            Fact("residual of a square", sqrt(square / len(rows)), note=rms),
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
    rows = {
        short_name(row): row for row in evidence.table("pruned_pairs") if row["from_layer"] == row["critical_layer"]
    }
    changes = {name: _perplexity_change(row) for name, row in rows.items()}
    # As if both arms had read other texts.
    errors = {
        name: (row["nll"] - row["nll_unpruned"]) / sqrt((row["sd"] ** 2 + row["sd_unpruned"] ** 2) / row["chunks"])
        for name, row in rows.items()
    }
    layers = {name: row["layers"] - row["from_layer"] for name, row in rows.items()}
    worst, least = (pick(changes, key=lambda name: changes[name]) for pick in (max, min))
    first = next(iter(rows.values()))
    return Finding(
        quantity="largest ΔPPL with pruning from the critical layer on",
        value=changes[worst],
        published=0.0,
        n=f"{len(rows)} models of one family",
        interval_by=f"none: {len(rows)} models, {first['chunks']} pieces of text each",
        baselines=(
            Baseline(
                "0.18 for each per cent pruned (F7)", PRICE * 100 * max(row["share_pruned"] for row in rows.values())
            ),
        ),
        verdict=judged(max(errors.values()) <= CLEAR),
        reason=(
            f"{worst} loses {changes[worst]:.2f}, which is {errors[worst]:.1f} standard errors, as the author found; {least} "
            f"loses {changes[least]:.2f}, but of its {first['layers']} layers only {layers[least]} was pruned."
        ),
        facts=tuple(
            Fact(f"ΔPPL of {name}", change, note=f"{errors[name]:.1f} standard errors; layers pruned: {layers[name]}")
            for name, change in changes.items()
        ),
        tables=(_pruned(evidence),),
    )


@claim(
    "C16",
    subject="KV window",
    statement="Soft decay beats a hard cut-off when the horizon d_h is about half the trained length or more.",
    published_in="Part I, §26.8; falsification ledger, F17",
    data="negative log-likelihood of Pythia-1B, -1.4B and -2.8B at 4,096 tokens, twice the trained length, 30 chunks",
    formula="count of models in which the sign of (soft − hard) is the one that d_h calls for",
    verdict_rule="reproduced if every sign is right by two standard errors and soft decay beats no cut where it is called for; "
    "under a filter if the signs alone are right",
    tables=("soft_decay",),
)
def soft_against_hard(evidence: Evidence) -> Finding:
    """The difference in each model with its error, beside what no cut and the window D_f give."""
    rows = evidence.table("soft_decay")
    right = [row for row in rows if (row["soft_nll"] < row["hard_nll"]) == _called_for(row)]
    clear = [row for row in right if abs(_difference(row)) > CLEAR * _difference_error(row)]
    useless = [row for row in rows if _called_for(row) and row["soft_nll"] >= row["none_nll"]]
    worse = (
        f", and in {' and '.join(map(short_name, useless))} soft decay is worse than no cut at all" if useless else ""
    )
    return Finding(
        quantity="models whose sign is right",
        value=len(right),
        published=len(rows),
        n=f"{len(rows)} models of one family",
        interval_by=f"none: {len(rows)} models",
        baselines=(
            Baseline("saying `soft` of every model", sum(row["soft_nll"] < row["hard_nll"] for row in rows)),
            Baseline("by the toss of a coin", len(rows) / 2),
        ),
        verdict=judged(len(clear) == len(rows) and not useless, len(right) == len(rows)),
        reason=f"{len(right)} of {len(rows)} signs are right, but {len(clear)} by more than {CLEAR:g} standard errors{worse}.",
        facts=(
            Fact("signs right by two standard errors", len(clear), f"of {len(rows)}"),
            Fact("chance of all signs by coin", 0.5 ** len(rows)),
        ),
    ).with_table(
        "Negative log-likelihood at 4,096 tokens",
        "model | d_h [tokens] :,.0f | called for | no cut [nats] :.3f | hard [nats] :.3f | soft [nats] :.3f | "
        "window D_f [nats] :.3f | soft − hard [nats] :+.3f | ± [nats] :.3f | best",
        [
            (
                short_name(row),
                row["horizon"],
                _called(row),
                *(row[f"{name}_nll"] for name in CUTS),
                _difference(row),
                _difference_error(row),
                _best(row),
            )
            for row in rows
        ],
        note="±: standard error of the difference, the chunks of the two taken as independent; they are not published one "
        "by one. Without a cut the models are outside their trained length, where perplexity is 54 to 114.",
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
    inside = [row for row in rows if _called_for(row)]
    wins = sum(_difference(row) < 0 for row in inside)
    clear = sum(_difference(row) < -CLEAR * _difference_error(row) for row in inside)
    weakest = max(inside, key=lambda row: _difference(row) / _difference_error(row))
    return Finding(
        quantity="models of the regime in which soft decay wins by two standard errors",
        value=clear,
        published=len(inside),
        n=f"{len(inside)} models in the regime of {len(rows)} in all, one family",
        interval_by=f"none: {len(inside)} models",
        baselines=(Baseline("by the sign alone", wins),),
        verdict=judged(clear == len(inside), wins == len(inside)),
        reason=(
            f"Soft decay wins in {wins} of the {len(inside)} models of its regime, but in {short_name(weakest)} by "
            f"{abs(_difference(weakest) / _difference_error(weakest)):.1f} standard errors, where {_best(weakest)} is best."
        ),
        facts=tuple(
            Fact(
                f"soft − hard, {short_name(row)}",
                _difference(row),
                "nats",
                note=f"± {_difference_error(row):.3f}; the rule says {_called(row)}",
            )
            for row in rows
        ),
    )


def _perplexity_change(row: Row) -> float:
    return exp(row["nll"]) - exp(row["nll_unpruned"])


def _rest(y: Array, x: Array) -> float:
    """Residual sum of squares of y on x through 0."""
    residual = y - x * (y @ x) / (x @ x)
    return float(residual @ residual)


def _pruned(evidence: Evidence) -> Table:
    return table(
        "Pruned from a layer on",
        "model | from layer | critical layer | pruned [%] :.2f | ΔPPL :+.3f",
        [
            (
                short_name(row),
                row["from_layer"],
                row["critical_layer"],
                100 * row["share_pruned"],
                _perplexity_change(row),
            )
            for row in evidence.table("pruned_pairs")
        ],
        note="Pruned: share of all query and key weights, in the RoPE pairs that turn by less than half a turn within the context.",
    )


def _called_for(row: Row) -> bool:
    """Whether the rule calls for soft decay."""
    return soft_decay_regime(row["horizon"], row["context_length"]) != "hard-cutoff"


def _called(row: Row) -> str:
    return "soft" if _called_for(row) else "hard"


def _difference(row: Row) -> float:
    """nll of soft decay less that of the hard cut-off, in nats."""
    return float(row["soft_nll"] - row["hard_nll"])


def _difference_error(row: Row) -> float:
    """Its standard error, the chunks of the two taken as independent."""
    return sqrt((row["soft_sd"] ** 2 + row["hard_sd"] ** 2) / row["chunks"])


def _best(row: Row) -> str:
    """What has the least nll, in words."""
    return CUTS[min(CUTS, key=lambda name: row[f"{name}_nll"])]
