"""The pictures show the numbers, and a renderer draws them."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from functools import cache
from typing import Any

import pytest
from made_profiles import made_profile

from ropescope.measure.results.figures import figures
from ropescope.measure.summary import summarise
from ropescope.report.figure import svg


@cache
def summary() -> Any:
    return summarise(made_profile(0.8, windows=(None, 100, None)), resamples=1000)


@cache
def drawn() -> dict[str, Any]:
    control = summarise(made_profile(0.0, seed=5), resamples=1000)
    return {figure.name: figure for figure in figures(summary(), control, 0.75)}


def values(spec: Any) -> list[dict[str, Any]]:
    """All data rows of a specification and its layers."""
    own = spec.get("data", {}).get("values", [])
    return [*own, *(row for key in ("layer", "vconcat") for view in spec.get(key, []) for row in values(view))]


def slope(rows: list[dict[str, Any]]) -> float:
    first, last = rows[0], rows[-1]
    return (math.log(last["A"]) - math.log(first["A"])) / (math.log(last["d"]) - math.log(first["d"]))


@pytest.mark.parametrize("name", ["decay", "heads", "windows", "sinks"])
def test_every_figure_is_drawn(name: str) -> None:
    picture = ElementTree.fromstring(svg(drawn()[name]))
    assert len(list(picture.iter())) > 50


def test_lines_have_the_slopes_they_are_named_for() -> None:
    lines: dict[str, list[dict[str, Any]]] = {}
    for row in values(drawn()["decay"].spec):
        if "line" in row:
            lines.setdefault(row["line"], []).append(row)
    assert summary().gamma.value is not None
    assert slope(lines[f"fit, γ = {summary().gamma.value:.2f}"]) == pytest.approx(-summary().gamma.value, abs=1e-9)
    assert slope(lines["γ_Padé = 0.75"]) == pytest.approx(-0.75, abs=1e-9)
    assert slope(lines["the same, spread evenly (γ = 0)"]) == 0.0
    assert slope(lines["random weights, measured"]) == pytest.approx(0.0, abs=0.05)


def test_the_even_line_holds_the_same_attention() -> None:
    # Sinks take 0.3 of each row; what is left, spread over the keys that rows of the last quarter see.
    assert summary().curve.uniform == pytest.approx(0.7 / 500, rel=0.5)
    full = summarise(made_profile(0.0), resamples=1000)
    assert full.curve.uniform == pytest.approx(sum(full.curve.weight) / len(full.curve.weight), rel=0.02)


def test_the_map_has_every_head_and_grey_where_there_is_no_number() -> None:
    rows = [row for row in values(drawn()["heads"].spec) if "R²" in row]
    assert [(row["layer"], row["head"]) for row in rows] == [
        (layer, head) for layer, n_heads in enumerate((4, 4, 2)) for head in range(n_heads)
    ]
    short = summarise(made_profile(0.8, windows=(8, 8, 8)), resamples=1000)
    none = {figure.name: figure for figure in figures(short, None, None)}
    assert all(row["γ"] is None for row in values(none["heads"].spec) if "R²" in row)
    for figure in none.values():
        ElementTree.fromstring(svg(figure))


def test_windows_are_marked_where_the_curve_reaches_their_share() -> None:
    marks = [row for row in values(drawn()["windows"].spec) if "label" in row]
    assert [mark["window"] for mark in marks[:3]] == [window.value for window in summary().windows]
    assert marks[1]["label"] == f"D90 = {summary().windows[1].value:,.0f}"


def test_the_decay_of_a_head_is_beside_the_map_and_one_is_chosen_at_first() -> None:
    grid, one = drawn()["heads"].spec["vconcat"]
    curves = {(row["layer"], row["head"]): row["log10 A"] for row in values(one) if "log10 A" in row}
    distance = summary().curve.distance[:: -(-len(summary().curve.distance) // 24)]
    assert len(curves) == 10 and len(distance) <= 24
    for (layer, _), powers in curves.items():
        assert [power is not None for power in powers] == [layer != 1 or d < 100 for d in distance]
        last = max(i for i, power in enumerate(powers) if power is not None)
        fall = (powers[last] - powers[0]) / (math.log10(distance[last]) - math.log10(distance[0]))
        assert fall == pytest.approx(-0.8, abs=0.05)
    (choice,) = grid["layer"][0]["params"]
    rows = [row for row in values(grid) if row["γ"] is not None]
    nearest = max(rows, key=lambda row: row["γ"])
    assert choice["value"] == [{"layer": nearest["layer"], "head": nearest["head"]}]
    assert (choice["bind"]["layer"]["max"], choice["bind"]["head"]["max"]) == (2, 3)
