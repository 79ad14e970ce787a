"""Pictures of an ExtensionResult: loss by position, its price, and what was found by length and depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ropescope.extend.evaluate import summary
from ropescope.extend.evaluate.result import ExtensionResult
from ropescope.quality.intervals import Interval
from ropescope.report.report import Figure
from ropescope.report.theme import AMBER, BLUE, GREEN, INK, MORE, MUTED, PAPER, PINK, SKY, VERMILLION

_COLOURS = {
    "none": MUTED,
    "yarn": BLUE,
    "ntk": VERMILLION,
    "searched": INK,
    "rerope": GREEN,
    "truncated": MORE[0],
}
_OTHERS = (PINK, AMBER, SKY, *MORE[1:])
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
        "title": "loss (nats a token)",
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
                    "color": _colour(result.methods),
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
        caption=f"Mean over {number}; lower is better. Each point is a band of positions, at its middle.",
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
        "title": f"loss in the last band less {least}'s (nats)",
        "axis": {"format": "+.3~f", "tickCount": 6},
        "scale": {"nice": False, "padding": 18, "zero": True},
    }
    colour = _colour(result.methods, close)
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
            f"Lower left is better; bars are 95 % intervals over {len(result.texts)} texts, paired with {plain} across and with "
            f"{least} upwards."
            + (f" Left out, as they lose over {100 * _FAR:g} % more: {', '.join(left_out)}." if left_out else "")
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


def heat_map(result: ExtensionResult) -> Figure:
    """The share of facts found by length and depth: a panel for each method, a row of panels for each task."""
    rows = [
        {
            "method": cell.method,
            "task": cell.task,
            "length": f"{cell.length:,}",
            "depth": f"{100 * cell.depth:.0f} %",
            "share": cell.right / cell.trials,
            "text": f"{100 * cell.right / cell.trials:.0f}",
            "trials": cell.trials,
            "exact": cell.exact / cell.trials,
        }
        for cell in result.found
    ]
    lengths = [f"{length:,}" for length in sorted({cell.length for cell in result.found})]
    depths = [f"{100 * depth:.0f} %" for depth in sorted({cell.depth for cell in result.found})]
    tasks_there = list(dict.fromkeys(cell.task for cell in result.found))
    x = {"field": "length", "type": "ordinal", "sort": lengths, "title": "length (tokens)", "axis": {"labelAngle": -40}}
    y = {"field": "depth", "type": "ordinal", "sort": depths, "title": "depth of the fact"}
    spec = {
        "data": {"values": rows},
        "facet": {
            "column": {"field": "method", "type": "nominal", "sort": list(result.methods), "title": None},
            "row": {
                "field": "task",
                "type": "nominal",
                "sort": tasks_there,
                "title": None,
                "header": {"labelOrient": "left", "labelAngle": -90},
            },
        },
        "spec": {
            "width": max(120, 48 * len(lengths)),  # the title of the axis stands below each panel
            "height": 30 * len(depths),
            "layer": [
                {
                    "mark": {"type": "rect", "stroke": PAPER},
                    "encoding": {
                        "x": x,
                        "y": y,
                        "color": {
                            "field": "share",
                            "type": "quantitative",
                            "title": "found",
                            "scale": {"scheme": "viridis", "domain": [0, 1]},
                            "legend": {"format": "%"},
                        },
                        "tooltip": [
                            {"field": "method"},
                            {"field": "length"},
                            {"field": "depth"},
                            {"field": "trials"},
                            {"field": "share", "format": ".0%", "title": "right"},
                            {"field": "exact", "format": ".0%"},
                        ],
                    },
                },
                {
                    "mark": {"type": "text", "fontSize": 11},
                    "encoding": {
                        "x": x,
                        "y": y,
                        "text": {"field": "text"},
                        "color": {"condition": {"test": "datum.share > 0.6", "value": INK}, "value": PAPER},
                    },
                },
            ],
        },
    }
    trials = sorted({cell.trials for cell in result.found})
    each = f"{trials[0]}" if len(trials) == 1 else f"{trials[0]} to {trials[-1]}"
    return Figure(
        name="found",
        title=f"What {result.model} finds in a long context",
        spec=spec,
        caption=(
            f"Percent of the facts whose answer was likelier than nine decoys ({each} a cell; guessing gives 10); trained at "
            f"{result.trained_length:,} tokens."
        ),
    )


def tasks(result: ExtensionResult) -> Figure:
    """The recall of each generated task by length, a line a method."""
    rows = [
        {
            "method": cell.method,
            "task": cell.task,
            "length": cell.length,
            "recall": sum(cell.samples) / len(cell.samples),
        }
        for cell in result.recalls
    ]
    names = list(dict.fromkeys(cell.task for cell in result.recalls))
    lengths = sorted({cell.length for cell in result.recalls})
    spec = {
        "data": {"values": rows},
        "facet": {"field": "task", "type": "nominal", "sort": names, "title": None},
        "columns": 3,
        "spec": {
            "width": 210,
            "height": 150,
            "mark": {"type": "line", "strokeWidth": 2, "point": {"size": 34, "filled": True}},
            "encoding": {
                "x": {
                    "field": "length",
                    "type": "quantitative",
                    "title": "length (tokens)",
                    "axis": {"format": "~s", "values": lengths, "grid": False},
                    "scale": {"nice": False, "padding": 10},
                },
                "y": {
                    "field": "recall",
                    "type": "quantitative",
                    "title": "strings said",
                    "axis": {"format": "%"},
                    "scale": {"domain": [0, 1]},
                },
                "color": _colour(result.methods),
            },
        },
    }
    return Figure(
        "tasks",
        "Generated tasks, in the manner of RULER",
        spec,
        f"{max(len(cell.samples) for cell in result.recalls)} samples a point at the most; too few to tell close methods apart.",
    )


def _colour(methods: Sequence[str], shown: Sequence[str] | None = None) -> dict[str, Any]:
    """A colour for each method, the same whichever of them are `shown`."""
    others = iter(_OTHERS * (1 + len(methods) // len(_OTHERS)))
    colours = {method: _COLOURS.get(method) or next(others) for method in methods}
    there = list(methods if shown is None else shown)
    return {
        "field": "method",
        "type": "nominal",
        "title": None,
        "scale": {"domain": there, "range": [colours[method] for method in there]},
        "legend": {
            "orient": "bottom",
            "columns": 5,
            "symbolType": "circle",
            "symbolOpacity": 1,
            "symbolStrokeWidth": 0,
            "labelLimit": 160,
        },
    }
