"""Write what `ropescope pilot` found as the table behind the claim C6, and draw it.

ropescope pilot --out docs/results/pilot.parquet    # an hour on two cores
python benchmarks/trained_bases.py docs/results/pilot.parquet
python benchmarks/trained_bases.py docs/results/pilot.parquet --figures docs/images
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ropescope.evidence.cells import write_csv
from ropescope.evidence.trained import COLUMNS
from ropescope.pilot.results.report import pilot_report
from ropescope.pilot.results.result import PilotResult
from ropescope.report.figure import write_figure

TABLE = Path(__file__).parents[1] / "src/ropescope/evidence/data/trained_bases.csv"
SAYS = (
    "Measured for ropescope (not published figures). Written by `python benchmarks/trained_bases.py`: change that, not "
    "this file."
)


def rows_of(result: PilotResult) -> list[dict[str, object]]:
    """One row a run."""
    return [
        {
            "kind": run.arm.kind,
            "theta": run.arm.theta,
            "seed": run.seed,
            "length": result.length,
            "parameters": result.parameters,
            "tokens": result.tokens,
            "gamma": run.last.gamma,
            "gamma_untrained": run.readings[0].gamma,
            "legacy_gamma": run.last.legacy_gamma,
            "loss": run.last.loss,
        }
        for arm in result.arms
        for _, run in sorted(result.of(arm).items())
    ]


def about(result: PilotResult) -> str:
    """What was run, for the head of the table."""
    versions = result.provenance["versions"]
    return (
        f"ropescope pilot --size {result.size}: networks of {result.parameters:,} parameters after {result.tokens:,} tokens of "
        f"{result.provenance['text']}, measured at {result.length} tokens on {result.prompts} held-out prompts; "
        f"{result.provenance['dtype']}, torch {versions['torch']}, transformers {versions['transformers']}."
    )


def main() -> None:
    """The table, or with --figures the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--figures", type=Path)
    asked = parser.parse_args()
    result = PilotResult.load(asked.runs)
    if asked.figures is None:
        TABLE.write_text(write_csv(COLUMNS, rows_of(result), f"{about(result)}\n{SAYS}"), encoding="utf-8")
        return
    for figure in pilot_report(result).figures:
        print(write_figure(figure, asked.figures / f"pilot-{figure.name}.svg"))


if __name__ == "__main__":
    main()
