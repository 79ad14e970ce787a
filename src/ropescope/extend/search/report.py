"""A search as a Report: whether it found a better plan than YaRN, by how much, and what it does to each pair."""

from __future__ import annotations

from typing import Any

from ropescope.extend.search.objective import ALLOWED, Losses
from ropescope.extend.search.result import SearchResult
from ropescope.extend.search.shape import factors_of
from ropescope.report.report import Column, Fact, Figure, Report, Table

_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
_YARN, _SEARCHED = "YaRN", "searched"


def search_report(result: SearchResult, *, kept_in: str | None = None) -> Report:
    """The report of a search; `kept_in` is the file that the plan was saved in."""
    return Report(
        title=f"Factors for {result.model} at {result.start.target_length:,} tokens",
        verdict=_verdict(result),
        facts=_facts(result),
        tables=(_losses(result),),
        figures=(factors_figure(result), course_figure(result)) if len(result.tried) > 1 else (factors_figure(result),),
        caveats=_caveats(result),
        next_steps=_next_steps(result, kept_in),
        data={
            "schema": "ropescope.extend.search/1",
            "plan": result.plan.to_dict(),
            "better": result.better,
            "started": _plain(result.started),
            "found": _plain(result.found),
            "unchanged_inside": result.unchanged,
            "tried": [
                {"numbers": list(entry.numbers), **_plain(entry.losses), "cost": entry.cost} for entry in result.tried
            ],
            "texts": list(result.texts),
            "seconds": round(result.seconds, 1),
            "partial": result.partial,
            "provenance": dict(result.provenance),
        },
    )


def _plain(losses: Losses) -> dict[str, float]:
    return {"target": losses.target, "inside": losses.inside}


def _verdict(result: SearchResult) -> str:
    length, tried = result.start.target_length, len(result.tried)
    if not result.better:
        return (
            f"Nothing better than YaRN was found for {result.model} at {length:,} tokens among {tried} plans: take YaRN, or "
            "search longer (--minutes)."
        )
    gain = result.started.target - result.found.target
    inside = result.found.inside / result.unchanged - 1
    return (
        f"On the text it was searched on, the plan found loses {abs(gain):.4f} nats a token {'less' if gain >= 0 else 'more'} "
        "than YaRN at the end of "
        f"{length:,} tokens ({result.found.target:.4f} against {result.started.target:.4f}), and is {100 * inside:+.2f} % from "
        f"the unchanged model inside the trained {result.start.trained_length:,}."
    )


def _facts(result: SearchResult) -> tuple[Fact, ...]:
    how = "whole passes of every text" if result.exact else "keys of one pass, turned; the best by whole passes"
    return (
        Fact("plans tried", len(result.tried), basis="measured", source=how),
        Fact("texts", len(result.texts), basis="measured", source="; ".join(result.texts)),
        Fact("time", round(result.seconds), "seconds", "measured"),
        Fact("attention factor", round(_factor(result), 4), "", "measured", "multiplies cosines and sines"),
    )


def _factor(result: SearchResult) -> float:
    return next(entry.attention_factor for entry in result.plan.layer_types if entry.changed)


def _losses(result: SearchResult) -> Table:
    rows = [("no scaling", "", f"{result.unchanged:.4f}", "")]
    for name, losses in ((_YARN, result.started), (_SEARCHED, result.found)):
        if name == _SEARCHED and not result.better:
            continue
        share = f"{100 * (losses.inside / result.unchanged - 1):+.2f} %"
        rows.append((name, f"{losses.target:.4f}", f"{losses.inside:.4f}", share))
    return Table(
        title="Loss on the text that was searched on, nats a token",
        columns=(
            Column("positions"),
            Column("end of the target"),
            Column("inside"),
            Column("inside, against no scaling"),
        ),
        rows=tuple(rows),
        note="By whole passes of every text under each plan.",
    )


