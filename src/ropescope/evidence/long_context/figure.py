"""Score by length, a panel for each benchmark: the model asked for, against all others in grey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

from ropescope.published.benchmarks import BENCHMARKS, LONGBENCH, NOLIMA, RULER, Benchmark, Row, rows
from ropescope.published.changes import base_score, interval
from ropescope.published.names import ModelName
from ropescope.report.report import Figure
from ropescope.report.theme import CATEGORY, FAINT, MUTED
from ropescope.report.vega import layer, nominal

_WIDTH, _HEIGHT = 260, 190
_TOOLTIP = [{"field": name} for name in ("model", "length", "score", "run by")]


def figure(asked: tuple[Row, ...]) -> Figure:
    """Score by length of every model in grey, and of `asked` in colour with its sampling interval."""
    # One colour for a model whatever organisation or old name a benchmark has it under.
    series: dict[Any, str] = {}
    named = {id(row): series.setdefault((*_who(row), row.setting), row.title) for row in reversed(asked)}
    titles = list(dict.fromkeys(named[id(row)] for row in asked))
    colours = dict(zip(titles, cycle(CATEGORY), strict=False))
    labels = {_who(row): row.label for row in reversed(asked)}.values()
    bars = " Bars: 95 % sampling interval, where wider than the dots." if asked else ""
    return Figure(
        "long-context",
        f"Score by length: {' and '.join(labels) or 'every published row'}",
        {
            "concat": [_panel(mark, asked, named, colours) for mark in BENCHMARKS],
            "columns": 2,
            "spacing": 28,
            "resolve": {"scale": {"color": "shared", "x": "independent"}},
        },
        "Grey: all other rows. Dashed: RULER's threshold of an effective length, NoLiMa's for this model, guessing on LongBench."
        + bars,
    )


def _who(row: Row) -> tuple[Any, ...]:
    name = ModelName.of(row.label)
    return (name.words, name.tuning, name.copy, name.date)


def _panel(
    mark: Benchmark, every: tuple[Row, ...], named: Mapping[int, str], colours: Mapping[str, str]
) -> dict[str, Any]:
    asked = [row for row in every if row.benchmark is mark]
    columns = [column for column in mark.columns if column != "overall"]
    x = {
        "field": "length",
        "type": "ordinal",
        "scale": {"domain": columns, "type": "point", "padding": 0.3},
        "title": "context length (tokens)" if mark.by_length else "class of length (words)",
        "axis": {"labelAngle": 0},
    }
    y = {"field": "score", "type": "quantitative", "title": "score (%)", "scale": {"domain": [0, 100]}}
    chosen = {row.label for row in asked}
    others = [value for row in rows(mark) if row.label not in chosen for value in _values(row, row.title, columns)]
    layers = [
        layer(
            "line",
            {"x": x, "y": y, "detail": {"field": "model"}, "tooltip": _TOOLTIP},
            others,
            strokeWidth=1,
            color=FAINT,
            opacity=0.8,
        ),
        *(layer("rule", {"y": y}, [{"score": at}], strokeDash=[4, 3], color=MUTED) for at in _limits(mark, asked)),
    ]
    if asked:
        layers += _asked_layers(
            [value for row in asked for value in _values(row, named[id(row)], columns)], x, y, colours
        )
    missing = "" if asked or not colours else " (no row)"
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "title": {"text": f"{mark.name}{missing}", "fontSize": 14},
        "layer": layers,
    }


def _limits(mark: Benchmark, asked: Sequence[Row]) -> list[float]:
    if mark is RULER and mark.threshold is not None:
        return [mark.threshold]
    if mark is NOLIMA and mark.threshold is not None:
        return [mark.threshold / 100 * base for row in asked if (base := base_score(row)) is not None]
    return [LONGBENCH.chance] if mark is LONGBENCH else []


def _values(row: Row, model: str, columns: list[str]) -> list[dict[str, Any]]:
    values = []
    for column in columns:
        score = row.score(column)
        if score is None:
            continue
        value = {"model": model, "length": column, "score": score, "run by": row.run_by}
        if (ends := interval(row, column)) is not None:
            value["low"], value["high"] = ends
        values.append(value)
    return values


def _asked_layers(values: list[dict[str, Any]], x: Any, y: Any, colours: Mapping[str, str]) -> list[dict[str, Any]]:
    legend = None if len(colours) == 1 else {"orient": "bottom", "columns": 1, "labelLimit": 520}
    colour = nominal("model", colours, title=None, legend=legend)
    bars = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour}
    text = {"align": "center", "dy": -11, "fontWeight": 600, "fontSize": 11}
    label = {"x": x, "y": y, "text": {"field": "score", "format": ".1f"}}
    layers = [
        layer("rule", bars, [value for value in values if "low" in value], strokeWidth=2, strokeDash=[1, 0]),
        layer(
            "line", {"x": x, "y": y, "color": colour, "tooltip": _TOOLTIP}, values, strokeWidth=2.6, point={"size": 26}
        ),
    ]
    if len({value["model"] for value in values}) > 1:
        return layers
    return [
        *layers,
        # The same text in white underneath, so that the lines of the field do not cross the digits.
        layer("text", label, values, **text, color="white", stroke="white", strokeWidth=4),
        layer("text", {**label, "color": colour}, values, **text),
    ]
