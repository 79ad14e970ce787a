"""Claims on how the exponent varies over layers and heads (C5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.verdicts.claim import Baseline, Finding
from ropescope.evidence.verdicts.registry import claim
from ropescope.report.report import Column, Scalar, Table

LIMIT = 0.20
GOOD_FIT = 0.9
_SPREADS = ("over layers", "with n", "layer medians", "over heads", "good heads")


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
    table = [_spread(name, [row for row in rows if row["model"] == name and row["trained"]]) for name in names]
    untrained = _spread("Pythia-1B, step 1", [row for row in rows if not row["trained"]])
    below = sum(float(line[3] or 0) < LIMIT for line in table)
    even = float(untrained[3] or 0)
    return Finding(
        quantity="models with a variation over layers below 0.20",
        value=below,
        published=len(names),
        n=f"{len(names)} models of one family",
        interval_by=f"none: {len(names)} models",
        baselines=(Baseline("with n in place of n − 1", sum(float(line[4] or 0) < LIMIT for line in table)),),
        verdict="reproduced" if below == len(names) else "not reproduced",
        reason=(
            f"It is below 0.20 in {below} of {len(names)} models, and an untrained network has {even:.3f}, so that a low one is no "
            "evidence for a learned law."
        ),
        tables=(
            Table(
                "Variation of the exponent",
                (
                    Column("model"),
                    Column("heads without γ"),
                    Column("layers without γ"),
                    *(Column(name, format=".3f") for name in _SPREADS),
                    Column("median R²", format=".2f"),
                ),
                (*table, untrained),
                note="Standard deviation over mean. good heads: layer means of the heads with R² above 0.9.",
            ),
        ),
    )


def _spread(name: str, rows: Sequence[dict[str, Any]]) -> tuple[Scalar, ...]:
    gamma = np.array([row["gamma"] for row in rows], dtype=np.float64)
    r2 = np.array([row["r2"] for row in rows], dtype=np.float64)
    alive = np.isfinite(gamma).any(axis=1)
    kept, fits = gamma[alive], r2[alive]
    means, medians = np.nanmean(kept, axis=1), np.nanmedian(kept, axis=1)
    good = np.array([row[fit > GOOD_FIT].mean() for row, fit in zip(kept, fits, strict=True) if (fit > GOOD_FIT).any()])
    return (
        name.rpartition("/")[2],
        int(np.isnan(gamma).sum()),
        int((~alive).sum()),
        _variation(means),
        _variation(means, ddof=0),
        _variation(medians),
        _variation(gamma[np.isfinite(gamma)]),
        _variation(good),
        float(np.median(r2[np.isfinite(gamma)])),
    )


def _variation(values: NDArray[np.float64], ddof: int = 1) -> float:
    return float(values.std(ddof=ddof) / values.mean())
