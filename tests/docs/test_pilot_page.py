"""The page on the pilot stays true: its numbers are those of the runs beside it, and the ledger has the same runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ropescope.evidence.trained import trained
from ropescope.pilot.predictions import SLOPE
from ropescope.pilot.results.result import PilotResult
from ropescope.pilot.results.summary import difference, legacy_null, over_seeds, reference_of, summarise
from ropescope.quality.intervals import Interval
from ropescope.theory.decay import gamma_pade

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
PAGE = (RESULTS / "pilot.md").read_text(encoding="utf-8")
FLAT = " ".join(PAGE.replace("−", "-").split())


@pytest.fixture(scope="module")
def runs() -> PilotResult:
    pytest.importorskip("pyarrow")
    return PilotResult.load(RESULTS / "pilot.parquet")


def told(found: Interval, form: str) -> str:
    assert found.low is not None and found.high is not None
    return f"{found.value:{form}} ({found.low:{form}} to {found.high:{form}})"


def test_the_table_of_arms(runs: PilotResult) -> None:
    assert not runs.partial and len(runs.runs) == 35
    reference = reference_of(runs)
    for arm in runs.arms:
        gamma = over_seeds(runs, arm, lambda r: r.gamma)
        row = f"| {arm.words} | 5 | {told(gamma, '.3f')} | "
        if arm.theta is not None:
            row += f"{gamma_pade(arm.theta, 512.0):.3f} | {100 * abs(gamma.value / gamma_pade(arm.theta, 512.0) - 1):.0f} % | "
        else:
            row += "| | "
        row += f"{told(over_seeds(runs, arm, lambda r: r.legacy_gamma), '.2f')} | "
        row += f"{over_seeds(runs, arm, lambda r: r.loss).value:.3f} |"
        less = None if arm == reference else difference(runs, arm, reference, lambda r: r.loss)
        row += " |" if less is None else f" {told(less, '+.3f')} |"
        assert row in PAGE.replace("−", "-"), row


def test_what_stands(runs: PilotResult) -> None:
    summary = summarise(runs)
    standings = [judged.standing for judged in summary.judged]
    assert standings == ["contradicted", "contradicted", "unclear", "unclear"]
    assert re.findall(r"\| \**(contradicted|unclear|confirmed)\** \|$", PAGE, re.M) == standings
    assert summary.judged[2].seeds_to_decide == summary.judged[3].seeds_to_decide == 16
    assert "16 seeds would decide" in FLAT
    assert told(summary.slope, ".4f") in FLAT and told(summary.on_pade, "+.3f").lstrip("+") in FLAT
    allowed = summary.judged[1].statement.expects[SLOPE]
    assert f"{allowed.low:.4f} to {allowed.high:.4f}" in FLAT
    assert f"off by {summary.constant_error:.3f} on average, and γ_Padé by {summary.pade_error:.3f}" in FLAT
    across = difference(runs, runs.rope[0], runs.rope[-1], lambda r: r.gamma)
    assert across is not None and f"by {told(across, '.3f')}" in FLAT
    null = legacy_null(runs.length)
    assert null is not None and f"Uniform attention reads {null:.3f}" in FLAT
    for arm in runs.rope:
        found = over_seeds(runs, arm, lambda r: r.legacy_gamma)
        assert found.low is not None and found.high is not None and found.low < null < found.high


def test_the_ledger_has_the_same_runs(runs: PilotResult) -> None:
    for arm, row in zip(
        runs.arms, sorted(trained(), key=lambda row: (row.theta is None, row.theta, row.kind != "nope")), strict=True
    ):
        mine = [run for _, run in sorted(runs.of(arm).items())]
        assert row.gamma == tuple(run.last.gamma for run in mine)
        assert row.loss == tuple(run.last.loss for run in mine)


def test_links_exist() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (RESULTS / link).exists(), link
