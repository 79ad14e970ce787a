"""The picture of a plan: what every KV head keeps."""

from __future__ import annotations

from typing import Any

from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.report.report import Figure
from ropescope.report.theme import FAINT, PAPER


def window_map(plan: KVPlan) -> Figure:
    """Layers across, KV heads down, the tokens kept in colour; layers that the plan leaves as they are stay grey."""
    rows: list[dict[str, Any]] = []
    for layer in plan.layers:
        for head in range(max(1, layer.n_kv_heads)):
            kept = plan.sinks + layer.kept[head] if layer.planned else None
            window = layer.windows[head] if layer.planned else None
            picks = layer.picks[head] if layer.picks else None
            mass = layer.kept_mass[head] if layer.kept_mass else None
            rows.append(
                {
                    "layer": layer.index,
                    "KV head": head,
                    "tokens kept": kept,
                    "window": window,
                    "picks": picks,
                    "attention kept": mass,
                }
            )
    axis = {"labelAngle": 0, "labelOverlap": True, "grid": False, "ticks": False, "domain": False}
    spec = {
        "data": {"values": rows},
        "width": {"step": 18 if len(plan.layers) <= 48 else 11},
        "height": {"step": 18},
        "mark": {"type": "rect", "stroke": PAPER, "strokeWidth": 0.6},
        "encoding": {
            "x": {"field": "layer", "type": "ordinal", "title": "layer", "axis": axis},
            "y": {"field": "KV head", "type": "ordinal", "title": "KV head", "axis": axis},
            "color": {
                "condition": {
                    "test": "isValid(datum['tokens kept'])",
                    "field": "tokens kept",
                    "type": "quantitative",
                    "scale": {"scheme": "blues", "domain": [0, plan.length]},
                    "legend": {"title": "tokens kept", "orient": "bottom", "gradientLength": 240, "format": ",d"},
                },
                "value": FAINT,
            },
            "tooltip": [
                {"field": name} for name in ("layer", "KV head", "tokens kept", "window", "picks", "attention kept")
            ],
        },
    }
    grey = "" if len(plan.planned_layers) == len(plan.layers) else " Sand-coloured layers stay as the model has them."
    return Figure(
        name="windows",
        title=f"What every KV head of {plan.model} keeps of {plan.length:,} tokens",
        spec=spec,
        caption=f"Dark heads keep nearly everything, pale ones their latest tokens and {plan.sinks} sinks.{grey}",
    )
