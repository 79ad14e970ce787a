"""The premium of each language with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ropescope.checks.reading.tokens.costs import Cost
from ropescope.checks.reading.tokens.parallel import ParallelText
from ropescope.report.report import Figure
from ropescope.report.theme import CATEGORY, MORE, MUTED

_MOST_LANGUAGES = 60


def premium_figure(text: ParallelText, baseline: str, ordered: Sequence[Cost]) -> Figure:
    """A point and its interval for each language and tokenizer, in the order of `ordered`."""
    languages = list(dict.fromkeys(text.names[one.language] for one in ordered))[:_MOST_LANGUAGES]
    tokenizers = list(dict.fromkeys(one.tokenizer for one in ordered))
    values = [
        {
            "language": text.names[one.language],
            "tokenizer": one.tokenizer,
            "premium": one.premium.value,
            "low": one.premium.value if one.premium.low is None else one.premium.low,
            "high": one.premium.value if one.premium.high is None else one.premium.high,
        }
        for one in ordered
        if one.premium is not None and text.names[one.language] in languages
    ]
    legend = {"orient": "top", "symbolType": "circle", "symbolStrokeWidth": 0, "symbolOpacity": 1}
    shared: dict[str, Any] = {
        "y": {"field": "language", "type": "nominal", "sort": languages, "title": None},
        "yOffset": {"field": "tokenizer", "type": "nominal", "sort": tokenizers},
        "color": {
            "field": "tokenizer",
            "type": "nominal",
            "sort": tokenizers,
            "title": None,
            "scale": {"domain": tokenizers, "range": [*CATEGORY, *MORE][: len(tokenizers)]},
            "legend": legend if len(tokenizers) > 1 else None,
        },
    }
    spec = {
        "width": 480,
        "height": {"step": 18 if len(tokenizers) == 1 else 11},
        "data": {"values": values},
        "layer": [
            {
                "mark": "rule",
                "data": {"values": [{"one": 1}]},
                "encoding": {"x": {"field": "one", "type": "quantitative"}},
            },
            {
                "mark": {"type": "rule", "strokeDash": [1, 0], "strokeWidth": 2, "opacity": 0.5},
                "encoding": {
                    "x": {
                        "field": "low",
                        "type": "quantitative",
                        "title": f"tokens / tokens of {baseline}",
                        "scale": {"zero": True},
                    },
                    "x2": {"field": "high"},
                    **shared,
                },
            },
            {
                "mark": {"type": "point", "size": 46, "opacity": 1},
                "encoding": {"x": {"field": "premium", "type": "quantitative"}, **shared},
            },
        ],
        "config": {"rule": {"color": MUTED}},
    }
    return Figure(
        "premium",
        f"Tokens that the same text takes, against {baseline}",
        spec,
        f"{text.what}. Points: ratio of all tokens; lines: 95 % by bootstrap over {text.unit}.",
    )
