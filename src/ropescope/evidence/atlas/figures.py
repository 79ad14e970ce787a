"""Pictures of the atlas: the ranking of a group, and the decay curves of one model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ropescope.evidence.atlas.ranking import Group
from ropescope.evidence.atlas.row import AtlasRow
from ropescope.report.report import Figure
from ropescope.report.text import slug
from ropescope.report.theme import CATEGORY, MUTED
from ropescope.report.vega import Channel, layer, nominal, quantitative

_MEASURED, _CONTROL, _NULL = CATEGORY[0], MUTED, CATEGORY[1]


def ranking_figure(group: Group) -> Figure | None:
    """γ with its interval for each row of `group`, beside the null and the random-weights control; None without any γ."""
    rows = [(row, label) for row, label in zip(group.rows, labels(group.rows), strict=True) if row.gamma is not None]
    if not rows:
        return None
    null = rows[0][0].gamma_null
    measured = [
        {"model": label, "gamma": row.gamma, "low": row.gamma_low, "high": row.gamma_high, "mark": "measured"}
        for row, label in rows
    ]
    controls = [
        {"model": label, "gamma": row.control_gamma, "mark": "random weights"}
        for row, label in rows
        if row.control_gamma is not None
    ]
    x = quantitative("gamma", "exponent γ", nice=True)
    y = nominal("model", sort=[label for _, label in rows], title=None, axis={"labelLimit": 330, "grid": True})
    uniform = f"uniform attention, γ = {null:.3g}"
    marks = {"measured": _MEASURED, **({"random weights": _CONTROL} if controls else {}), uniform: _NULL}
    legend = {"orient": "bottom", "symbolType": "circle", "symbolStrokeWidth": 0}
    colour = nominal("mark", marks, title=None, legend=legend)
    barred = [value for value in measured if value["low"] is not None]
    bars = {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y, "color": colour}
    dots = {"x": x, "y": y, "color": colour}
    layers = [
        layer(
            "rule", {"x": x, "color": colour}, [{"gamma": null, "mark": uniform}], strokeDash=[4, 3], strokeWidth=1.6
        ),
        layer("rule", bars, barred, strokeDash=[1, 0], strokeWidth=2.4),
        *(layer("point", dots, values, filled=True, size=80, opacity=1) for values in (controls, measured) if values),
    ]
    return Figure(
        slug(f"{group.protocol}-{group.length}-{group.corpus}"),
        f"How fast attention falls: {group.label}",
        {"width": 480, "height": {"step": 30}, "layer": layers},
        "The slowest decay on top. Bars, where wider than the dots: 95 % interval over prompts."
        + (" No interval from one prompt." if any(row.gamma_low is None for row, _ in rows) else ""),
    )


def curves_figure(rows: Sequence[AtlasRow]) -> Figure:
    """The mean decay curve of each of `rows` (fixed length), in log–log."""
    names = [f"{row.length:,} tokens, {row.corpus}, seed {row.seed}" for row in rows]
    if len(set(names)) < len(names):
        names = [f"{name} ({row.profile_sha256[:6]})" for name, row in zip(names, rows, strict=True)]
    values = [
        {"d": point.distance, "A": point.weight, "low": point.low or None, "high": point.high, "line": name}
        for row, name in zip(rows, names, strict=True)
        for point in row.curve
        if point.weight > 0
    ]
    reach = [1, max(row.length for row in rows)]
    x = _logarithmic("d", "distance d (tokens)", {"format": "~s", "values": [10**k for k in range(7)]}, domain=reach)
    y = _logarithmic("A", "mean attention weight A(d)", {"format": "~e", "values": [10.0**-k for k in range(9)]})
    legend = {"orient": "bottom", "columns": 2, "labelLimit": 300, "symbolType": "stroke"}
    colour = {**nominal("line", title=None, legend=legend), "scale": {"domain": names}}
    banded = [value for value in values if value["low"] is not None]  # a logarithmic axis has no place for 0
    return Figure(
        "curves",
        f"How attention falls with distance: {rows[0].model}",
        {
            "width": 560,
            "height": 340,
            "layer": [
                layer(
                    "area",
                    {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
                    banded,
                    opacity=0.18,
                ),
                layer("line", {"x": x, "y": y, "color": colour}, values),
            ],
        },
        "Mean weight of one key at distance d, over heads and layers; sinks left out. Bands: 95 % over prompts.",
    )


def _logarithmic(field: str, title: str, axis: dict[str, Any], **scale: Any) -> Channel:
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": {"type": "log", "nice": False, **scale},
        "axis": axis,
    }


def labels(rows: Sequence[AtlasRow]) -> list[str]:
    """A label for each row: its model, and what tells it from another of that name where there is one."""
    names = [row.model for row in rows]
    seeds = [f"{row.model}, seed {row.seed}" for row in rows]
    hashes = [f"{row.model}, {row.profile_sha256[:8]}" for row in rows]
    seen, seen_seeds = Counter(names), Counter(seeds)
    return [
        name if seen[name] == 1 else seed if seen_seeds[seed] == 1 else last
        for name, seed, last in zip(names, seeds, hashes, strict=True)
    ]
