"""Write what `extend_quality.py` and the experiment base-scaling found as the tables behind the claim C8c.

    python benchmarks/extension_tables.py --results extend-quality/result-*.json --experiment base-scaling.json
    python benchmarks/extension_tables.py --results extend-quality/result-*.json    # adds methods to the tables as they are
    python benchmarks/extension_tables.py --figure FOLDER                           # draws what the tables hold

--experiment is what `ropescope experiment base-scaling smollm2 --prompts 9 --out FILE` kept: γ at each base and the losses at
16,384 tokens under six bases come from it. Of what stands in several results the first counts. Without it what the tables
hold stays, and the methods and texts they lack are added. --figure draws what
every way of scaling pays within the trained length and loses at the end of the target, a picture a length.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ropescope.evidence.cells import read_csv, write_csv
from ropescope.evidence.extensions import EXPONENT_COLUMNS, LOSS_COLUMNS, Extension, extensions
from ropescope.extend.evaluate.figures import price
from ropescope.extend.evaluate.result import ExtensionResult, TextLosses
from ropescope.extend.evaluate.summary import bands_where
from ropescope.report.figure import write_figure

HERE = Path(__file__).parents[1] / "src/ropescope/evidence/data"
LOSSES = HERE / "extended_losses.csv"
MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
SAYS = (
    "Measured for ropescope (not published figures). Written by `python benchmarks/extension_tables.py`: change that, not "
    "this file."
)


def alpha_of(plan: dict[str, Any]) -> float | None:
    """What a plan multiplies the base by, if that is all it does."""
    layer = plan["layer_types"][0]
    if plan["method"] not in ("none", "ntk", "alpha"):
        return None
    return float(layer["theta"] / layer["theta_before"])


def over(result: ExtensionResult, text: TextLosses, method: str, bands: list[int]) -> float:
    """The loss of a text over some bands, weighted by their tokens."""
    sizes = [result.bands[band][1] - max(result.bands[band][0], 1) for band in bands]
    return sum(text.losses[method][band] * size for band, size in zip(bands, sizes, strict=True)) / sum(sizes)


def name_of(result: ExtensionResult, method: str) -> str:
    """What a method goes by in the table: a searched plan not by its file."""
    return "searched" if result.plans[method]["method"] == "searched" else method


def rows_of(result: ExtensionResult) -> list[dict[str, Any]]:
    """One row a method and text."""
    places = {
        "inside": bands_where(result, "inside"),
        "beyond": bands_where(result, "beyond"),
        "last": bands_where(result, "target"),
    }
    return [
        {
            "model": MODEL, "trained": result.trained_length, "target": result.target_length, "kind": text.kind,
            "text": text.name, "method": name_of(result, method),
            "alpha": None if method in result.shown else alpha_of(result.plans[method]),
            "dtype": str(result.provenance["dtype"]),
            **{where: round(over(result, text, method, bands), 6) for where, bands in places.items()},
        }
        for method in result.methods for text in result.texts
    ]  # fmt: skip


def key_of(row: dict[str, Any]) -> tuple[int, str, str | float]:
    """What a row is of: the target, the text, and the method, by its α where that is all there is to it."""
    return row["target"], row["text"], row["method"] if row["alpha"] is None else row["alpha"]


def add(results: Sequence[ExtensionResult]) -> None:
    """Write the losses that are there, and those of further methods and texts."""
    rows = [dict(row) for row in read_csv(LOSS_COLUMNS, LOSSES.read_text("utf-8"), LOSSES.name)]
    for result in results:
        there = {(row["target"], row["method"], row["text"]) for row in rows}
        rows += [row for row in rows_of(result) if (row["target"], row["method"], row["text"]) not in there]
    methods = list(dict.fromkeys((row["target"], row["method"]) for row in rows))
    write_losses(sorted(rows, key=lambda row: methods.index((row["target"], row["method"]))))


def write_losses(rows: Sequence[dict[str, Any]]) -> None:
    """Write the table of losses."""
    about = (
        "Loss (nats a token) by text and way of scaling: within the trained length, beyond it, and in the last band. dtype: of "
        "the weights; the loss is in float32."
    )
    LOSSES.write_text(write_csv(LOSS_COLUMNS, rows, f"{about}\n{SAYS}"), encoding="utf-8")


def stored(methods: Sequence[Extension]) -> ExtensionResult:
    """What the table holds of one length, in two bands: the trained length, and the last 2,048 tokens; on the texts that all
    methods read."""
    first, shared = methods[0], _shared(methods)
    return ExtensionResult(
        model=first.model.partition("/")[2],
        trained_length=first.trained,
        target_length=first.target,
        bands=((0, first.trained), (first.target - 2048, first.target)),
        methods=tuple(entry.method for entry in methods),
        plans={entry.method: {"method": entry.method} for entry in methods},
        texts=tuple(
            TextLosses(
                text.partition(" ")[0],
                text.partition(" ")[2],
                {
                    entry.method: tuple(entry.losses[where][entry.texts.index(text)] for where in ("inside", "last"))
                    for entry in methods
                },
            )
            for text in shared
        ),
    )


def _shared(methods: Sequence[Extension]) -> list[str]:
    """The texts that were read under every method."""
    return [text for text in methods[0].texts if all(text in entry.texts for entry in methods)]


def draw(folder: Path) -> None:
    """A picture of each length."""
    folder.mkdir(parents=True, exist_ok=True)
    for target, methods in extensions().items():
        write_figure(price(stored(list(methods.values()))), folder / f"extend-price-{target}.svg")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", nargs="*", type=Path, default=[])
    parser.add_argument("--experiment", type=Path)
    parser.add_argument("--figure", type=Path, metavar="FOLDER")
    given = parser.parse_args(arguments)
    if given.figure is not None:
        draw(given.figure)
        return
    results = [*map(ExtensionResult.load, given.results)]
    if given.experiment is None:
        add(results)
        return
    measured = json.loads(given.experiment.read_text(encoding="utf-8"))["data"]["results"]
    rows: list[dict[str, Any]] = []
    there: set[tuple[int, str, str | float]] = set()
    for result in [ExtensionResult.from_dict(measured["result"]), *results]:
        # α = 2 by its number and the α that keeps γ at twice the length are one: what is there is not written twice.
        fresh = [row for row in rows_of(result) if key_of(row) not in there]
        there |= {key_of(row) for row in fresh}
        rows += fresh
    exponents = [
        {
            "model": MODEL, "alpha": float(alpha), "gamma": found["value"], "low": found["ci"][0], "high": found["ci"][1],
        }
        for alpha, found in measured["gamma"].items()
    ]  # fmt: skip
    write_losses(rows)
    about = "γ at a fixed length of 2,048 tokens, with the base multiplied by α at inference."
    written = write_csv(EXPONENT_COLUMNS, exponents, f"{about}\n{SAYS}")
    (HERE / "extended_exponents.csv").write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
