"""What the atlas says: the groups that may be compared, each ranked apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from ropescope.evidence.atlas.figures import labels, ranking_figure
from ropescope.evidence.atlas.ranking import Group, groups_of, ranked
from ropescope.evidence.atlas.row import AtlasRow
from ropescope.evidence.atlas.store import SCHEMA
from ropescope.evidence.tables import table
from ropescope.network.type_words import types_compared
from ropescope.report.report import Report, Step, Table

_APART = (
    "Only rows of the same protocol, length and corpus are ranked against each other: an exponent depends on all three."
)
_LEGACY = "In the published protocol uniform attention already reads the null given with each group; compare with it, not with 0."
NUMBERS: Final = (
    "γ :.3f | low :.3f | high :.3f | null :.3f | control γ :.3f | R² :.3f | sinks :.3f | D50 :,.0f | D90 :,.0f | D99 :,.0f"
    " | prompts"
)
numbers = attrgetter(
    *(
        "gamma",
        "gamma_low",
        "gamma_high",
        "gamma_null",
        "control_gamma",
        "r2",
        "sink_mass",
        "d50",
        "d90",
        "d99",
        "prompts",
    )
)
"""The values of `NUMBERS` for a row."""


def ranking_report(rows: Sequence[AtlasRow], store: Path) -> Report:
    """The ranking of each group of `rows`, with a figure for each that has an exponent."""
    groups = groups_of(rows)
    if not groups:
        return Report(
            title=f"Atlas {store}",
            verdict="The atlas is empty.",
            next_steps=(
                Step(
                    "measure",
                    {"source": "MODEL", "control": "random-init", "out": "profile.parquet"},
                    "Measure and keep a profile",
                ),
                Step("atlas add", {"profiles": ["profile.parquet"]}, "Add it"),
            ),
            data={"schema": SCHEMA, "store": str(store), "groups": []},
        )
    profiles, models = {row.profile_sha256 for row in rows}, {row.weights or row.model for row in rows}
    size = f"{count(len(profiles), 'profile')} of {count(len(models), 'model')} in {count(len(groups), 'group')}"
    figures = tuple(figure for figure in map(ranking_figure, groups) if figure is not None)
    return Report(
        title=f"Atlas {store} · {size}",
        verdict=_verdict(groups[0]),
        tables=tuple(map(_group_table, groups)),
        figures=figures,
        caveats=caveats(groups),
        next_steps=(
            Step("atlas show", {"model": "MODEL"}, "One model in full"),
            Step("atlas export", {"folder": "FOLDER"}, "A folder for the Hub"),
        ),
        data={"schema": SCHEMA, "store": str(store), "groups": [_group_data(group) for group in groups]},
    )


def _verdict(group: Group) -> str:
    where = f"at {group.length:,} tokens on {group.corpus_about}"
    places = [item for item in ranked(group.rows) if item.best is not None]
    if len(places) < 2:
        there = next((row for row in group.rows if row.gamma is not None), None)
        if there is None:
            return f"No exponent could be fitted {where}."
        return (
            f"{there.model} reads γ = {_gamma(there)} {where}; there is no other with an interval to rank it against."
        )
    first, last = places[0].row, places[-1].row
    names = dict(zip((row.key for row in group.rows), labels(group.rows), strict=True))
    if all(item.best == 1 and item.worst == len(places) for item in places):
        return (
            f"The {len(places)} measured {where} cannot be told apart: γ from {_gamma(first)} ({names[first.key]}) to "
            f"{_gamma(last)} ({names[last.key]})."
        )
    sentence = (
        f"Of {len(places)} measured {where}, the attention of {names[first.key]} falls slowest (γ = {_gamma(first)}) and that "
        f"of {names[last.key]} fastest ({_gamma(last)})"
    )
    firm = any(item.best == item.worst for item in places)
    return f"{sentence}." if firm else f"{sentence}; the data put none of them in a place of its own."


def _gamma(row: AtlasRow) -> str:
    if row.gamma_low is None or row.gamma_high is None:
        return f"{row.gamma:.3f}, without an interval"
    return f"{row.gamma:.3f}, 95 % {row.gamma_low:.3f} to {row.gamma_high:.3f}"


def _group_table(group: Group) -> Table:
    note = "low, high: 95 % interval over prompts. "
    if len(group.rows) > 1:
        note += "A range of ranks: the data do not say more (all pairs at once, 95 %). "
    if group.protocol == "fixed":
        note += "γ = 0 is uniform attention. D50, D90, D99: tokens."
    else:
        note += "null: what uniform attention reads here."
    about = f": {group.corpus_about}" if group.corpus != "random" else " tokens"
    names = zip(ranked(group.rows), labels(group.rows), strict=True)
    return table(
        f"{group.label[0].upper()}{group.label[1:]}{about}",
        f"rank | model | {NUMBERS}",
        ((item.rank, name, *numbers(item.row)) for item, name in names),
        note,
    )


def caveats(groups: Sequence[Group]) -> tuple[str, ...]:
    """What a reader of these groups should know."""
    rows = [row for group in groups for row in group.rows]
    found = []
    if len(groups) > 1:
        found.append(_APART)
    if any(group.protocol == "legacy" for group in groups):
        found.append(_LEGACY)
    if published := [row for row in rows if row.basis == "published"]:
        found.append(
            f"{count(len(published), 'reading')} {'was' if len(published) == 1 else 'were'} measured by another tool and "
            "published: ropescope did not repeat them."
        )
    found += [
        f"{group.label}: the exponents are fitted over different distances, because some of these models see shorter windows."
        for group in groups
        if len({row.d_max for row in group.rows if row.gamma is not None}) > 1
    ]
    found += [
        f"{group.label}: {sentence}"
        for group in groups
        for sentence in types_compared((row.model, row.dtype) for row in group.rows)
    ]
    if any(row.partial for row in rows):
        names = ", ".join(sorted({row.model for row in rows if row.partial}))
        found.append(f"Interrupted measurements are in it ({names}): fewer prompts than were asked for.")
    if any(row.beyond_trained for row in rows):
        names = ", ".join(sorted({row.model for row in rows if row.beyond_trained}))
        found.append(f"Measured beyond the trained context: {names}.")
    if any(row.prompts == 1 for row in rows):
        found.append("One prompt gives no interval, and so no rank of its own.")
    return tuple(found)


def _group_data(group: Group) -> dict[str, Any]:
    return {
        "protocol": group.protocol,
        "length": group.length,
        "corpus": group.corpus,
        "corpus_about": group.corpus_about,
        "sink_tokens": group.sink_tokens,
        "ranking": [
            {"rank": item.rank, "best": item.best, "worst": item.worst, **_flat(item.row)}
            for item in ranked(group.rows)
        ],
    }


def _flat(row: AtlasRow) -> Mapping[str, Any]:
    plain = dataclasses.asdict(row)
    del plain["layers"], plain["heads"], plain["curve"]
    return plain


def count(n: int, noun: str) -> str:
    """ "1 profile", "2 profiles"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
