"""Claims on the KV window D_f that a power law gives (C7, C7b)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ropescope.evidence.evidence import Evidence
from ropescope.evidence.verdicts.claim import Baseline, Finding
from ropescope.evidence.verdicts.registry import claim
from ropescope.evidence.verdicts.statistics import cluster_interval, correlation, others_mean
from ropescope.report.report import Column, Fact, Table
from ropescope.theory.window import compression_window

ZONE = (0.65, 0.85)
"""The range of γ in which the published recipe is applied."""


@claim(
    "C7",
    subject="KV window",
    statement="D_f(γ) predicts the operating point that sweeps over the KV window find.",
    published_in="Part I, §26.7",
    data="perplexity of seven Pythia models over windows of a context of 2,048",
    filter="none",
    formula="correlation of the published D_f at f = 0.9 with the observed knee, and its mean error in tokens",
    verdict_rule="reproduced if the error's interval lies below the error of a constant",
    tables=("kv_windows",),
)
def window_predicts_knee(evidence: Evidence) -> Finding:
    """The error of D_f, as published and as the exact sum gives it, beside the mean knee of the other models."""
    rows = evidence.table("kv_windows")
    models = [row["model"] for row in rows]
    knee = np.array([row["knee"] for row in rows], dtype=np.float64)
    published = np.array([row["window_published"] for row in rows], dtype=np.float64)
    exact = np.array([_exact(row) for row in rows], dtype=np.float64)
    rivals = {
        "D_f by the exact sum": exact,
        "mean knee of the other models": others_mean(knee, models),
        "median knee": np.full(len(knee), np.median(knee)),
        "whole context": np.array([row["context"] for row in rows], dtype=np.float64),
    }
    error = np.abs(published - knee)
    low, high = cluster_interval(np.mean, models, error)
    constant = float(np.abs(rivals["mean knee of the other models"] - knee).mean())
    r, r_exact = correlation(published, knee), correlation(exact, knee)
    return Finding(
        quantity="mean error of D_f against the knee",
        value=float(error.mean()),
        unit="tokens",
        interval=(low, high),
        interval_by="bootstrap over models",
        n=f"{len(rows)} models of one family",
        baselines=tuple(
            Baseline(name, float(np.abs(guess - knee).mean()), cluster_interval(np.mean, models, np.abs(guess - knee)))
            for name, guess in rivals.items()
        ),
        verdict="reproduced" if high < constant else "not reproduced",
        reason=(
            f"D_f correlates with the knee at r = {r:.2f} ({r_exact:.2f} by the exact sum), and the mean knee of the other models "
            f"is off by {constant:.0f} tokens where D_f is off by {error.mean():.0f}."
        ),
        facts=(
            Fact("correlation of D_f and the knee", r, interval=cluster_interval(correlation, models, published, knee)),
            Fact("by the exact sum", r_exact, interval=cluster_interval(correlation, models, exact, knee)),
        ),
        tables=(
            Table(
                "Windows in tokens",
                (
                    Column("model"),
                    Column("γ", format=".3f"),
                    *(Column(name, format=",d") for name in ("D_f as published", "D_f exact", "knee", "best window")),
                    Column("ΔPPL at D_f", format="+.2f"),
                ),
                tuple(
                    (
                        row["model"].rpartition("/")[2],
                        row["gamma"],
                        row["window_published"],
                        _exact(row),
                        row["knee"],
                        int(row["windows"][int(np.argmin(row["perplexity"]))]),
                        perplexity_change(row, row["window_published"]),
                    )
                    for row in rows
                ),
            ),
        ),
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
    zone = in_zone(rows)
    free = [row for row in zone if perplexity_change(row, row["window_published"]) <= 0]
    worst = max(zone, key=lambda row: perplexity_change(row, row["window_published"]))
    fixed = {size: sum(perplexity_change(row, size) <= 0 for row in zone) for size in (1024, 1280, 1536)}
    everywhere = {size: sum(perplexity_change(row, size) <= 0 for row in rows) for size in (1280, 1536)}
    return Finding(
        quantity="models in the zone without loss at D_f",
        value=len(free),
        published=len(zone),
        n=f"{len(zone)} of {len(rows)} models",
        interval_by=f"none: {len(zone)} models",
        baselines=tuple(Baseline(f"window of {size:,}", count) for size, count in fixed.items()),
        verdict="reproduced" if len(free) == len(zone) else "not reproduced",
        reason=(
            f"{len(free)} of {len(zone)} models in the zone lose nothing, {worst['model'].rpartition('/')[2]} loses "
            f"{perplexity_change(worst, worst['window_published']):.2f}, and a fixed window of 1,280 or 1,536 loses nothing in "
            f"{everywhere[1280]} and {everywhere[1536]} of all {len(rows)}."
        ),
        facts=tuple(
            Fact(
                f"ΔPPL of {row['model'].rpartition('/')[2]}",
                perplexity_change(row, row["window_published"]),
                note=f"γ = {row['gamma']}",
            )
            for row in zone
        ),
    )


def in_zone(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The models to which the published recipe applies."""
    return [row for row in rows if ZONE[0] <= row["gamma"] <= ZONE[1]]


def _exact(row: dict[str, Any]) -> int:
    return compression_window(row["gamma"], row["context"], row["fraction"])


def perplexity_change(row: dict[str, Any], window: int) -> float:
    """Perplexity at a window of the sweep less that of the whole context."""
    at = dict(zip(row["windows"], row["perplexity"], strict=True))
    return float(at[window] - at[row["context"]])
