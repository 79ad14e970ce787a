"""Two pictures of the prompt cache: cost by number of requests, and which part of the prompt is read or written again."""

from __future__ import annotations

from typing import Any

from ropescope.checks.prompts.caching.case import Case
from ropescope.checks.prompts.caching.cost import changing_each_time
from ropescope.questions.durations import written
from ropescope.report.report import Figure
from ropescope.report.theme import BLUE, FAINT, GREEN, INK, MUTED, VERMILLION

UNCACHED, BEFORE, AFTER, EACH = "without a cache", "before the edit", "after the edit", "edited in every request"
READ, AGAIN, OUTSIDE = "in the cache", "written again", "not cached"
POINTS = 40


def cost_figure(case: Case) -> Figure:
    """Dollars by number of requests, from one to as many as are asked for; where a lifetime is open, the most it may cost."""
    counts = sorted({max(1, round(1 + (case.requests - 1) * at / POINTS)) for at in range(POINTS + 1)})
    gap, sent, after = case.gap_seconds, case.sent, case.sent_after
    lines: dict[str, Any] = {UNCACHED: lambda n: after.uncached() * n, BEFORE: lambda n: sent.run(n, gap).high}
    if case.after is not None:
        lines[AFTER] = lambda n: after.run(n, gap).high
        lines[EACH] = lambda n: changing_each_time(after, n, gap, case.read_tokens).high
    else:
        lines["with the cache"] = lines.pop(BEFORE)
    values = [{"requests": n, "dollars": cost(n), "line": name} for name, cost in lines.items() for n in counts]
    colours = dict(
        zip((UNCACHED, BEFORE, "with the cache", AFTER, EACH), (MUTED, GREEN, BLUE, BLUE, VERMILLION), strict=True)
    )
    spec = {
        "width": 520,
        "height": 280,
        "data": {"values": values},
        "mark": {"type": "line", "point": len(counts) <= 2},
        "encoding": {
            "x": {
                "field": "requests",
                "type": "quantitative",
                "title": "requests",
                "axis": {"format": "~s", "grid": False},
            },
            "y": {
                "field": "dollars",
                "type": "quantitative",
                "title": "dollars for input tokens",
                "axis": {"format": "$~g"},
            },
            "color": {
                "field": "line",
                "type": "nominal",
                "title": None,
                "scale": {"domain": list(lines), "range": [colours[name] for name in lines]},
            },
            "strokeDash": {"condition": {"test": f"datum.line == '{UNCACHED}'", "value": [4, 3]}, "value": [1, 0]},
            "strokeWidth": {"condition": {"test": f"datum.line == '{BEFORE}'", "value": 7}, "value": 2},
            "opacity": {"condition": {"test": f"datum.line == '{BEFORE}'", "value": 0.45}, "value": 1},
        },
    }
    caption = f"{(case.after or case.before).model}, one request every {written(gap)}, {after.tokens:,} tokens each."
    return Figure("cost", "Cost by number of requests", spec, caption)


def prefix_figure(case: Case) -> Figure:
    """Both prompts as bars of tokens: what the first left in the cache, what the second reads and writes; a rule at the edit."""
    assert case.after is not None
    after, read = case.sent_after, case.read_tokens
    parts = [
        ("before", READ, 0, case.sent.cached_tokens),
        ("before", OUTSIDE, case.sent.cached_tokens, case.sent.tokens),
        ("after", READ, 0, read),
        ("after", AGAIN, read, after.cached_tokens),
        ("after", OUTSIDE, after.cached_tokens, after.tokens),
    ]
    values = [{"prompt": name, "part": part, "from": low, "to": high} for name, part, low, high in parts if high > low]
    rows = {"field": "prompt", "type": "nominal", "sort": ["before", "after"], "title": None}
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": values},
            "mark": {"type": "bar", "height": {"band": 0.6}, "cornerRadiusEnd": 0},
            "encoding": {
                "y": rows,
                "x": {"field": "from", "type": "quantitative", "title": "tokens, in the order tools, system, messages"},
                "x2": {"field": "to"},
                "color": {
                    "field": "part",
                    "type": "nominal",
                    "title": None,
                    "scale": {"domain": [READ, AGAIN, OUTSIDE], "range": [GREEN, VERMILLION, FAINT]},
                    "legend": {"orient": "bottom"},
                },
            },
        }
    ]
    if case.change is not None:
        ends = case.counter.ends(case.after)
        start = ends[case.change.index - 1] if case.change.index else 0
        label = f"first change: {case.change.place}"
        late = start > 0.6 * max(after.tokens, case.sent.tokens, 1)
        place = {"field": "at", "type": "quantitative"}
        layers += [
            {"data": {"values": [{"at": start}]}, "mark": {"type": "rule", "color": INK}, "encoding": {"x": place}},
            {
                "data": {"values": [{"at": start, "label": label}]},
                "mark": {"type": "text", "y": -6, "align": "right" if late else "left", "dx": -4 if late else 4},
                "encoding": {"x": place, "text": {"field": "label"}},
            },
        ]
    spec = {"width": 520, "height": {"step": 44}, "layer": layers}
    caption = "The first request after the edit. What comes after the first change cannot be read from the cache."
    return Figure("prefix", "What the edit leaves of the cached prefix", spec, caption)