def factors_figure(result: SearchResult) -> Figure:
    """By how much each pair is slowed: YaRN's factors and those that were found."""
    curves = [(_YARN, factors_of(result.start))]
    if result.better:
        curves.append((_SEARCHED, factors_of(result.plan)))
    rows = [
        {"pair": pair, "factor": factor, "plan": name}
        for name, factors in curves
        for pair, factor in enumerate(factors)
    ]
    spec: dict[str, Any] = {
        "$schema": _SCHEMA,
        "width": 520,
        "height": 300,
        "data": {"values": rows},
        "mark": {"type": "line", "strokeWidth": 2.2, "point": {"size": 24, "filled": True}},
        "encoding": {
            "x": {
                "field": "pair", "type": "quantitative", "title": "rotary pair, fastest first",
                "scale": {"domain": [0, len(curves[0][1]) - 1], "nice": False}, "axis": {"format": "d", "grid": False},
            },
            "y": {
                "field": "factor", "type": "quantitative", "title": "times slower than trained",
                "scale": {"type": "log", "nice": False, "padding": 10}, "axis": {"format": "~g", "tickCount": 6},
            },
            "color": {
                "field": "plan", "type": "nominal", "title": None,
                "scale": {"domain": [name for name, _ in curves], "range": ["#0072B2", "#14171c"][: len(curves)]},
                "legend": {"orient": "top"},
            },
        },
    }  # fmt: skip
    found = f"attention factor {_factor(result):.4g}"
    caption = (
        f"The {found} goes with the searched factors." if result.better else "The search found none that are better."
    )
    return Figure("factors", f"What was found for {result.model}", spec, caption)


def course_figure(result: SearchResult) -> Figure:
    """The losses of every plan that was tried, in order."""
    start = result.tried[0].losses
    rows = [
        {
            "plan": index,
            "target": entry.losses.target - start.target,
            "inside": 100 * (entry.losses.inside / result.unchanged - 1),
        }
        for index, entry in enumerate(result.tried)
    ]
    spec: dict[str, Any] = {
        "$schema": _SCHEMA,
        "width": 520,
        "height": 300,
        "data": {"values": rows},
        "layer": [
            {"mark": {"type": "rule", "strokeDash": [5, 4], "color": "#3b3f46"}, "encoding": {"y": {"datum": 0}}},
            {
                "data": {"values": [{"limit": 100 * ALLOWED}]},
                "mark": {"type": "rule", "strokeDash": [5, 4], "color": "#3b3f46"},
                "encoding": {"x": {"field": "limit", "type": "quantitative"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 40, "opacity": 0.85},
                "encoding": {
                    "x": {
                        "field": "inside", "type": "quantitative", "title": "loss inside, percent from no scaling",
                        "scale": {"zero": False, "padding": 10},
                    },
                    "y": {
                        "field": "target", "type": "quantitative", "title": "loss at the target less YaRN's (nats)",
                        "scale": {"zero": False, "padding": 10},
                    },
                    "color": {
                        "field": "plan", "type": "quantitative", "title": "order",
                        "scale": {"scheme": "viridis"},
                    },
                },
            },
        ],
    }  # fmt: skip
    return Figure(
        "course",
        f"The {len(result.tried)} plans that were tried",
        spec,
        f"Below the line across: better than YaRN at the target; left of the upright one: within {100 * ALLOWED:g} % inside. "
        "Scored with turned keys.",
    )


def _caveats(result: SearchResult) -> tuple[str, ...]:
    found = ["These losses are of the text that was searched on: score the plan on other text before you believe them."]
    if result.partial:
        found.append("The search was interrupted: this is the best that was checked. Go on with --resume.")
    factor = result.start.factor
    if factor > 4:
        found.append(f"At {factor:.3g} times the trained length any scaling wants fine-tuning.")
    return tuple(found)


def _next_steps(result: SearchResult, kept_in: str | None) -> tuple[str, ...]:
    if not result.better:
        return ()
    if kept_in is None:
        return ("Keep the plan: add --out plan.json (with --resume nothing is searched again).",)
    of = f"{result.provenance.get('source', 'SOURCE')} --to {result.start.target_length}"
    return (
        f"Score it on text it has not seen: ropescope extend evaluate {of} --methods none,truncated,yarn,{kept_in} --texts 4",
        f"Its settings for engines, or a config.json: ropescope extend plan {of} --method {kept_in}",
        f'In Python: RopePlan.load(Path("{kept_in}")).apply(model)',
    )
