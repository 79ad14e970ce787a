"""Write what `compress_tradeoff.py` and `compress plan --max-loss` found as the tables behind the claim C7c.

    python benchmarks/cache_sweeps.py --results tradeoff/result-*.json --plans plan-2112.json … --profiles profile-2112.parquet …

Plans and profiles are matched to results by their length.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ropescope.compress import KVPlan
from ropescope.compress.evaluate.results.result import TradeoffResult
from ropescope.evidence.cells import write_csv
from ropescope.evidence.sweeps import COLUMNS, NAME_COLUMNS
from ropescope.measure.profile import DecayProfile
from ropescope.measure.summary import summarise

HERE = Path(__file__).parents[1] / "src/ropescope/evidence/data"
MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
SAYS = "Measured for ropescope (not published figures). Written by `python benchmarks/cache_sweeps.py`: change that, not this file."


def rows_of(result: TradeoffResult) -> list[dict[str, Any]]:
    """One row a text and method."""
    return [
        {
            "model": MODEL, "length": result.length, "kind": text.kind, "text": text.name, "loss": text.loss,
            "method": method, "budgets": result.budgets,
            "added": [round(value, 6) for value in text.added[method] if value is not None],
        }
        for method in result.methods for text in result.texts
    ]  # fmt: skip


def name_of(plan: KVPlan, profile: DecayProfile) -> dict[str, Any]:
    """The budget that a plan named, and the exponent measured at its length."""
    bounds = re.search(r"named by scoring (\d+) other texts, 95 % (\d+)% to (\d+)%", plan.windows_from)
    if bounds is None:
        raise SystemExit(f"The plan for {plan.length} tokens did not name its budget: make it with --max-loss.")
    count, low, high = (int(found) for found in bounds.groups())
    gamma = summarise(profile).gamma
    return {
        "model": MODEL, "length": plan.length, "gamma": gamma.value, "gamma_error": gamma.se,
        "planned": plan.target["budget_share"], "planned_low": low / 100, "planned_high": high / 100, "naming_texts": count,
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", nargs="+", type=Path, required=True)
    parser.add_argument("--plans", nargs="+", type=Path, required=True)
    parser.add_argument("--profiles", nargs="+", type=Path, required=True)
    given = parser.parse_args(arguments)
    results = [TradeoffResult.load(path) for path in given.results]
    plans = {plan.length: plan for plan in map(KVPlan.load, given.plans)}
    profiles = {profile.protocol.length: profile for profile in map(DecayProfile.load, given.profiles)}
    rows = [row for result in results for row in rows_of(result)]
    names = [name_of(plans[result.length], profiles[result.length]) for result in results]
    about = "Added loss (nats a token) behind a cut of the cache to each budget, by text and method; the last 64 tokens are scored."
    (HERE / "cache_sweeps.csv").write_text(write_csv(COLUMNS, rows, f"{about}\n{SAYS}"), encoding="utf-8")
    about = "The budget that a plan named for 1 % of added loss by scoring other text, and the measured exponent, by length."
    (HERE / "cache_names.csv").write_text(write_csv(NAME_COLUMNS, names, f"{about}\n{SAYS}"), encoding="utf-8")


if __name__ == "__main__":
    main()
