"""The pictures of an evaluation: what each share of the cache costs, the same by kind of text, and what is still found."""

from __future__ import annotations

from typing import Any

from ropescope.compress.evaluate.results import summary
from ropescope.compress.evaluate.results.depth_map import depth_map
from ropescope.compress.evaluate.results.result import TradeoffResult
from ropescope.compress.evaluate.results.retrieved import found_by_budget
from ropescope.report.report import Figure
from ropescope.report.theme import AMBER, BLUE, GREEN, GREY, INK, MORE, MUTED, PINK, SKY, VERMILLION

_COLOURS = {
    "planned": BLUE,
    "planned windows": SKY,
    "the plan": INK,
    "uniform window": GREY,
    "random tokens": MUTED,
    "random": MUTED,
}
_OTHERS = (VERMILLION, AMBER, GREEN, PINK, *MORE)
_TICKS = [-0.1, -0.03, -0.01, 0, 0.01, 0.03, 0.1, 0.3, 1, 3]


def figures(result: TradeoffResult, limit: float) -> tuple[Figure, ...]:
    """All pictures that the result has numbers for."""
    made = [pareto(result, limit)]
    if len(summary.kinds(result)) > 1:
        made.append(by_kind(result))
    if result.retrieval:
        made += [retrieval(result), depth_map(result)]
    return tuple(made)


def pareto(result: TradeoffResult, limit: float) -> Figure:
    """Added loss against the share of the cache really held, with intervals; the limit, and the budget that a plan named."""
    bound = limit * summary.full_loss(result)
    line = {"data": {"values": [{"y": bound, "text": f"{100 * limit:.3g} %"}]}}
    y = {"field": "y", "type": "quantitative"}
    layers: list[dict[str, Any]] = [
        {**line, "mark": {"type": "rule", "strokeDash": [5, 4], "color": INK}, "encoding": {"y": y}},
        {
            **line,
            "mark": {"type": "text", "align": "left", "dx": 4, "color": INK},
            "encoding": {"x": {"value": "width"}, "y": y, "text": {"field": "text"}},
        },
    ]
    rows = _points(result)
    colour = _colour(result.methods)
    layers += _curves(rows, colour)
    whole = summary.full_loss(result)
    words = f"The dashed line is {100 * limit:.3g} % of the loss with the whole cache ({whole:.3f} nats a token)."
    if result.named is not None:
        named = [row for row in rows if abs(row["budget"] - result.named.budget) < 1e-9]
        layers += _named(named, result.named.budget)
        words += f" Diamonds: the budget that the plan names, {100 * result.named.budget:.3g} %."
    return Figure(
        name="tradeoff",
        title=f"What a smaller cache costs {result.model} at {result.length:,} tokens",
        spec={"width": 620, "height": 380, "layer": layers},
        caption=f"Lower and further left is better; bars are 95 % intervals over {len(result.texts)} texts, side by side. {words}",
    )


