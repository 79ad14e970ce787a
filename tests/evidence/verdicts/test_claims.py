"""The claims: every one answers, its number is that of an independent recomputation, and its verdict follows its rule."""

import re
from pathlib import Path

import pytest

from ropescope.errors import EvidenceError
from ropescope.evidence.extract import extracts
from ropescope.evidence.verdicts.claim import VERDICTS
from ropescope.evidence.verdicts.recompute import recompute
from ropescope.evidence.verdicts.registry import all_claims, find_claim
from ropescope.evidence.verdicts.report import claim_report, claims_report
from ropescope.report.figure import svg
from ropescope.report.json import to_json
from ropescope.report.terminal import to_text

PAGE = Path(__file__).parents[3] / "docs" / "judging.md"


@pytest.fixture(scope="session")
def entries(entry):
    return {id: entry(id) for id in all_claims()}


def test_claims_are_recomputed_in_order_and_each_is_told_before(shipped):
    told = []
    asked = [find_claim("C2"), find_claim("F3")]
    assert [one.claim for one in recompute(asked, shipped, told.append)] == asked == told


def test_ids_are_in_order():
    ids = [id for id in all_claims() if id.startswith("C")]
    assert ids[:4] == ["C1", "C1b", "C1c", "C2"]


@pytest.mark.parametrize("id", all_claims())
def test_a_claim_is_complete_and_answers(id, entries):
    claim, finding = entries[id].claim, entries[id].finding
    assert all(getattr(claim, name) for name in claim.__slots__ if name not in ("tables", "measured_by"))
    assert set(claim.tables) <= set(extracts())
    # What was measured for ropescope names the script that wrote it, which is there.
    assert not claim.measured_by or (Path(__file__).parents[3] / claim.measured_by).is_file()
    assert finding is not None and finding.verdict in VERDICTS
    assert finding.reason.endswith(".") and finding.reason.count(". ") == 0, "one sentence"
    # A number without an interval says why there is none, or how it was had.
    assert finding.interval or finding.interval_by or finding.value is None


@pytest.mark.parametrize("id", all_claims())
def test_a_claim_shows_everywhere(id, entries, shipped):
    pytest.importorskip("vl_convert")
    report = claim_report(entries[id], shipped.origin)
    assert to_text(report, width=100) and to_json(report)
    for figure in report.figures:
        assert svg(figure).startswith("<svg")


def test_the_ledger_shows_every_claim_once(entries, shipped):
    pytest.importorskip("vl_convert")
    report = claims_report(tuple(entries.values()), shipped.origin)
    assert [row[0] for row in report.tables[0].rows] == list(all_claims())
    assert sum(report.data["counts"].values()) == len(all_claims())
    assert svg(report.figures[0]).count(">C1<") == 1


def expanded(cell):
    """The ids of a cell of the table, with `C17–C23` written out."""
    ids = set()
    for part in cell.split(", "):
        first, _, last = part.partition("–")
        if last:
            letter = first[0]
            ids |= {f"{letter}{number}" for number in range(int(first[1:]), int(last[1:]) + 1)}
        else:
            ids.add(first)
    return ids


def test_the_page_on_published_claims_states_these_verdicts(entries):
    table = PAGE.read_text(encoding="utf-8").split("| verdict |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| (.*?) \| ([CFP].*) \|$", table, re.M)
    stated = {claim: verdict for verdict, cell in rows for claim in expanded(cell)}
    assert stated == {id: entry.finding.verdict for id, entry in entries.items()}


def test_an_unknown_claim_suggests_the_nearest():
    assert find_claim("c1B").id == "C1b"
    with pytest.raises(EvidenceError, match=r"No claim is called 'C1d'\. Did you mean C1"):
        find_claim("C1d")
