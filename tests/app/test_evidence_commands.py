"""`panel` and `claims` hand the right report to the one place that shows, and say what is wrong with their options."""

import json
import sys

import pytest
from click.testing import CliRunner

from ropescope.app.cli import app
from ropescope.errors import EvidenceError, MissingExtraError, SourceError


def _run(*words):
    return CliRunner().invoke(app, list(words))


def test_panel_filters_and_prints_json():
    data = json.loads(_run("panel", "--family", "pythia", "--corpus", "text", "--json").stdout)
    assert len(data["measurements"]) == 8
    one = next(m for m in data["measurements"] if m["model"] == "EleutherAI/pythia-70m")
    assert one["gamma"] == pytest.approx(one["gamma_published"], rel=1e-12)
    assert len(one["attention_by_seed"]) == 3 and one["theta"] == 10_000


def test_one_claim_and_several():
    one = json.loads(_run("claims", "c2", "--json").stdout)
    assert [claim["id"] for claim in one["claims"]] == ["C2"] and "counts" not in one
    two = json.loads(_run("claims", "C1b", "C2", "C2", "--json").stdout)
    assert [claim["id"] for claim in two["claims"]] == ["C1b", "C2"]
    assert two["counts"]["reproduced"] == 1


def test_progress_is_told_on_stderr():
    told = _run("claims", "C1b", "C2")
    assert told.stderr.startswith("Recomputing claims …\n") and "Recomputing" not in told.stdout


def test_a_page_and_a_figure(tmp_path):
    pytest.importorskip("vl_convert")
    page, picture = tmp_path / "claims.html", tmp_path / "claims.svg"
    assert _run("claims", "C2", "C6", "--html", str(page), "--figure", str(picture)).exit_code == 0
    assert "<svg" in page.read_text() and picture.read_text().startswith("<svg")


def test_listing_recomputes_nothing(monkeypatch):
    monkeypatch.setattr("ropescope.evidence.verdicts.recompute.recompute", lambda *_: pytest.fail("recomputed"))
    assert "C7b" in _run("claims", "--list").stdout


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (("claims", "C1x"), EvidenceError, "Did you mean"),
        (("claims", "C1", "--data", "no-such-folder"), SourceError, "holds no raw measurements"),
        (("panel", "--corpus", "poetry"), EvidenceError, "There are random, text, unstated"),
    ],
)
def test_bad_input_is_named(words, error, said):
    result = _run(*words)
    assert isinstance(result.exception, error) and said in str(result.exception)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "statsmodels", None)
    result = _run("claims", "C2")
    assert isinstance(result.exception, MissingExtraError) and "ropescope[evidence]" in str(result.exception)
