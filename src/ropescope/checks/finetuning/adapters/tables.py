"""The tables of an adapter's report: engines, pairs that do not fit, pairs by module, what the same base forgot elsewhere."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from importlib.resources import files
from math import prod
from typing import Any, Final

from ropescope.checks.finetuning.adapters.config import LoraSettings
from ropescope.checks.finetuning.adapters.engines import OUTCOMES, Loading
from ropescope.checks.finetuning.adapters.pairs import Held, Pair
from ropescope.report.dated import dated
from ropescope.report.report import Column, Table

UNFOLDED: Final = 12
MOST_ROWS: Final = 1000


def engines_table(engines: Sequence[Loading]) -> Table:
    """Each engine with the rules that the adapter meets, worst first."""
    rows = []
    for one in engines:
        told = [(OUTCOMES[rule.outcome], rule.says, rule.mend) for rule in one.rules]
        rows += [(one.engine, *row) for row in told or [(OUTCOMES["loads"], "", "")]]
    columns = tuple(Column(name) for name in ("engine", "outcome", "why", "mend"))
    versions = ", ".join(f"{one.engine} {one.version}" for one in engines)
    return Table("Engines", columns, tuple(rows), f"By the source of {versions}, read on {_on(engines[0].read)}.")


def _on(read: str) -> str:
    """A date, marked where the figures of that day are old."""
    return f"{read} (dated)" if dated(read) else read


def misfits(faults: Sequence[Pair]) -> Table:
    """The pairs that do not fit, with why."""
    rows = tuple((pair.module, pair.fault) for pair in faults[:MOST_ROWS])
    return Table("Pairs that do not fit", (Column("module"), Column("why")), rows, limit=UNFOLDED)


def by_module(found: Held, settings: LoraSettings) -> Table:
    """The pairs of one name, shapes and scaling in a row."""
    groups = defaultdict[tuple[Any, ...], int](int)
    for pair in found.pairs.values():
        if pair.a and pair.b:
            groups[pair.module.rpartition(".")[2], pair.a, pair.b, settings.scaling_of(pair.module)] += 1
    columns = (
        *(Column("module"), Column("pairs", "", ",d"), Column("A"), Column("B")),
        *(Column("scaling", "", ".4g"), Column("parameters", "", ",d")),
    )
    rows = tuple(
        (name, number, str(list(a)), str(list(b)), scaling, number * (prod(a) + prod(b)))
        for (name, a, b, scaling), number in groups.items()
    )
    return Table("Pairs by module", columns, rows, limit=UNFOLDED)


def forgetting(named: str) -> Table:
    """What was published of the base that `named` names, after others trained it; no rows for any other base."""
    text = files("ropescope.checks.finetuning.adapters").joinpath("forgetting.csv").read_text(encoding="utf-8")
    low = named.lower()
    found = [row for row in csv.DictReader(text.splitlines()) if row["base"].lower() in low and "chat" not in low]
    rows = tuple((row["training"], row["method"], row["at"], float(row["score"])) for row in found)
    columns = (Column("trained on"), Column("method"), Column("at"), Column("score after", "", ".2f"))
    note = "".join(
        f"{one['metric']}, by others with other data: no estimate for this adapter. {one['source']}, read on {_on(one['read'])}."
        for one in found[:1]
    )
    return Table("What this base scored after other trainings", columns, rows, note)
