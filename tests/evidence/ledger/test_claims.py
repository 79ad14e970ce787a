"""The claims: every one answers, its number is that of an independent recomputation, and its verdict follows its rule."""

from pathlib import Path

import pytest

from ropescope.errors import EvidenceError
from ropescope.evidence.extract import extracts
from ropescope.evidence.ledger.claim import VERDICTS
from ropescope.evidence.ledger.recompute import recompute
from ropescope.evidence.ledger.registry import all_claims, find_claim
from ropescope.evidence.ledger.report import claim_report, ledger_report
from ropescope.report.figure import svg
from ropescope.report.json import to_json
from ropescope.report.terminal import to_text


@pytest.fixture(scope="session")
def ledger(shipped):
    return {entry.claim.id: entry for entry in recompute(all_claims().values(), shipped)}


def test_ids_are_in_order():
    ids = [id for id in all_claims() if id.startswith("C")]
    assert ids[:4] == ["C1", "C1b", "C1c", "C2"]


@pytest.mark.parametrize("id", all_claims())
def test_a_claim_is_complete_and_answers(id, ledger):
    claim, finding = ledger[id].claim, ledger[id].finding
    assert all(getattr(claim, name) for name in claim.__slots__ if name not in ("tables", "measured_by"))
    assert set(claim.tables) <= set(extracts())
    # What was measured for ropescope names the script that wrote it, which is there.
    assert not claim.measured_by or (Path(__file__).parents[3] / claim.measured_by).is_file()
    assert finding is not None and finding.verdict in VERDICTS
    assert finding.reason.endswith(".") and finding.reason.count(". ") == 0, "one sentence"
    # A number without an interval says why there is none, or how it was had.
    assert finding.interval or finding.interval_by or finding.value is None


@pytest.mark.parametrize("id", all_claims())
def test_a_claim_shows_everywhere(id, ledger, shipped):
    pytest.importorskip("vl_convert")
    report = claim_report(ledger[id], shipped.origin)
    assert to_text(report, width=100) and to_json(report)
    for figure in report.figures:
        assert svg(figure).startswith("<svg")


def test_the_ledger_shows_every_claim_once(ledger, shipped):
    pytest.importorskip("vl_convert")
    report = ledger_report(tuple(ledger.values()), shipped.origin)
    assert [row[0] for row in report.tables[0].rows] == list(all_claims())
    assert sum(report.data["counts"].values()) == len(all_claims())
    assert svg(report.figures[0]).count(">C1<") == 1


def test_an_unknown_claim_suggests_the_nearest():
    assert find_claim("c1B").id == "C1b"
    with pytest.raises(EvidenceError, match=r"No claim is called 'C1d'\. Did you mean C1"):
        find_claim("C1d")
