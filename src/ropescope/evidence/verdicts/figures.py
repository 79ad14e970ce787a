"""A claim as a picture: its number beside its rivals."""

from __future__ import annotations

from typing import Any

from ropescope.evidence.verdicts.claim import Claim, Finding
from ropescope.report.report import Figure


def finding_figure(claim: Claim, finding: Finding) -> Figure | None:
    """The number with its interval, as published and recomputed, beside its baselines; None with nothing to compare."""
    rows: list[dict[str, Any]] = []
    if finding.published is not None:
        rows.append({"what": "published", "value": finding.published, "kind": "published"})
    if finding.value is not None:
        rows.append({"what": "recomputed", "value": finding.value, "kind": "recomputed", **_ends(finding.interval)})
    rows += [{"what": b.name, "value": b.value, "kind": "baseline", **_ends(b.interval)} for b in finding.baselines]
    if len(rows) < 2 or finding.value is None:
        return None
    unit = f" ({finding.unit})" if finding.unit else ""
    y = {
        "field": "what",
        "type": "nominal",
        "sort": [row["what"] for row in rows],
        "title": None,
        "axis": {"labelLimit": 260, "grid": True},
    }
    x = {
        "field": "value",
        "type": "quantitative",
        "title": f"{finding.quantity}{unit}",
        "scale": {"zero": False, "padding": 12},
    }
    colour = {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": ["published", "recomputed", "baseline"], "range": ["#D55E00", "#0072B2", "#5B5B5B"]},
        "legend": None,
    }
    spec = {
        "data": {"values": rows},
        "width": 460,
        "height": {"step": 34},
        "layer": [
            {
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "rule", "strokeWidth": 2.5, "strokeDash": [1, 0]},
                "encoding": {
                    "y": y,
                    "x": {
                        "field": "low",
                        "type": "quantitative",
                        "title": x["title"],
                        "scale": {"zero": False, "padding": 12},
                    },
                    "x2": {"field": "high"},
                    "color": colour,
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
                "encoding": {"y": y, "x": x, "color": colour},
            },
        ],
    }
    bars = " Bars: 95 % intervals." if any("low" in row for row in rows) else ""
    return Figure(f"claim-{claim.id.lower()}", f"{claim.id}: {finding.verdict}", spec, f"{claim.statement}{bars}")


def _ends(interval: tuple[float, float] | None) -> dict[str, float]:
    return {} if interval is None else {"low": interval[0], "high": interval[1]}
