"""The picture of a fit: what one device must hold, part by part, against what it has."""

from __future__ import annotations

from typing import Any

from ropescope.checks.serving.devices.device import GIB
from ropescope.checks.serving.fitting.fit import Fit
from ropescope.checks.serving.fitting.on_devices import on_devices
from ropescope.checks.serving.fitting.ways_to_fit import WayToFit
from ropescope.checks.serving.memory.demand import Demand, demand, each_device, fullest
from ropescope.report.report import Figure
from ropescope.report.theme import CATEGORY, INK

MOST_BARS = 7


def fit_figure(found: Fit, others: tuple[Fit, ...], ways: tuple[WayToFit, ...]) -> Figure:
    """Stacked bars of what a device must hold; rules mark what may be used and what there is.

    Of unequal devices that layers are dealt to, a bar for each with its own marks. Else as asked, with each way to fit, and
    on more devices.
    """
    serving = found.serving
    if serving.unequal and serving.deals_layers:
        dealt = each_device(serving)[:MOST_BARS]
        labels = [f"{number}: {one.device.name}" for number, one in enumerate(dealt, 1)]
        bars = [(label, one.demand) for label, one in zip(labels, dealt, strict=True)]
        marks = [
            mark
            for label, one in zip(labels, dealt, strict=True)
            for mark in _marks(one.budget.n_bytes, one.device.memory_bytes, case=label)
        ]
    else:
        bars = [(_named(serving.count, "as asked"), found.demand)]
        bars += [(way.change, demand(way.serving)) for way in ways]
        if found.ok:
            more = [fit for fit in others if fit.serving.count > serving.count and not fit.problem]
            bars += [(f"{fit.serving.count} devices", fit.demand) for fit in more]
        device = fullest(serving).device if serving.deals_layers else serving.device
        marks = _marks(found.budget.n_bytes, device.memory_bytes)
    caption = (
        f"{serving.model.name} with {serving.engine.name}: {serving.context_tokens:,} tokens × {serving.batch:,}, "
        f"{on_devices(serving)}."
    )
    return Figure("memory", "What each device must hold", _spec(bars[:MOST_BARS], marks), caption)


def _marks(budget: int, memory: int, case: str = "") -> list[dict[str, Any]]:
    """Where the rules of a bar stand (of all bars without a `case`), with what they mean."""
    told = (("may be used", budget), ("device", memory)) if budget != memory else (("device", memory),)
    if case:
        return [{"at": n_bytes / GIB, "what": what, "case": case} for what, n_bytes in told]
    return [{"at": n_bytes / GIB, "what": f"{what}: {n_bytes / GIB:.1f} GiB"} for what, n_bytes in told]


def _spec(bars: list[tuple[str, Demand]], marks: list[dict[str, Any]]) -> dict[str, Any]:
    names = list(dict.fromkeys(part.name for _, needed in bars for part in needed.parts))
    cases = {
        "field": "case",
        "type": "nominal",
        "sort": [label for label, _ in bars],
        "title": None,
        "axis": {"labelLimit": 380, "ticks": False},
    }
    across = {"y": {**cases, "bandPosition": 0}, "y2": {"field": "case", "bandPosition": 1}}
    meanings = list(dict.fromkeys(mark["what"] for mark in marks))
    return {
        "width": 520,
        "height": {"step": 34},
        "layer": [
            {
                "data": {"values": [entry for label, needed in bars for entry in _values(label, needed)]},
                "mark": {"type": "bar", "cornerRadiusEnd": 0, "height": {"band": 0.7}},
                "encoding": {
                    "y": cases,
                    "x": {"field": "gib", "type": "quantitative", "title": "GiB on each device", "stack": "zero"},
                    "color": {
                        "field": "part",
                        "type": "nominal",
                        "title": None,
                        "sort": names,
                        "scale": {"domain": names, "range": list(CATEGORY[: len(names)])},
                    },
                    "order": {"field": "order", "type": "ordinal"},
                    "tooltip": [
                        {"field": "case"},
                        {"field": "part"},
                        {"field": "gib", "format": ",.2f", "title": "GiB"},
                    ],
                },
            },
            {
                "data": {"values": marks},
                "mark": {"type": "rule", "color": INK, "strokeWidth": 1.5},
                "encoding": {
                    "x": {"field": "at", "type": "quantitative"},
                    **(across if "case" in marks[0] else {}),
                    "strokeDash": {
                        "field": "what",
                        "type": "nominal",
                        "title": None,
                        "sort": meanings,
                        "scale": {"range": [[5, 3], [1, 0]] if len(meanings) == 2 else [[1, 0]]},
                        "legend": {"symbolType": "stroke", "symbolSize": 220},
                    },
                },
            },
        ],
        "resolve": {"legend": {"strokeDash": "independent", "color": "independent"}},
    }


def _named(count: int, what: str) -> str:
    return what if count == 1 else f"{what}, {count} devices"


def _values(label: str, needed: Demand) -> list[dict[str, Any]]:
    return [
        {"case": label, "part": part.name, "gib": part.n_bytes / GIB, "order": order}
        for order, part in enumerate(needed.parts)
    ]
