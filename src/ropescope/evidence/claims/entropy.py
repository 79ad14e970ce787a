"""The claim on the entropy of attention: the Cardy anomaly (C14)."""

from __future__ import annotations

from math import log, sqrt
from typing import Any

import numpy as np

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.verdicts.claim import Baseline, Finding
from ropescope.evidence.verdicts.registry import claim
from ropescope.report.report import Column, Fact, Table


@claim(
    "C14",
    subject="entropy",
    statement="The entropy of attention lies 6 to 7 nats below the Cardy entropy ln[(θ + T/√2)/√2]: an anomaly.",
    published_in="Part II, abstract (Cardy-like entropy anomaly); the author's entropy files",
    data="entropy of attention by layer of Pythia-70M, -1B, -1.4B and Llama-2-7B on text, T = 512",
    filter="none; layers whose attention was not finite stand as 0 in the files",
    formula="mean of H − ln[(θ + T/√2)/√2]",
    verdict_rule="reproduced if attention could reach the Cardy entropy, ln[(θ + T/√2)/√2] ≤ ln T, and does not",
    tables=("attention_entropy",),
)
def cardy_anomaly(evidence: Evidence) -> Finding:
    """The shortfall as published, and that of attention with the largest entropy there is."""
    rows = evidence.table("attention_entropy")
    cardy = np.array([_cardy(row) for row in rows])
    largest = np.array([log(row["length"]) for row in rows])
    shortfall = np.array([np.mean(row["by_layer"]) for row in rows]) - cardy
    dead = {row["model"].rpartition("/")[2]: sum(value == 0 for value in row["by_layer"]) for row in rows}
    possible = bool((cardy <= largest).all())
    return Finding(
        quantity="entropy less the Cardy entropy",
        value=float(shortfall.mean()),
        unit="nats",
        n=f"{len(rows)} models",
        interval_by=f"none: {len(rows)} models",
        baselines=(
            Baseline("uniform attention over all 512 tokens", float((largest - cardy).mean())),
            Baseline(
                "uniform attention, mean over all queries",
                float(np.mean([_causal(row["length"]) for row in rows] - cardy)),
            ),
            Baseline("attention to a single token", float(-cardy.mean())),
        ),
        verdict="reproduced" if possible and (shortfall < 0).all() else "not reproduced",
        reason=(
            f"No attention can reach the reference: it is {cardy[0]:.2f} nats, and the largest entropy over "
            f"{rows[0]['length']} tokens is {largest[0]:.2f}, so that uniform attention, too, falls short, and "
            f"{sum(count > 0 for count in dead.values())} of {len(rows)} means count layers without a measurement as 0."
        ),
        facts=tuple(Fact(f"layers that stand as 0, {name}", count) for name, count in dead.items() if count),
        tables=(
            Table(
                "Entropy by model, in nats",
                (
                    Column("model"),
                    Column("layers"),
                    *(
                        Column(name, format=".2f")
                        for name in ("as published", "measured layers", "Cardy", "largest possible", "short of it")
                    ),
                ),
                tuple(
                    (
                        row["model"].rpartition("/")[2],
                        len(row["by_layer"]),
                        row["observed"],
                        _alive(row),
                        float(cardy[i]),
                        float(largest[i]),
                        float(largest[i]) - _alive(row),
                    )
                    for i, row in enumerate(rows)
                ),
                note="measured layers: the mean without the layers that stand as 0; short of it: below the largest possible.",
            ),
        ),
    )


def _cardy(row: dict[str, Any]) -> float:
    return log((row["theta"] + row["length"] / sqrt(2)) / sqrt(2))


def _alive(row: dict[str, Any]) -> float:
    return float(np.mean([value for value in row["by_layer"] if value != 0]))


def _causal(length: int) -> float:
    """Mean entropy of uniform rows over 1, 2, … tokens."""
    return float(np.log(np.arange(1, length + 1)).mean())