def by_kind(result: TradeoffResult) -> Figure:
    """The same for every kind of text, side by side."""
    kinds = summary.kinds(result)
    rows = [row for kind in kinds for row in _points(result, kind)]
    spec = {
        "data": {"values": rows},
        "facet": {"column": {"field": "kind", "type": "nominal", "sort": kinds, "title": None}},
        "spec": {"width": 620 // len(kinds), "height": 260, "layer": _curves(None, _colour(result.methods))},
    }
    numbers = ", ".join(f"{sum(text.kind == kind for text in result.texts)} of {kind}" for kind in kinds)
    return Figure("kinds", "The same by kind of text", spec, f"Texts: {numbers}. Bars are 95 % intervals.")


def retrieval(result: TradeoffResult) -> Figure:
    """How many planted facts are still found, by share of the cache, for both times of asking."""
    rows = found_by_budget(result)
    tasks, asked = (list(dict.fromkeys(row[name] for row in rows)) for name in ("task", "asked"))
    layers: list[dict[str, Any]] = [
        {
            "transform": [{"filter": "datum.method == 'whole cache'"}],
            "mark": {"type": "rule", "strokeDash": [5, 4], "color": INK},
            "encoding": {"y": {"field": "share", "type": "quantitative"}},
        },
        *_lines(
            _colour(result.methods),
            y={
                "field": "share",
                "title": "questions answered rightly",
                "axis": {"format": "%"},
                "scale": {"domain": [0, 1]},
            },
            where="datum.method != 'whole cache'",
        ),
    ]
    spec = {
        "data": {"values": rows},
        "facet": {
            "column": {"field": "asked", "type": "nominal", "sort": asked, "title": None},
            "row": {"field": "task", "type": "nominal", "sort": tasks, "title": None},
        },
        "spec": {"width": 290, "height": 200, "layer": layers},
    }
    return Figure(
        name="retrieval",
        title="What is still found in a smaller cache",
        spec=spec,
        caption="Dashed: with the whole cache. Guessing finds 10 %. Bars are Wilson's 95 % intervals.",
    )


def _points(result: TradeoffResult, kind: str | None = None) -> list[dict[str, Any]]:
    rows = []
    for method in result.methods:
        means, shares = summary.added(result, method, kind=kind), summary.held(result, method)
        for budget, mean, share in zip(result.budgets, means, shares, strict=True):
            if mean is None or share is None:
                continue
            rows.append(
                {
                    "method": method,
                    "kind": kind or "all",
                    "budget": budget,
                    "held": share,
                    "added": mean.value,
                    "at": share + _beside(result, method),
                    "low": mean.value if mean.low is None else mean.low,
                    "high": mean.value if mean.high is None else mean.high,
                }
            )
    return rows


def _beside(result: TradeoffResult, method: str) -> float:
    """How far a method is drawn from its place, so that the bars of one budget stand side by side."""
    width, others = result.budgets[-1] - result.budgets[0] or 0.1, len(result.methods) - 1
    step = min(width / 150, width / 40 / max(1, others))
    return step * (result.methods.index(method) - others / 2)


def _curves(rows: list[dict[str, Any]] | None, colour: dict[str, Any]) -> list[dict[str, Any]]:
    y = {
        "field": "added",
        "title": "added loss (nats a token)",
        # Logarithmic away from zero and even around it, where intervals reach below.
        "scale": {"type": "symlog", "constant": 0.01, "nice": False},
        "axis": {"values": _TICKS, "tickCount": 2 * len(_TICKS), "format": "~g", "labelOverlap": False},
    }
    layers = _lines(colour, y=y)
    return layers if rows is None else [{"data": {"values": rows}, **layer} for layer in layers]


def _lines(colour: dict[str, Any], *, y: dict[str, Any], where: str = "true") -> list[dict[str, Any]]:
    x = {
        "field": "at",
        "type": "quantitative",
        "title": "share of the cache really held",
        "axis": {"format": "%"},
        "scale": {"zero": False, "padding": 12},
    }
    y = {"type": "quantitative", **y}
    tooltip = [{"field": "method"}, {"field": "held", "format": ".1%"}, {"field": y["field"], "format": ".4f"}]
    kept = [{"filter": where}]
    return [
        {
            "transform": kept,
            "mark": {"type": "rule", "opacity": 0.5, "strokeWidth": 1.4, "strokeDash": [1, 0]},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
        },
        {
            "transform": kept,
            "mark": {"type": "line", "strokeWidth": 2, "point": {"size": 34, "filled": True}},
            "encoding": {"x": x, "y": y, "color": colour, "tooltip": tooltip},
        },
    ]


def _named(rows: list[dict[str, Any]], budget: float) -> list[dict[str, Any]]:
    x, y = {"field": "at", "type": "quantitative"}, {"field": "added", "type": "quantitative"}
    return [
        {
            "data": {"values": [{"at": budget}]},
            "mark": {"type": "rule", "strokeDash": [2, 3], "color": INK},
            "encoding": {"x": x},
        },
        {
            "data": {"values": rows},
            "mark": {
                "type": "point",
                "shape": "diamond",
                "size": 150,
                "filled": False,
                "strokeWidth": 1.8,
                "color": INK,
            },
            "encoding": {"x": x, "y": y},
        },
    ]


def _colour(methods: tuple[str, ...]) -> dict[str, Any]:
    others = iter(_OTHERS * (1 + len(methods) // len(_OTHERS)))
    return {
        "field": "method",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(methods), "range": [_COLOURS.get(method) or next(others) for method in methods]},
        "legend": {
            "orient": "bottom",
            "columns": 4,
            "symbolType": "circle",
            "symbolOpacity": 1,
            "symbolStrokeWidth": 0,
            "labelLimit": 200,
        },
    }
