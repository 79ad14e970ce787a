"""Pieces of Vega-Lite specifications: the channels and layers that figures are built from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Channel = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]


def quantitative(field: str, title: str, **scale: Any) -> Channel:
    """A channel of numbers; the rest describes its scale, which does not start at zero unless it is said to."""
    return {"field": field, "type": "quantitative", "title": title, "scale": {"zero": False, **scale}}


def nominal(field: str, colours: Mapping[Any, Any] | None = None, **rest: Any) -> Channel:
    """A channel of names; `colours` gives each of them its colour, or whatever else the channel encodes."""
    scale = {} if colours is None else {"scale": {"domain": list(colours), "range": list(colours.values())}}
    return {"field": field, "type": "nominal", **scale, **rest}


def layer(mark: str, encoding: Mapping[str, Any], rows: Rows | None = None, **style: Any) -> dict[str, Any]:
    """One layer: what is drawn, from which channels, on rows of its own or on those of the whole figure."""
    data = {} if rows is None else {"data": {"values": list(rows)}}
    return {**data, "mark": {"type": mark, **style}, "encoding": dict(encoding)}
