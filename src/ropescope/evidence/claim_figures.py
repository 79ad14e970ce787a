"""Pictures of the claims: one number beside its rivals, and the whole ledger by verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ropescope.evidence.claim import VERDICTS, Claim, Finding
from ropescope.evidence.ledger import Entry
from ropescope.report.report import Figure

_COLOURS = {
    "reproduced": "#009E73",
    "reproduced under a filter": "#E69F00",
    "not reproduced": "#D55E00",
    "not testable from public data": "#5B5B5B",
    "true by definition": "#56B4E9",
}
_PER_ROW = 12


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


def ledger_figure(entries: Sequence[Entry]) -> Figure:
    """A tile a claim, gathered by verdict."""
    cells: list[dict[str, Any]] = []
    line = 0
    lines: list[dict[str, Any]] = []
    for verdict in VERDICTS:
        ids = [e.claim.id for e in entries if e.finding is not None and e.finding.verdict == verdict]
        if not ids:
            continue
        lines.append({"y": line, "verdict": f"{verdict} ({len(ids)})"})
        cells += [
            {"x": i % _PER_ROW, "y": line + i // _PER_ROW, "id": id, "verdict": verdict} for i, id in enumerate(ids)
        ]
        line += 1 + (len(ids) - 1) // _PER_ROW
    order = list(range(line))
    y = {"field": "y", "type": "ordinal", "sort": order, "axis": None}
    x = {"field": "x", "type": "ordinal", "sort": list(range(_PER_ROW)), "axis": None}
    spec = {
        "hconcat": [
            {
                "data": {"values": lines},
                "width": 230,
                "height": {"step": 36},
                "mark": {"type": "text", "align": "right", "fontSize": 13, "x": 226},
                "encoding": {"y": {**y, "scale": {"domain": order}}, "text": {"field": "verdict"}},
            },
            {
                "data": {"values": cells},
                "width": {"step": 44},
                "height": {"step": 36},
                "layer": [
                    {
                        "mark": {"type": "rect", "stroke": "#ffffff", "strokeWidth": 2},
                        "encoding": {
                            "color": {
                                "field": "verdict",
                                "type": "nominal",
                                "legend": None,
                                "scale": {"domain": list(_COLOURS), "range": list(_COLOURS.values())},
                            }
                        },
                    },
                    {
                        "mark": {"type": "text", "fontSize": 12, "color": "#ffffff", "fontWeight": 600},
                        "encoding": {"text": {"field": "id"}},
                    },
                ],
                "encoding": {"x": x, "y": {**y, "scale": {"domain": order}}},
            },
        ],
        "spacing": 6,
    }
    return Figure("ledger", "What became of the published claims", spec, "Each tile is a claim, by its number.")


def _ends(interval: tuple[float, float] | None) -> dict[str, float]:
    return {} if interval is None else {"low": interval[0], "high": interval[1]}
