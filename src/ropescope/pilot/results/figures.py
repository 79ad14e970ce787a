"""The four pictures of a trial: γ against θ, γ during training, γ of each layer, and loss by position."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from ropescope.pilot.arms import Arm
from ropescope.pilot.results.result import PilotResult
from ropescope.pilot.results.summary import Summary, legacy_null, over_seeds, reference_of
from ropescope.quality.intervals import Interval, paired
from ropescope.report.report import Figure
from ropescope.report.theme import AMBER, BLUE, FAINT, GREEN, GREY, INK, PINK, SKY, VERMILLION
from ropescope.report.vega import layer, nominal
from ropescope.theory.decay import gamma_pade

_ABLATIONS = {"nope": INK, "alibi": PINK}
_ASIDE = 1.12
_LEGEND = {"orient": "bottom", "columns": 4, "symbolType": "stroke", "labelLimit": 300}


def figures(result: PilotResult, summary: Summary) -> tuple[Figure, ...]:
    """All four."""
    return (gamma_by_base(result, summary), during_training(result), by_layer(result), by_position(result))


def gamma_by_base(result: PilotResult, summary: Summary) -> Figure:
    """Measured γ with its interval over seeds, each seed as a thin line, and what theory and null say."""
    bases, thetas = result.rope, [arm.theta or 0.0 for arm in result.rope]
    measured, legacy = "measured, mean of seeds", "measured, published protocol"
    theory, null = f"γ_Padé(θ, {result.length:,})", "uniform attention, published protocol"
    aside = [theta * _ASIDE for theta in thetas]  # the wide bars of the published protocol would hide the others
    points = [
        *_points(legacy, aside, [over_seeds(result, arm, lambda r: r.legacy_gamma) for arm in bases]),
        *_points(measured, thetas, [over_seeds(result, arm, lambda r: r.gamma) for arm in bases]),
    ]
    low, high = min(thetas), max(thetas)
    steps = [low * (high / low) ** (i / 60) for i in range(61)]
    lines = [{"θ": theta, "γ": gamma_pade(theta, float(result.length)), "series": theory} for theta in steps]
    if (level := legacy_null(result.length)) is not None:
        lines += [{"θ": theta, "γ": level, "series": null} for theta in (low, high)]
    seeds = [
        {"θ": theta, "γ": values[i], "seed": seed}
        for theta, values in summary.gammas.items()
        for i, seed in enumerate(summary.seeds)
    ]
    x = {
        "field": "θ",
        "type": "quantitative",
        "title": "RoPE base θ in training",
        "scale": {"type": "log", "nice": False, "padding": 14},
        "axis": {"values": thetas, "format": ",~g", "labelOverlap": False},
    }
    y = {"field": "γ", "type": "quantitative", "title": "exponent γ"}
    names = [measured, legacy, theory, null]
    colour = _colour(names, [BLUE, GREEN, VERMILLION, GREY], columns=2)
    dash = {"field": "series", "scale": {"domain": names, "range": [[1, 0], [1, 0], [6, 3], [2, 3]]}, "legend": None}
    quiet = {**colour, "legend": None}
    layers = [
        layer("line", {"x": x, "y": y, "detail": {"field": "seed"}}, seeds, color=FAINT, strokeWidth=1.2),
        layer("line", {"x": x, "y": y, "color": colour, "strokeDash": dash}, [*points, *lines]),
        layer("rule", {"x": x, "color": quiet, **_ends(y)}, points, strokeWidth=1.8, strokeDash=[1, 0]),
        layer("point", {"x": x, "y": y, "color": quiet}, points, size=60, opacity=1),
    ]
    return Figure(
        "gamma-by-base",
        "The exponent of networks that were trained at different RoPE bases",
        {"width": 600, "height": 340, "layer": layers},
        f"Bars are 95 % intervals over {len(summary.seeds)} seeds; thin lines join the networks of one seed, which share data, "
        "order and initial weights.",
    )


def during_training(result: PilotResult) -> Figure:
    """γ at each checkpoint, the mean over seeds, for every arm."""
    rows = []
    for arm in result.finished_arms:
        runs = list(result.of(arm).values())
        for index, reading in enumerate(runs[0].readings):
            found = paired([run.readings[index].gamma for run in runs])
            rows.append({"tokens": reading.tokens / 1e6, "arm": arm.words, **_bar(found)})
    x = {"field": "tokens", "type": "quantitative", "title": "tokens seen (millions)"}
    y = {"field": "γ", "type": "quantitative", "title": "exponent γ"}
    colour = _arms(result, "arm")
    layers = [
        layer("line", {"x": x, "y": y, "color": colour}, rows),
        layer("rule", {"x": x, "color": {**colour, "legend": None}, **_ends(y)}, rows, strokeDash=[1, 0], opacity=0.5),
        layer("point", {"x": x, "y": y, "color": {**colour, "legend": None}}, rows, size=40, opacity=1),
    ]
    return Figure(
        "during-training",
        "The exponent during training",
        {"width": 600, "height": 320, "layer": layers},
        "The first point is the random-weights control. Means over seeds; bars are 95 % intervals over them.",
    )


def by_layer(result: PilotResult) -> Figure:
    """γ of each layer at each arm: the mean over seeds, and every seed."""
    rows = []
    for arm in result.finished_arms:
        runs = list(result.of(arm).values())
        for index in range(len(runs[0].last.layers)):
            values = [run.last.layers[index] for run in runs]
            at = {"layer": f"layer {index + 1}", "arm": arm.words}
            rows += [{**at, "γ": value, "mean": False} for value in values]
            rows.append({**at, "γ": fmean(values), "mean": True})
    order = [arm.words for arm in result.finished_arms]
    x = {
        "field": "arm",
        "type": "nominal",
        "title": None,
        "sort": order,
        "axis": {"labelAngle": -40, "labelOverlap": False},
    }
    y = {"field": "γ", "type": "quantitative", "title": "exponent γ of a layer"}
    layers: list[dict[str, Any]] = [
        {
            "transform": [{"filter": "!datum.mean"}],
            "mark": {"type": "point", "color": BLUE, "opacity": 0.45, "size": 34},
            "encoding": {"x": x, "y": y},
        },
        {
            "transform": [{"filter": "datum.mean"}],
            "mark": {"type": "tick", "color": VERMILLION, "thickness": 2.5, "size": 16},
            "encoding": {"x": x, "y": y},
        },
    ]
    return Figure(
        "by-layer",
        "The exponent of each layer",
        {
            "data": {"values": rows},
            "facet": {"column": {"field": "layer", "type": "nominal", "title": None}},
            "spec": {"width": 180, "height": 240, "layer": layers},
        },
        "A point is one network (a seed); the bar is the mean over seeds.",
    )


def by_position(result: PilotResult) -> Figure:
    """Loss by position, less that of the reference base, paired by seed."""
    reference = reference_of(result)
    theirs = result.of(reference)
    rows = []
    for arm in result.finished_arms:
        shared = result.paired_seeds(arm, reference)
        for index, (start, end) in enumerate(result.bands if shared and arm != reference else ()):
            found = paired(
                [result.of(arm)[seed].last.by_position[index] - theirs[seed].last.by_position[index] for seed in shared]
            )
            rows.append(
                {"position": (start * (end - 1)) ** 0.5 if end - 1 > start else start, "arm": arm.words, **_bar(found)}
            )
    x = {
        "field": "position",
        "type": "quantitative",
        "title": "position in the text (tokens before it)",
        "scale": {"type": "log", "base": 2, "nice": False, "padding": 10},
        "axis": {"values": [2**power for power in range(16)], "format": ",d"},
    }
    y = {"field": "γ", "type": "quantitative", "title": f"loss less that of {reference.words} (nats a token)"}
    colour = _arms(result, "arm", without=reference)
    layers = [
        layer("rule", {"y": {**y}}, [{"γ": 0}], color=GREY),
        layer("line", {"x": x, "y": y, "color": colour}, rows),
        layer("rule", {"x": x, "color": {**colour, "legend": None}, **_ends(y)}, rows, strokeDash=[1, 0], opacity=0.5),
        layer("point", {"x": x, "y": y, "color": {**colour, "legend": None}}, rows, size=36, opacity=1),
    ]
    return Figure(
        "loss-by-position",
        "What the positions cost, by place in the text",
        {"width": 600, "height": 320, "layer": layers},
        f"Held-out loss less that of {reference.words} with the same seed; above zero is worse. Bars are 95 % intervals.",
    )


def _arms(result: PilotResult, field: str, without: Arm | None = None) -> dict[str, Any]:
    """The colour of each arm: bases from light to dark in order, the ablations apart."""
    scale = [SKY, BLUE, GREEN, AMBER, VERMILLION, GREY]
    shown = [arm for arm in result.finished_arms if arm != without]
    bases = [arm for arm in result.finished_arms if arm.theta is not None]
    colours = [_ABLATIONS.get(arm.kind) or scale[bases.index(arm) % len(scale)] for arm in shown]
    return _colour([arm.words for arm in shown], colours, field=field)


def _colour(names: Sequence[str], colours: Sequence[str], field: str = "series", columns: int = 4) -> dict[str, Any]:
    return nominal(field, dict(zip(names, colours, strict=True)), title=None, legend={**_LEGEND, "columns": columns})


def _points(series: str, thetas: Sequence[float], found: Sequence[Interval]) -> list[dict[str, Any]]:
    return [
        {"θ": theta, "series": series, **_bar(each)}
        for theta, each in zip(thetas, found, strict=True)
        if each.value == each.value
    ]


def _bar(found: Interval) -> dict[str, float]:
    low, high = (found.value if end is None else end for end in (found.low, found.high))
    return {"γ": found.value, "low": low, "high": high}


def _ends(y: dict[str, Any]) -> dict[str, Any]:
    return {"y": {**y, "field": "low"}, "y2": {"field": "high"}}
