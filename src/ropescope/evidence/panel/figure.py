"""The panel as a picture: measured γ against γ_Padé, with the null of the protocol and γ = 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ropescope.evidence.measurement import Measurement
from ropescope.report.report import Figure
from ropescope.report.theme import BLUE, GREY, MUTED, VERMILLION
from ropescope.report.vega import layer, nominal

_COLOURS = {"text": BLUE, "random": VERMILLION, "unstated": GREY}
_SPREAD = 0.003
"""Models of one θ share one γ_Padé: their points are set side by side, this far apart."""


def panel_figure(panel: Sequence[Measurement]) -> Figure | None:
    """Measured γ with its interval against γ_Padé; None when no model has a RoPE base."""
    rows = _points(panel)
    if not rows:
        return None
    corpora = sorted({row["corpus"] for row in rows}, reverse=True)
    null = float(np.median([m.null.gamma for m in panel if m.pade() is not None]))
    low = min(row["x"] for row in rows) - 0.04
    high = max(1.0, *(row["x"] for row in rows)) + 0.02
    y = {"type": "quantitative", "title": "measured γ", "scale": {"zero": False}}
    x = {
        "field": "x",
        "type": "quantitative",
        "title": "γ_Padé(θ, T), points of one value side by side",
        "scale": {"domain": [low, high], "nice": False, "zero": False},
        "axis": {"format": ".2f"},
    }
    legend = {"symbolType": "circle", "symbolStrokeWidth": 0, "symbolOpacity": 1}
    colour = nominal("corpus", {corpus: _COLOURS[corpus] for corpus in corpora}, title=None, legend=legend)
    lines = [
        {"y": null, "label": f"uniform, {null:.2f}", "x": high},
        {"y": 1.0, "label": "γ = 1", "x": high},
    ]
    level = {**y, "field": "y"}
    bars = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour}
    tooltip = [{"field": name} for name in ("model", "corpus", "gamma", "pade", "theta", "length")]
    dots = {"x": x, "y": {**y, "field": "gamma"}, "color": colour, "tooltip": tooltip}
    diagonal = [{"x": low, "y": low}, {"x": high, "y": high}]
    layers = [
        layer("line", {"x": x, "y": level}, diagonal, color=GREY, strokeWidth=1.5),
        layer("rule", {"y": level}, lines, color=MUTED, strokeDash=[5, 4], strokeWidth=1.5),
        layer("text", {"x": x, "y": level, "text": {"field": "label"}}, lines, align="left", dx=6, fontSize=12),
        layer("rule", bars, rows, strokeDash=[1, 0], strokeWidth=1.3, opacity=0.55),
        layer("point", dots, rows, filled=True, size=46, opacity=0.9),
    ]
    return Figure(
        "panel",
        "Measured exponents against the predicted ones",
        {"width": 560, "height": 360, "layer": layers},
        "The solid line is γ = γ_Padé. Bars: the published bootstrap interval, or ± 1.96 standard errors of the fit where none "
        "was published. Dashed: γ = 1, and what uniform attention reads in the same protocol (its median).",
    )


def _points(panel: Sequence[Measurement]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    groups: dict[float, list[Measurement]] = {}
    for m in panel:
        pade = m.pade()
        if pade is not None and np.isfinite(m.gamma):
            groups.setdefault(round(pade, 2), []).append(m)
    for centre, members in groups.items():
        for i, m in enumerate(sorted(members, key=lambda one: one.gamma)):
            low, high = m.interval_published or (m.gamma - 1.96 * m.refit.se, m.gamma + 1.96 * m.refit.se)
            rows.append(
                {
                    "model": m.model + (f", {m.variant}" if m.variant else ""),
                    "corpus": m.corpus,
                    "gamma": m.gamma,
                    "low": low,
                    "high": high,
                    "pade": m.pade(),
                    "x": centre + _SPREAD * (i - (len(members) - 1) / 2),
                    "theta": m.theta,
                    "length": m.longest,
                }
            )
    return rows
