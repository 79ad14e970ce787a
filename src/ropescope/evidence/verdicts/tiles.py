"""All verdicts as a picture: a tile a claim, gathered by verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ropescope.evidence.verdicts.claim import VERDICTS, Verdict
from ropescope.evidence.verdicts.recompute import Entry
from ropescope.report.report import Figure
from ropescope.report.theme import AMBER, GREEN, GREY, PAPER, SKY, VERMILLION
from ropescope.report.vega import layer, nominal

_COLOURS: dict[Verdict, str] = {
    "reproduced": GREEN,
    "reproduced under a filter": AMBER,
    "not reproduced": VERMILLION,
    "not testable from public data": GREY,
    "true by definition": SKY,
}
_LETTERS: dict[Verdict, str] = {"not testable from public data": PAPER}
"""White on grey; black on the colours, on any paper: there white would be too faint to read."""

# In pixels. Tiles are as wide as their ids, which run from C1 to words.
_ROW, _HEIGHT, _TILE, _LETTER, _GAP = 540, 36, 42, 7.2, 2


def verdicts_figure(entries: Sequence[Entry]) -> Figure:
    """A row of tiles for each verdict that was given, or several where one is full."""
    tiles: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    line = 0
    for verdict in VERDICTS:
        given = [e for e in entries if e.finding is not None and e.finding.verdict == verdict]
        if given:
            labels.append({"line": line, "label": f"{verdict} ({len(given)})"})
            tiles += _laid_out(given, line)
            line = tiles[-1]["line"] + 1
    y = {"field": "line", "type": "ordinal", "axis": None, "scale": {"domain": list(range(line))}}
    x = {"type": "quantitative", "axis": None, "scale": {"domain": [0, _ROW], "nice": False}}
    tooltip = [{"field": name} for name in ("id", "statement", "verdict", "reason")]
    rect = {"x": {**x, "field": "left"}, "x2": {"field": "right"}, "color": nominal("verdict", _COLOURS, legend=None)}
    letters = nominal("verdict", {verdict: _LETTERS.get(verdict, "#000000") for verdict in VERDICTS}, legend=None)
    text = {"x": {**x, "field": "middle"}, "text": {"field": "id"}, "color": letters}
    height = {"step": _HEIGHT}
    spec = {
        "hconcat": [
            {
                "width": 230,
                "height": height,
                **layer("text", {"y": y, "text": {"field": "label"}}, labels, align="right", fontSize=13, x=226),
            },
            {
                "data": {"values": tiles},
                "width": _ROW,
                "height": height,
                "layer": [
                    layer("rect", {**rect, "y": y, "tooltip": tooltip}, stroke=PAPER, strokeWidth=_GAP),
                    layer("text", {**text, "y": y, "tooltip": tooltip}, fontSize=12, fontWeight=600),
                ],
                "resolve": {"scale": {"color": "independent"}},
            },
        ],
        "spacing": 6,
    }
    return Figure("ledger", "What became of the published claims", spec, "Each tile is a claim, by its name.")


def _laid_out(entries: Sequence[Entry], line: int) -> list[dict[str, Any]]:
    """Tiles from left to right, from row `line` on."""
    tiles: list[dict[str, Any]] = []
    left = 0.0
    for entry in entries:
        finding = entry.finding
        width = max(_TILE, _LETTER * len(entry.claim.id) + 12)
        if left + width > _ROW:
            left, line = 0.0, line + 1
        tiles.append(
            {
                "id": entry.claim.id,
                "statement": entry.claim.statement,
                "verdict": finding.verdict if finding else "",
                "reason": finding.reason if finding else "",
                "line": line,
                "left": left,
                "middle": left + width / 2,
                "right": left + width,
            }
        )
        left += width
    return tiles
