"""Pictures of claims: a number beside its rivals, and two quantities against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ropescope.evidence.verdicts.claim import Claim, Finding
from ropescope.report.report import Figure
from ropescope.report.theme import BLUE, GREEN, GREY, PINK, VERMILLION
from ropescope.report.vega import layer, nominal, quantitative

Values = Sequence[float] | NDArray[np.float64]

_KINDS = {"published": VERMILLION, "recomputed": BLUE, "baseline": GREY}
_COLOURS = (BLUE, VERMILLION, GREEN, PINK)
_LINES = (GREY, BLUE, VERMILLION)
_DASHES = ([1, 0], [6, 3], [2, 3])

# Vega writes a thousand million as G, which readers of parameter counts know as B.
_COUNTS = "replace(format(datum.value, '~s'), 'G', 'B')"


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
    axis = {"labelLimit": 260, "grid": True}
    y = nominal("what", sort=[row["what"] for row in rows], title=None, axis=axis)
    x = quantitative("value", f"{finding.quantity}{unit}", padding=12)
    colour = nominal("kind", _KINDS, legend=None)
    interval = {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}, "color": colour}
    with_interval = {"transform": [{"filter": "isValid(datum.low)"}]}
    spec = {
        "data": {"values": rows},
        "width": 460,
        "height": {"step": 34},
        "layer": [
            with_interval | layer("rule", interval, strokeWidth=2.5, strokeDash=[1, 0]),
            layer("point", {"y": y, "x": x, "color": colour}, filled=True, size=110, opacity=1),
        ],
    }
    bars = " Bars: 95 % intervals." if any("low" in row for row in rows) else ""
    return Figure(f"claim-{claim.id.lower()}", f"{claim.id}: {finding.verdict}", spec, f"{claim.statement}{bars}")


def _ends(interval: tuple[float, float] | None) -> dict[str, float]:
    return {} if interval is None else {"low": interval[0], "high": interval[1]}


@dataclass(frozen=True, slots=True)
class Points:
    """Points of one group, or the corners of one line; `labels` show when a point is pointed at."""

    name: str
    x: Values
    y: Values
    labels: Sequence[str] = ()


def scatter_figure(
    name: str,
    title: str,
    x_title: str,
    y_title: str,
    groups: Sequence[Points],
    lines: Sequence[Points] = (),
    caption: str = "",
    *,
    x_log: bool = False,
) -> Figure:
    """Points by group and lines by name, each with its own legend."""
    x = quantitative("x", x_title, type="log" if x_log else "linear", nice=not x_log, padding=12)
    x["axis"] = {"values": _decades(groups), "labelExpr": _COUNTS} if x_log else {}
    y = quantitative("y", y_title, padding=12)
    dash = nominal("name", dict(zip((line.name for line in lines), _DASHES, strict=False)), legend=None)
    tooltip = [{"field": field} for field in ("label", "name", "x", "y")]
    points = {"x": x, "y": y, "color": _colour(groups, _COLOURS), "tooltip": tooltip}
    through = {"x": x, "y": y, "color": _colour(lines, _LINES), "strokeDash": dash}
    spec = {
        "width": 460,
        "height": 300,
        "layer": [
            layer("line", through, _rows(lines), strokeWidth=2),
            layer("point", points, _rows(groups), filled=True, size=60, opacity=0.85),
        ],
        "resolve": {"scale": {"color": "independent"}},
    }
    return Figure(name, title, spec, caption)


def _rows(series: Sequence[Points]) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "x": float(x), "y": float(y), "label": one.labels[i] if one.labels else one.name}
        for one in series
        for i, (x, y) in enumerate(zip(one.x, one.y, strict=True))
    ]


def _colour(series: Sequence[Points], colours: Sequence[str]) -> dict[str, Any]:
    by_name = dict(zip((one.name for one in series), colours, strict=False))
    return nominal("name", by_name, title=None, sort=list(by_name), legend={"orient": "right", "columns": 1})


def _decades(groups: Sequence[Points]) -> list[float]:
    """The powers of ten within the points."""
    low, high = min(min(one.x) for one in groups), max(max(one.x) for one in groups)
    return [10.0**power for power in range(-3, 16) if low <= 10.0**power <= high]
