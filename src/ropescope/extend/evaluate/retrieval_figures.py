"""Pictures of what was found: facts by length and depth, and generated tasks by length."""

from __future__ import annotations

from ropescope.extend.evaluate.colours import colour_of
from ropescope.extend.evaluate.result import ExtensionResult
from ropescope.report.report import Figure
from ropescope.report.theme import INK, PAPER


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
            f"Percent of the facts whose answer is likelier than nine decoys ({each} per cell; guessing gives 10). Trained "
            f"length: {result.trained_length:,} tokens."
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
                "color": colour_of(result.methods),
            },
        },
    }
    return Figure(
        "tasks",
        "Generated tasks, RULER style",
        spec,
        (
            f"{max(len(cell.samples) for cell in result.recalls)} samples per point at most; too few to distinguish close "
            "methods."
        ),
    )
