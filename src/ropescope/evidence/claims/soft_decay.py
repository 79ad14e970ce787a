"""The claim on fading old keys instead of cutting them off (C16)."""

from __future__ import annotations

from math import sqrt
from typing import Any

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.verdicts.claim import Baseline, Finding, Verdict
from ropescope.evidence.verdicts.registry import claim
from ropescope.report.report import Column, Fact, Table
from ropescope.theory.soft_decay import soft_decay_regime

CLEAR = 2.0
"""Standard errors that a difference must have to be told from 0."""


@claim(
    "C16",
    subject="KV window",
    statement="Soft decay beats a hard cut-off when the horizon d_h is about half the trained length or more.",
    published_in="Part I, §26.8; falsification ledger, F17",
    data="negative log-likelihood of Pythia-1B, -1.4B and -2.8B at 4,096 tokens, twice the trained length, 30 chunks",
    filter="none",
    formula="count of models in which the sign of (soft − hard) is the one that d_h calls for",
    verdict_rule="reproduced if every sign is right by two standard errors and soft decay beats no cut where it is called for; "
    "under a filter if the signs alone are right",
    tables=("soft_decay",),
)
def soft_against_hard(evidence: Evidence) -> Finding:
    """The difference in each model with its error, beside what no cut and the window D_f give."""
    rows = evidence.table("soft_decay")
    right = [row for row in rows if (row["soft_nll"] < row["hard_nll"]) == called_for(row)]
    clear = [row for row in right if abs(difference(row)) > CLEAR * difference_error(row)]
    useless = [row for row in rows if called_for(row) and row["soft_nll"] >= row["none_nll"]]
    worse = f", and in {' and '.join(map(_short, useless))} soft decay is worse than no cut at all" if useless else ""
    if len(clear) == len(rows) and not useless:
        verdict: Verdict = "reproduced"
    else:
        verdict = "reproduced under a filter" if len(right) == len(rows) else "not reproduced"
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
        verdict=verdict,
        reason=f"{len(right)} of {len(rows)} signs are right, but {len(clear)} by more than {CLEAR:g} standard errors{worse}.",
        facts=(
            Fact("signs right by two standard errors", len(clear), f"of {len(rows)}"),
            Fact("chance of all signs by coin", 0.5 ** len(rows)),
        ),
        tables=(
            Table(
                "Negative log-likelihood at 4,096 tokens",
                (
                    Column("model"),
                    Column("d_h", "tokens", ",.0f"),
                    Column("called for"),
                    *(Column(name, "nats", ".3f") for name in ("no cut", "hard", "soft", "window D_f")),
                    Column("soft − hard", "nats", "+.3f"),
                    Column("±", "nats", ".3f"),
                    Column("best"),
                ),
                tuple(
                    (
                        _short(row),
                        row["horizon"],
                        "soft" if called_for(row) else "hard",
                        *(row[f"{name}_nll"] for name in MODES),
                        difference(row),
                        difference_error(row),
                        best_mode(row),
                    )
                    for row in rows
                ),
                note="±: standard error of the difference, the chunks of the two taken as independent; they are not published one "
                "by one. Without a cut the models are outside their trained length, where perplexity is 54 to 114.",
            ),
        ),
    )


MODES = {"none": "no cut", "hard": "hard", "soft": "soft", "window": "window D_f"}


def called_for(row: dict[str, Any]) -> bool:
    """Whether the rule calls for soft decay."""
    return soft_decay_regime(row["horizon"], row["context_length"]) != "hard-cutoff"


def difference(row: dict[str, Any]) -> float:
    """nll of soft decay less that of the hard cut-off, in nats."""
    return float(row["soft_nll"] - row["hard_nll"])


def difference_error(row: dict[str, Any]) -> float:
    """Its standard error, the chunks of the two taken as independent."""
    return sqrt((row["soft_sd"] ** 2 + row["hard_sd"] ** 2) / row["chunks"])


def best_mode(row: dict[str, Any]) -> str:
    """What has the least nll, in words."""
    return MODES[min(MODES, key=lambda name: row[f"{name}_nll"])]


def _short(row: dict[str, Any]) -> str:
    return str(row["model"]).rpartition("/")[2]
