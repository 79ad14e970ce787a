"""The two pictures that most experiments need: a sweep with its predicted lines, and estimates side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ropescope.report.report import Figure
from ropescope.report.theme import BLUE, GREEN, GREY, PINK, VERMILLION
from ropescope.report.vega import Channel, layer, nominal, quantitative

if TYPE_CHECKING:
    from ropescope.measure.estimates import Estimate

MEASURED, SECOND, THEORY, NULL, THIRD = BLUE, GREEN, VERMILLION, GREY, PINK
_LEGEND = {"orient": "bottom", "columns": 2, "symbolType": "stroke", "labelLimit": 340}


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
    at, y = x.channel("x"), quantitative("y", y_title)
    colour = nominal("series", dict(zip(names, colours, strict=True)), title=None, legend=_LEGEND)
    quiet = {**colour, "legend": None}
    dash = {"field": "series", "scale": {"domain": names, "range": dashes}, "legend": None}
    layers = [
        layer("line", {"x": at, "y": y, "color": colour, "strokeDash": dash}, lines + points, strokeWidth=2),
        layer("rule", {"x": at, **interval_ends("y", y), "color": quiet}, points, strokeWidth=1.6, strokeDash=[1, 0]),
        layer("point", {"x": at, "y": y, "color": quiet}, points, filled=True, size=60, opacity=1),
    ]
    return layered(name, title, layers, caption, width=600, height=320)


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
    y = nominal("what", title=None, sort=list(estimates), axis={"labelLimit": 260})
    x = quantitative("value", x_title, padding=12)
    layers = []
    if marks:
        lines = [{"value": value, "series": series} for series, (value, _) in marks.items()]
        colours = {series: colour for series, (_, colour) in marks.items()}
        colour = nominal("series", colours, title=None, legend=_LEGEND)
        layers.append(layer("rule", {"x": x, "color": colour}, lines, strokeWidth=2, strokeDash=[6, 3]))
    layers += [
        layer("rule", {"y": y, **interval_ends("x", x)}, rows, strokeWidth=2, color=MEASURED, strokeDash=[1, 0]),
        layer("point", {"y": y, "x": x}, rows, filled=True, size=80, color=MEASURED, opacity=1),
    ]
    return layered(name, title, layers, caption, width=520, height={"step": 34})


def layered(name: str, title: str, layers: Sequence[dict[str, Any]], caption: str, **size: Any) -> Figure:
    """A figure of several layers."""
    return Figure(name, title, {**size, "layer": list(layers)}, caption)


def interval_ends(axis: str, channel: Channel) -> Channel:
    """The channels of an interval, whose ends are the fields `low` and `high`."""
    return {axis: {**channel, "field": "low"}, f"{axis}2": {"field": "high"}}
