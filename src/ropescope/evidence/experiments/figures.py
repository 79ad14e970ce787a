"""The two pictures that most experiments need: a sweep with its predicted lines, and estimates side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ropescope.report.report import Figure
from ropescope.report.theme import BLUE, GREEN, GREY, PINK, VERMILLION

if TYPE_CHECKING:
    from ropescope.measure.estimates import Estimate

MEASURED, SECOND, THEORY, NULL, THIRD = BLUE, GREEN, VERMILLION, GREY, PINK


@dataclass(frozen=True, slots=True)
class Axis:
    """A quantitative axis; `values` are the ticks of a logarithmic one."""

    title: str
    log: bool = False
    values: tuple[float, ...] = ()

    def channel(self, field: str) -> dict[str, Any]:
        """The axis as a Vega-Lite channel."""
        scale: dict[str, Any] = {"type": "log", "nice": False, "padding": 14} if self.log else {"zero": False}
        axis: dict[str, Any] = {"format": ",~g"}
        if self.values:
            axis |= {"values": list(self.values), "labelFlush": False}
        return {"field": field, "type": "quantitative", "title": self.title, "scale": scale, "axis": axis}


def sweep_figure(
    name: str,
    title: str,
    caption: str,
    x: Axis,
    measured: Mapping[str, Sequence[tuple[float, Estimate]]],
    predicted: Mapping[str, Sequence[tuple[float, float]]],
    *,
    y_title: str = "exponent γ",
) -> Figure:
    """Measured series with their intervals over x, and the lines that were predicted (first the theory's, then the null's)."""
    points = [
        {"x": at, "y": e.value, "low": e.ci[0], "high": e.ci[1], "series": series}
        for series, estimates in measured.items()
        for at, e in estimates
        if e.value is not None and e.ci is not None
    ]
    lines = [{"x": at, "y": y, "series": series} for series, values in predicted.items() for at, y in values]
    measured = {series: estimates for series, estimates in measured.items() if estimates}
    names = [*measured, *predicted]
    colours = [MEASURED, SECOND][: len(measured)] + [THEORY, NULL, THIRD][: len(predicted)]
    dashes = [[1, 0]] * len(measured) + [[6, 3], [2, 3], [6, 3]][: len(predicted)]
    horizontal = x.channel("x")
    vertical = {"field": "y", "type": "quantitative", "title": y_title, "scale": {"zero": False}}
    colour = {
        "field": "series",
        "type": "nominal",
        "title": None,
        "scale": {"domain": names, "range": colours},
        "legend": {"orient": "bottom", "columns": 2, "symbolType": "stroke", "labelLimit": 340},
    }
    line = {
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {
            "x": horizontal,
            "y": vertical,
            "color": colour,
            "strokeDash": {"field": "series", "scale": {"domain": names, "range": dashes}, "legend": None},
        },
    }
    bars = {
        "data": {"values": points},
        "mark": {"type": "rule", "strokeWidth": 1.6, "strokeDash": [1, 0]},
        "encoding": {
            "x": horizontal,
            "y": {**vertical, "field": "low"},
            "y2": {"field": "high"},
            "color": {**colour, "legend": None},
        },
    }
    dots = {
        "data": {"values": points},
        "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
        "encoding": {"x": horizontal, "y": vertical, "color": {**colour, "legend": None}},
    }
    spec = {
        "width": 600,
        "height": 320,
        "layer": [{"data": {"values": lines + points}, **line}, bars, dots],
    }
    return Figure(name, title, spec, caption)


def estimates_figure(
    name: str,
    title: str,
    caption: str,
    estimates: Mapping[str, Estimate],
    marks: Mapping[str, tuple[float, str]],
    *,
    x_title: str = "exponent γ",
) -> Figure:
    """Estimates one below the other with their intervals; `marks` are vertical lines by name: (value, colour)."""
    rows = [
        {"what": what, "value": e.value, "low": e.ci[0], "high": e.ci[1]}
        for what, e in estimates.items()
        if e.value is not None and e.ci is not None
    ]
    axis = {"field": "what", "type": "nominal", "title": None, "sort": list(estimates), "axis": {"labelLimit": 260}}
    x = {"field": "value", "type": "quantitative", "title": x_title, "scale": {"zero": False, "padding": 12}}
    layers: list[dict[str, Any]] = []
    if marks:
        layers.append(
            {
                "data": {"values": [{"value": value, "series": series} for series, (value, _) in marks.items()]},
                "mark": {"type": "rule", "strokeWidth": 2, "strokeDash": [6, 3]},
                "encoding": {
                    "x": x,
                    "color": {
                        "field": "series",
                        "type": "nominal",
                        "title": None,
                        "scale": {"domain": list(marks), "range": [colour for _, colour in marks.values()]},
                        "legend": {"orient": "bottom", "columns": 2, "symbolType": "stroke", "labelLimit": 340},
                    },
                },
            }
        )
    layers += [
        {
            "data": {"values": rows},
            "mark": {"type": "rule", "strokeWidth": 2, "color": MEASURED, "strokeDash": [1, 0]},
            "encoding": {"y": axis, "x": {**x, "field": "low"}, "x2": {"field": "high"}},
        },
        {
            "data": {"values": rows},
            "mark": {"type": "point", "filled": True, "size": 80, "color": MEASURED, "opacity": 1},
            "encoding": {"y": axis, "x": x},
        },
    ]
    return Figure(name, title, {"width": 520, "height": {"step": 34}, "layer": layers}, caption)
