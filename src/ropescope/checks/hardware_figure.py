"""The picture of the sets: speed against price, or against memory, with those that no other beats on a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

from ropescope.checks.serving.devices.device import GIB
from ropescope.checks.serving.hardware.search import Found, Searched, Wish
from ropescope.report.report import Figure
from ropescope.report.theme import CATEGORY, FAINT, INK

_NAMED = 12
"""So many sets of the front get their name written beside them."""


def hardware_figure(wish: Wish, searched: Searched, fronts: Mapping[str, Sequence[Found]]) -> Figure:
    """Every set that serves as a dot, in grey, and those of the front in the colour of their number of devices."""
    best = {id(one) for found in fronts.values() for one in found}
    values = [_value(wish, one, id(one) in best) for one in searched.found if one.tokens_per_second]
    counts = sorted({value["count"] for value in values if value["front"]})
    colours = {"domain": [f"{count} ×" for count in counts], "range": list(CATEGORY[: len(counts)])}
    x = {
        "field": "x",
        "type": "quantitative",
        "title": "price of the set an hour" if wish.prices else "memory of all devices (GiB)",
        "scale": {"type": "log", "nice": False, "padding": 24},
        "axis": {
            "format": "~g" if wish.prices else ",d",
            **({} if wish.prices else {"values": [2**n for n in range(3, 13)]}),
        },
    }
    y = {
        "field": "y",
        "type": "quantitative",
        "title": "tokens a second at most",
        "scale": {"type": "log", "nice": False, "padding": 16},
        "axis": {"format": "~g", "values": [n * 10**p for p in range(-1, 6) for n in (1, 2, 5)]},
    }
    tooltip = [{"field": name} for name in ("set", "weights", "y", "x")]
    front = [value for value in values if value["front"]]
    named = sorted(front, key=lambda value: -value["y"])[:_NAMED]
    spec: dict[str, Any] = {
        "width": 540,
        "height": 340,
        "layer": [
            {
                "data": {"values": [value for value in values if not value["front"]]},
                "mark": {"type": "point", "size": 22, "color": FAINT, "opacity": 0.9},
                "encoding": {"x": x, "y": y, "tooltip": tooltip},
            },
            {
                "data": {"values": front},
                "mark": {"type": "point", "size": 90, "stroke": "white", "strokeWidth": 1},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": {"field": "sets", "type": "nominal", "scale": colours, "legend": {"title": "devices"}},
                    "tooltip": tooltip,
                },
            },
            *(_names(group, x, y, place, style) for group, place in _placed(named, values) for style in _HALO),
        ],
    }
    which = (
        "no other is as cheap, as fast and as roomy"
        if wish.prices
        else "no other has as few devices of as little memory"
    )
    return Figure(
        "hardware",
        f"Sets that serve {wish.model.name}",
        spec,
        f"{wish.context_tokens:,} tokens × {wish.batch:,}. Each dot is a set of alike devices; in colour: {which}.",
    )


_HALO: tuple[dict[str, Any], ...] = ({"color": "white", "stroke": "white", "strokeWidth": 4}, {"color": INK})


_SIDES: tuple[dict[str, Any], ...] = (
    {"align": "right", "dx": -8, "dy": -8},
    {"align": "left", "dx": 9, "dy": 1},
    {"align": "left", "dx": 9, "dy": 14},
    {"align": "right", "dx": -8, "dy": 14},
)
"""Where a name may stand beside its dot, the best place first."""


def _placed(
    named: Sequence[Mapping[str, Any]], values: Sequence[Mapping[str, Any]]
) -> list[tuple[list[Mapping[str, Any]], dict[str, Any]]]:
    """The names by the side of their dots on which they stand: inside the picture and over no other name; a name that finds no
    such place is left out."""

    def along(value: Mapping[str, Any], axis: str, size: int) -> float:
        low, high = min(one[axis] for one in values), max(one[axis] for one in values)
        return size * log(value[axis] / low) / log(high / low) if high > low else size / 2

    taken: list[tuple[float, float, float]] = []
    groups: list[list[Mapping[str, Any]]] = [[] for _ in _SIDES]
    for value in named:
        for side, group in zip(_SIDES, groups, strict=True):
            width = 6.5 * len(value["set"])
            left = 24 + along(value, "x", 492) + side["dx"] - (width if side["align"] == "right" else 0)
            top = 16 + along(value, "y", 308) - side["dy"]
            clear = all(left > end or left + width < start or abs(top - other) > 13 for start, end, other in taken)
            if clear and left > 0 and left + width < 560:
                taken.append((left, left + width, top))
                group.append(value)
                break
    return [(group, side) for group, side in zip(groups, _SIDES, strict=True) if group]


def _names(
    group: list[Mapping[str, Any]],
    x: Mapping[str, Any],
    y: Mapping[str, Any],
    place: Mapping[str, Any],
    style: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "data": {"values": group},
        "mark": {"type": "text", "fontSize": 11, **place, **style},
        "encoding": {"x": x, "y": y, "text": {"field": "set"}},
    }


def _value(wish: Wish, one: Found, on_front: bool) -> dict[str, Any]:
    serving = one.serving
    return {
        "set": f"{serving.count} × {serving.device.name}",
        "sets": f"{serving.count} ×",
        "count": serving.count,
        "weights": serving.precision,
        "x": one.price if one.price is not None else one.memory_bytes / GIB,
        "y": one.tokens_per_second,
        "front": on_front,
    }
