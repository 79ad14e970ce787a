"""The picture of a plan: how long each rotary pair takes for a turn, before and after."""

from __future__ import annotations

from typing import Any

from ropescope.extend.plan.rope_plan import METHOD_NAMES, LayerTypePlan, RopePlan
from ropescope.report.report import Figure
from ropescope.report.theme import BLUE, MUTED, VERMILLION

_BEFORE, _AFTER = "before", "after"


def wavelength_figure(plan: RopePlan) -> Figure:
    """Pairs across, fastest first; the tokens of a full turn up, on a logarithmic scale; the trained and the target length
    as lines. One panel for every type of layer that the plan changes (or has, where it changes none)."""
    shown = [entry for entry in plan.layer_types if entry.changed] or list(plan.layer_types)
    panels = [_panel(plan, entry, len(shown)) for entry in shown]
    spec: dict[str, Any] = {**(panels[0] if len(panels) == 1 else {"hconcat": panels})}
    return Figure(
        name="wavelengths",
        title=f"What {METHOD_NAMES[plan.method]} does to the rotary pairs of {plan.model}"
        if plan.changes
        else f"The rotary pairs of {plan.model}",
        spec=spec,
        caption=_caption(plan, shown[0]),
    )


def distance_figure(plan: RopePlan) -> Figure:
    """The distance of a key across, the distance it is read at up: its own near by, and ever less of it far away."""
    entry = plan.layer_types[0]
    assert entry.near_tokens is not None
    ends = [0, entry.near_tokens, plan.target_length]
    rows = [{"distance": end, "read": entry.effective_distance(end), "positions": _AFTER} for end in ends]
    rows += [{"distance": end, "read": end, "positions": _BEFORE} for end in (0, plan.target_length)]
    x = {
        "field": "distance",
        "type": "quantitative",
        "title": "tokens back",
        "axis": {"format": "~s", "grid": False},
        "scale": {"domain": [0, plan.target_length], "nice": False},
    }
    y = {"field": "read", "type": "quantitative", "title": "effective distance (tokens)", "axis": {"format": "~s"}}
    trained = {"data": {"values": [{"read": plan.trained_length, "text": f"trained: {plan.trained_length:,}"}]}}
    colour = {
        "field": "positions",
        "type": "nominal",
        "legend": {"title": None, "orient": "top"},
        "scale": {"domain": [_BEFORE, _AFTER], "range": [MUTED, BLUE]},
    }
    label = {"type": "text", "align": "left", "dx": 6, "dy": -8, "fontSize": 12, "color": VERMILLION}
    spec = {
        "width": 520,
        "height": 320,
        "layer": [
            {
                **trained,
                "mark": {"type": "rule", "strokeDash": [5, 4], "strokeWidth": 1.4, "color": VERMILLION},
                "encoding": {"y": y},
            },
            {
                "data": {"values": rows},
                "mark": {"type": "line", "strokeWidth": 2.2},
                "encoding": {"x": x, "y": y, "color": colour},
            },
            {**trained, "mark": label, "encoding": {"x": {"value": 0}, "y": y, "text": {"field": "text"}}},
        ],
    }
    return Figure(
        name="distances",
        title=f"Effective distance of keys in {plan.model} under {METHOD_NAMES[plan.method]}",
        spec=spec,
        caption=(
            f"Keys up to {entry.near_tokens:,} tokens back keep their distance. The farthest of {plan.target_length:,} "
            f"tokens has an effective distance of {entry.effective_distance(plan.target_length):,.0f}; training had up to "
            f"{plan.trained_length:,}."
        ),
    )


def _panel(plan: RopePlan, entry: LayerTypePlan, panels: int) -> dict[str, Any]:
    curves = [(_BEFORE, entry.wavelengths(after=False))]
    if entry.changed:
        curves.append((_AFTER, entry.wavelengths()))
    rows = [
        {"pair": pair, "wavelength": length, "positions": name}
        for name, lengths in curves
        for pair, length in enumerate(lengths)
        if length is not None
    ]
    named = {plan.target_length: "target", plan.native_length: "as it came", plan.trained_length: "trained"}
    lines = [{"length": length, "what": f"{what}: {length:,}"} for length, what in named.items()]
    lines.sort(key=lambda row: row["length"])  # type: ignore[arg-type,return-value]
    y = {
        "field": "wavelength",
        "type": "quantitative",
        "title": "tokens for a full turn",
        "scale": {"type": "log", "nice": False, "padding": 8},
        "axis": {"format": "~s", "values": [10**power for power in range(1, 10)]},
    }
    x = {
        "field": "pair",
        "type": "quantitative",
        "title": "rotary pair, fastest first",
        "scale": {"domain": [0, len(entry.after) - 1], "nice": False},
        "axis": {"format": "d", "grid": False},
    }
    names = [name for name, _ in curves]
    colours = [MUTED, BLUE][: len(names)]
    legend = {"title": None, "orient": "top"} if entry.changed else None
    panel: dict[str, Any] = {
        "width": 520 if panels == 1 else 340,
        "height": 320,
        "layer": [
            {
                "data": {"values": lines},
                "mark": {"type": "rule", "strokeDash": [5, 4], "strokeWidth": 1.4, "color": VERMILLION},
                "encoding": {"y": {**y, "field": "length"}},
            },
            {
                "data": {"values": rows},
                "mark": {"type": "line", "strokeWidth": 2.2, "point": {"size": 22, "filled": True}},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": {
                        "field": "positions",
                        "type": "nominal",
                        "scale": {"domain": names, "range": colours},
                        "legend": legend,
                    },
                    "tooltip": [{"field": "pair"}, {"field": "positions"}, {"field": "wavelength", "format": ",.0f"}],
                },
            },
            *(_label(row, above=index == len(lines) - 1, y=y) for index, row in enumerate(lines)),
        ],
    }
    if panels > 1:
        panel["title"] = entry.layer_type.replace("_", " ")
    return panel


def _label(row: dict[str, Any], *, above: bool, y: dict[str, Any]) -> dict[str, Any]:
    """The name of a line at its left end: over the topmost, under the others, so that two close lines keep theirs."""
    return {
        "data": {"values": [row]},
        "mark": {
            "type": "text",
            "align": "left",
            "dx": 6,
            "dy": -8 if above else 12,
            "fontSize": 12,
            "color": VERMILLION,
        },
        "encoding": {"x": {"value": 0}, "y": {**y, "field": "length"}, "text": {"field": "what"}},
    }


def _caption(plan: RopePlan, entry: LayerTypePlan) -> str:
    seen = plan.seen_length
    slow = [pair for pair, length in enumerate(entry.wavelengths(after=False)) if (length or 0) > seen]
    start = f"{len(slow)} of {len(entry.after)} pairs have a wavelength above the {seen:,} tokens of training"
    if not plan.changes:
        return f"{start}."
    n = sum(entry.after[pair] * plan.target_length > entry.before[pair] * seen * 1.000001 for pair in slow)
    left = "one of them does" if n == 1 else f"{n} of them do" if n else "none of them do"
    return (
        f"{start}. Unchanged, they reach angles at {plan.target_length:,} tokens that training never had; with the "
        f"plan, {left}."
    )
