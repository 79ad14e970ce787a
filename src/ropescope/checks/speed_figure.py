"""The picture of the ceiling: tokens a second against the batch, with what bounds it and where memory ends."""

from __future__ import annotations

from typing import Any

from ropescope.checks.serving.fitting.on_devices import on_devices
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.speed.roofline import Pass, compute_bound_batch, decode
from ropescope.report.report import Figure
from ropescope.report.theme import CATEGORY, LOG_AXIS

LARGEST: int = 1024
BATCHES = tuple(sorted({round(2 ** (quarter / 4)) for quarter in range(41)}))
CEILING, WEIGHTS, CACHE, ARITHMETIC = "ceiling", "reading the weights", "reading the caches", "arithmetic"


def speed_figure(serving: Serving, largest_batch: int | None, efficiency: float) -> Figure:
    """The decode ceiling by batch from 1 to 1,024 sequences, beside the limits that each of its causes would set alone;
    `largest_batch` (None: unbounded) is marked."""
    values: list[dict[str, Any]] = [
        {"batch": batch, "tokens": efficiency * batch / seconds, "line": line}
        for batch in BATCHES
        for line, seconds in _seconds(decode(serving, batch)).items()
    ]
    present = {entry["line"] for entry in values}
    names = [name for name in (CEILING, WEIGHTS, CACHE, ARITHMETIC) if name in present]
    flat = [entry["tokens"] for entry in values if entry["line"] != WEIGHTS]
    # The weights' limit rises without end; what is above all others says nothing.
    bottom, top = 0.6 * min(flat), 2 * max(flat)
    marks = []
    if largest_batch is not None and 1 <= largest_batch <= LARGEST:
        marks.append({"batch": largest_batch, "label": f"no more than {largest_batch:,} fit"})
    turn = compute_bound_batch(serving)
    if turn is not None and turn <= LARGEST:
        marks.append({"batch": turn, "label": f"compute-bound from {turn:,}"})
    spec: dict[str, Any] = {
        "width": 520,
        "height": 300,
        "layer": [_lines(values, names, bottom, top), *(_mark(mark, order) for order, mark in enumerate(marks))],
    }
    share = "" if efficiency == 1 else f" All figures times {efficiency:g}."
    caption = (
        f"{serving.model.name} on {on_devices(serving)}, {serving.context_tokens:,} tokens in each "
        f"cache, weights {serving.weights_as}. The limits are what each cause would allow alone.{share}"
    )
    return Figure("decode-ceiling", "Decoding: the ceiling by batch", spec, caption)


def _seconds(step: Pass) -> dict[str, float]:
    bandwidth = (step.weight_bytes + step.cache_bytes) / step.memory_seconds
    lines = {CEILING: step.seconds, WEIGHTS: step.weight_bytes / bandwidth}
    if step.cache_bytes:
        lines[CACHE] = step.cache_bytes / bandwidth
    if step.compute_seconds is not None:
        lines[ARITHMETIC] = step.compute_seconds
    return lines


def _lines(values: list[dict[str, Any]], names: list[str], bottom: float, top: float) -> dict[str, Any]:
    return {
        "data": {"values": values},
        "mark": {"type": "line", "clip": True},
        "encoding": {
            "x": {
                "field": "batch",
                "type": "quantitative",
                "title": "sequences at once",
                "scale": {"type": "log", "base": 2, "domain": [1, LARGEST], "nice": False},
                "axis": {"values": [2**power for power in range(11)], "format": ",d", "grid": False},
            },
            "y": {
                "field": "tokens",
                "type": "quantitative",
                "title": "tokens a second, all sequences",
                "scale": {"type": "log", "domain": [bottom, top], "nice": False},
                "axis": {"format": "~s", "values": _ticks(bottom, top), **LOG_AXIS},
            },
            "color": {
                "field": "line",
                "type": "nominal",
                "title": None,
                "sort": names,
                "scale": {"domain": names, "range": list(CATEGORY[: len(names)])},
            },
            "strokeDash": {"condition": {"test": f"datum.line == '{CEILING}'", "value": [1, 0]}, "value": [4, 3]},
            "strokeWidth": {"condition": {"test": f"datum.line == '{CEILING}'", "value": 3.5}, "value": 1.6},
        },
    }


def _ticks(bottom: float, top: float) -> list[float]:
    every = [digit * 10.0**power for power in range(-3, 9) for digit in (1, 2, 5)]
    return [tick for tick in every if bottom <= tick <= top]


def _mark(mark: dict[str, Any], order: int) -> dict[str, Any]:
    late = mark["batch"] > LARGEST / 16
    text = {"type": "text", "align": "right" if late else "left", "dx": -5 if late else 5, "baseline": "bottom"}
    place = {"field": "batch", "type": "quantitative"}
    return {
        "data": {"values": [mark]},
        "layer": [
            {"mark": {"type": "rule"}, "encoding": {"x": place}},
            {"mark": {**text, "y": 294 - 18 * order}, "encoding": {"x": place, "text": {"field": "label"}}},
        ],
    }
