"""Pictures of the losses of an ExtensionResult: by position, and what each method costs and reaches; and all of its pictures."""

from __future__ import annotations

from ropescope.extend.evaluate import summary
from ropescope.extend.evaluate.colours import colour_of
from ropescope.extend.evaluate.result import ExtensionResult
from ropescope.extend.evaluate.retrieval_figures import heat_map, tasks
from ropescope.quality.intervals import Interval
from ropescope.report.report import Figure
from ropescope.report.theme import INK

_FAR = 0.1
"""How much more than the best a method may lose and still be drawn beside it."""


def figures(result: ExtensionResult) -> tuple[Figure, ...]:
    """All pictures that the result has numbers for."""
    made = [bands(result)] if result.texts else []
    if len(_close(result)) > 1:
        made.append(price(result))
    if result.found:
        made.append(heat_map(result))
    if result.recalls:
        made.append(tasks(result))
    return tuple(made)


def bands(result: ExtensionResult) -> Figure:
    """The mean loss in each band of positions, a line a method; the trained length as a line across."""
    rows = [
        {
            "method": method,
            "position": (start + end) / 2,
            "band": f"{start:,} – {end:,}",
            "loss": summary.loss(result, method, index),
        }
        for method in result.methods
        for index, (start, end) in enumerate(result.bands)
    ]
    x = {
        "field": "position",
        "type": "quantitative",
        "title": "position (tokens)",
        "axis": {"format": "~s", "grid": False},
        "scale": {"domain": [0, result.target_length], "nice": False},
    }
    y = {
        "field": "loss",
        "type": "quantitative",
        "title": "loss (nats per token)",
        # An unscaled model may lose several times as much: a logarithm keeps the others apart.
        "scale": {"type": "log", "nice": False, "zero": False, "padding": 12},
        "axis": {"format": ".3~f", "tickCount": 8},
    }
    trained = {"data": {"values": [{"position": result.trained_length, "text": "trained length"}]}}
    spec = {
        "width": 620,
        "height": 360,
        "layer": [
            {**trained, "mark": {"type": "rule", "strokeDash": [5, 4], "color": INK}, "encoding": {"x": x}},
            {
                **trained,
                "mark": {"type": "text", "align": "right", "dx": -6, "dy": 10, "color": INK},
                "encoding": {"x": x, "y": {"value": 0}, "text": {"field": "text"}},
            },
            {
                "data": {"values": rows},
                "mark": {"type": "line", "strokeWidth": 2, "point": {"size": 36, "filled": True}},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": colour_of(result.methods),
                    "tooltip": [{"field": "method"}, {"field": "band"}, {"field": "loss", "format": ".4f"}],
                },
            },
        ],
    }
    number = "1 text" if len(result.texts) == 1 else f"{len(result.texts)} texts"
    return Figure(
        name="bands",
        title=f"Loss of {result.model} by position, up to {result.target_length:,} tokens",
        spec=spec,
        caption=f"Mean over {number}; lower is better. Each point is the middle of a band of positions.",
    )


def price(result: ExtensionResult) -> Figure:
    """What each close method pays inside the trained length, and what it loses at the target more than the best one does."""
    close, least, plain = _close(result), summary.best(result), summary.unscaled(result)
    assert least is not None and plain is not None
    base = summary.loss(result, plain, "inside")
    rows = []
    for method in close:
        inside = summary.against(result, method, plain, "inside")
        target = summary.against(result, method, least, "target")
        assert base and inside is not None and target is not None
        rows.append(
            {
                "method": method,
                **_with_bounds("inside", inside, 1 / base),
                **_with_bounds("target", target, 1.0),
            }
        )
    x = {
        "field": "inside",
        "type": "quantitative",
        "title": "loss inside the trained length, against unscaled",
        "axis": {"format": "+.1%", "tickCount": 6},
        "scale": {"nice": False, "padding": 18, "zero": True},
    }
    y = {
        "field": "target",
        "type": "quantitative",
        "title": f"loss in the last band minus {least}'s (nats)",
        "axis": {"format": "+.3~f", "tickCount": 6},
        "scale": {"nice": False, "padding": 18, "zero": True},
    }
    colour = colour_of(result.methods, close)
    spec = {
        "width": 520,
        "height": 340,
        "data": {"values": rows},
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 1.4, "strokeDash": [1, 0], "opacity": 0.6},
                "encoding": {
                    "x": {**x, "field": "inside_low"},
                    "x2": {"field": "inside_high"},
                    "y": y,
                    "color": colour,
                },
            },
            {
                "mark": {"type": "rule", "strokeWidth": 1.4, "strokeDash": [1, 0], "opacity": 0.6},
                "encoding": {
                    "x": x,
                    "y": {**y, "field": "target_low"},
                    "y2": {"field": "target_high"},
                    "color": colour,
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": colour,
                    "tooltip": [
                        {"field": "method"},
                        {"field": "inside", "format": "+.2%"},
                        {"field": "target", "format": "+.4f"},
                    ],
                },
            },
        ],
    }
    left_out = [method for method in result.methods if method not in (*close, plain)]
    return Figure(
        name="price",
        title=f"What a longer context of {result.model} costs and reaches",
        spec=spec,
        caption=(
            f"Lower left is better. Bars are 95 % intervals over {len(result.texts)} texts, paired with {plain} on the x "
            f"axis and with {least} on the y axis."
            + (f" Not shown, with a loss over {100 * _FAR:g} % higher: {', '.join(left_out)}." if left_out else "")
        ),
    )


def _close(result: ExtensionResult) -> list[str]:
    """The methods that can be told apart on one picture; none without an unscaled model to measure the price from."""
    least, plain = summary.best(result), summary.unscaled(result)
    if least is None or plain is None or not summary.bands_where(result, "inside") or len(result.texts) < 2:
        return []
    limit = (1 + _FAR) * (summary.loss(result, least, "target") or 0.0)
    return [
        method
        for method in result.methods
        if method != plain and (summary.loss(result, method, "target") or 0.0) < limit
    ]


def _with_bounds(name: str, interval: Interval, scale: float) -> dict[str, float]:
    low = interval.value if interval.low is None else interval.low
    high = interval.value if interval.high is None else interval.high
    return {name: scale * interval.value, f"{name}_low": scale * low, f"{name}_high": scale * high}
