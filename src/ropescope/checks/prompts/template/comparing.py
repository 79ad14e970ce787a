"""Two renderings of the same prompts, string by string: where they first differ, and what stands there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from ropescope.checks.prompts.template.check import Check, kept_characters, quoted
from ropescope.checks.prompts.template.figure import difference_figure
from ropescope.checks.prompts.template.rendered import Rendering
from ropescope.report.report import Column, Figure, Table

AROUND = 16
"""Characters of context before a difference."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One prompt that comes out in two ways: from which character on (None: one of them is refused), and what each has there."""

    prompt: str
    place: int | None
    here: str
    there: str


def differences(here: Mapping[str, Rendering], there: Mapping[str, Rendering]) -> tuple[Difference, ...]:
    """The prompts that are rendered differently. Two refusals are alike, whatever they say."""
    found = []
    for name, one in here.items():
        other = there[name]
        if one.text is None or other.text is None:
            if one.text != other.text:
                found.append(Difference(name, None, *(_said(each) for each in (one, other))))
        elif one.text != other.text:
            place = kept_characters(one.text, other.text)
            found.append(Difference(name, place, *(_there(text, place) for text in (one.text, other.text))))
    return tuple(found)


def _said(one: Rendering) -> str:
    return f"refused: {quoted(one.why, 60)}" if one.text is None else f"rendered, {len(one.text):,} characters"


def _there(text: str, place: int) -> str:
    end = "" if place < len(text) else " (its end)"
    return quoted(("…" if place > AROUND else "") + text[max(place - AROUND, 0) : place + 40], 70) + end


class Comparison(NamedTuple):
    """Two renderings compared: the check, a table and a picture of what differs, and the same as data."""

    check: Check
    table: Table | None = None
    figure: Figure | None = None
    data: Mapping[str, Any] = MappingProxyType({"different": []})


def compare(
    what: str, here: Mapping[str, Rendering], there: Mapping[str, Rendering], names: tuple[str, str], also: str = ""
) -> Comparison:
    """Whether both of `names` render every prompt the same; `also` is a further sentence on it."""
    apart, n = differences(here, there), len(here)
    one, other = names
    if not apart:
        return Comparison(Check(what, "holds", "the same", f"{other} renders all {n} prompts as {one} does.{also}"))
    first = apart[0]
    at = "" if first.place is None else f" from character {first.place + 1:,}"
    says = f"{other} renders {len(apart)} of {n} prompts differently.{also} First “{first.prompt}”{at}:"
    check = Check(
        what, "violated", f"{len(apart)} of {n} differ", f"{says} {first.here} by {one}, {first.there} by {other}."
    )
    columns = (Column("prompt"), Column("from character"), Column(one), Column(other))
    rows = tuple((each.prompt, None if each.place is None else each.place + 1, each.here, each.there) for each in apart)
    table = Table(f"Rendered differently by {other}", columns, rows, limit=6)
    return Comparison(
        check, table, difference_figure(here, there, names), {"different": [asdict(each) for each in apart]}
    )
