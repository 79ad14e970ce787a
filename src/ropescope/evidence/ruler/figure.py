"""RULER by length: the model asked for, against all others in grey."""

from __future__ import annotations

from typing import Any

from ropescope.evidence.ruler.scores import AS_OF, LENGTHS, THRESHOLD, RulerRow, ruler_rows, score_interval
from ropescope.evidence.vega import layer, nominal
from ropescope.report.report import Figure
from ropescope.report.theme import CATEGORY, FAINT, MUTED


def field_figure(asked: tuple[RulerRow, ...]) -> Figure:
    """Score by length of every model in grey, and of `asked` in colour with its sampling interval."""
    chosen = {row.label for row in asked}
    field = [row for row in ruler_rows() if row.label not in chosen]
    grey = {"x": _X, "y": _Y, "detail": {"field": "model"}, "tooltip": _TOOLTIP}
    others = [value for row in field for value in _values(row)]
    layers = [
        layer("line", grey, others, strokeWidth=1, color=FAINT, opacity=0.8),
        layer("rule", {"y": _Y}, [{"score": THRESHOLD}], strokeDash=[4, 3], color=MUTED),
    ]
    if asked:
        layers += _asked_layers(asked)
    names = " and ".join(sorted(chosen)) or "the whole field"
    bars = " Bars, where wider than the dots: 95 % sampling interval." if any(row.samples for row in asked) else ""
    return Figure(
        "ruler",
        f"RULER by length: {names}",
        {"width": 560, "height": 320, "layer": layers},
        f"Grey: the {len(field)} {'other ' if asked else ''}models of the leaderboard (as of {AS_OF}). Dashed: {THRESHOLD}, "
        f"Llama-2-7b-chat at 4K, above which it calls a length effective.{bars}",
    )


_X = {
    "field": "length",
    "type": "ordinal",
    "scale": {"domain": [f"{length}K" for length in LENGTHS], "type": "point", "padding": 0.3},
    "title": "context length (tokens)",
    "axis": {"labelAngle": 0},
}
_Y = {"field": "score", "type": "quantitative", "title": "RULER score (%)", "scale": {"domain": [0, 100]}}
_TOOLTIP = [{"field": name} for name in ("model", "length", "score", "run by")]


def _values(row: RulerRow) -> list[dict[str, Any]]:
    values = []
    for length, score in zip(LENGTHS, row.scores, strict=True):
        if score is None:
            continue
        value = {"model": row.label, "length": f"{length}K", "score": score, "run by": row.run_by}
        if row.samples is not None:
            value["low"], value["high"] = score_interval(score, row.samples)
        values.append(value)
    return values


def _asked_layers(asked: tuple[RulerRow, ...]) -> list[dict[str, Any]]:
    values = [value for row in asked for value in _values(row)]
    labels = [row.label for row in asked]
    legend = None if len(labels) == 1 else {"orient": "bottom", "columns": 1, "labelLimit": 420}
    colour = nominal("model", dict(zip(labels, CATEGORY, strict=False)), title=None, legend=legend)
    bars = {"x": _X, "y": {**_Y, "field": "low"}, "y2": {"field": "high"}, "color": colour}
    text = {"align": "left", "dx": 3, "dy": -11, "fontWeight": 600}
    label = {"x": _X, "y": _Y, "text": {"field": "score", "format": ".1f"}}
    lines = {"x": _X, "y": _Y, "color": colour, "tooltip": _TOOLTIP}
    return [
        layer("rule", bars, [value for value in values if "low" in value], strokeWidth=2, strokeDash=[1, 0]),
        layer("line", lines, values, strokeWidth=2.6, point={"size": 26, "filled": True}),
        # The same text in white underneath, so that the lines of the field do not cross the digits.
        layer("text", label, values, **text, color="white", stroke="white", strokeWidth=4),
        layer("text", {**label, "color": colour}, values, **text),
    ]
