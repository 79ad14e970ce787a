"""The picture of a fit: what one device must hold, part by part, against what it has."""

from __future__ import annotations

from typing import Any

from ropescope.checks.serving.devices.device import GIB
from ropescope.checks.serving.fitting.fit import Fit
from ropescope.checks.serving.fitting.on_devices import on_devices
from ropescope.checks.serving.fitting.ways_to_fit import WayToFit
from ropescope.checks.serving.memory.demand import Demand, demand, fullest
from ropescope.report.report import Figure
from ropescope.report.theme import CATEGORY, INK

MOST_BARS = 7


def fit_figure(found: Fit, others: tuple[Fit, ...], ways: tuple[WayToFit, ...]) -> Figure:
    """Stacked bars a device: as asked, with each way to fit, and on more devices; rules mark the budget and the device."""
    serving = found.serving
    bars = [(_named(serving.count, "as asked"), found.demand)]
    bars += [(way.change, demand(way.serving)) for way in ways]
    if found.ok:
        more = [fit for fit in others if fit.serving.count > serving.count and not fit.problem]
        bars += [(f"{fit.serving.count} devices", fit.demand) for fit in more]
    names = {part.name: None for part in found.demand.parts}
    shown = bars[:MOST_BARS]
    values = [entry for label, needed in shown for entry in _values(label, needed)]
    device = fullest(serving).device if serving.deals_layers else serving.device
    lines = [
        {"at": found.budget.n_bytes / GIB, "what": f"may be used: {found.budget.n_bytes / GIB:.1f} GiB"},
        {"at": device.memory_bytes / GIB, "what": f"device: {device.memory_bytes / GIB:.1f} GiB"},
    ]
    if found.budget.n_bytes == device.memory_bytes:
        lines = lines[1:]
    spec: dict[str, Any] = {
        "width": 520,
        "height": {"step": 34},
        "layer": [
            {
                "data": {"values": values},
                "mark": {"type": "bar", "cornerRadiusEnd": 0, "height": {"band": 0.7}},
                "encoding": {
                    "y": {
                        "field": "case",
                        "type": "nominal",
                        "sort": [label for label, _ in shown],
                        "title": None,
                        "axis": {"labelLimit": 380, "ticks": False},
                    },
                    "x": {"field": "gib", "type": "quantitative", "title": "GiB on each device", "stack": "zero"},
                    "color": {
                        "field": "part",
                        "type": "nominal",
                        "title": None,
                        "sort": list(names),
                        "scale": {"domain": list(names), "range": list(CATEGORY[: len(names)])},
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
                "data": {"values": lines},
                "mark": {"type": "rule", "color": INK, "strokeWidth": 1.5},
                "encoding": {
                    "x": {"field": "at", "type": "quantitative"},
                    "strokeDash": {
                        "field": "what",
                        "type": "nominal",
                        "title": None,
                        "sort": [line["what"] for line in lines],
                        "scale": {"range": [[5, 3], [1, 0]] if len(lines) == 2 else [[1, 0]]},
                        "legend": {"symbolType": "stroke", "symbolSize": 220},
                    },
                },
            },
        ],
        "resolve": {"legend": {"strokeDash": "independent", "color": "independent"}},
    }
    caption = (
        f"{serving.model.name} with {serving.engine.name}: {serving.context_tokens:,} tokens × {serving.batch:,}, "
        f"{on_devices(serving)}."
    )
    return Figure("memory", "What each device must hold", spec, caption)


def _named(count: int, what: str) -> str:
    return what if count == 1 else f"{what}, {count} devices"


def _values(label: str, needed: Demand) -> list[dict[str, Any]]:
    return [
        {"case": label, "part": part.name, "gib": part.n_bytes / GIB, "order": order}
        for order, part in enumerate(needed.parts)
    ]
