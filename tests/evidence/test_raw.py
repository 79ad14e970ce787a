"""Raw files that are missing, changed or broken are named, and a clone of the repository is found by its data/."""

import shutil

import pytest

from ropescope.errors import FormatError, SourceError
from ropescope.evidence.evidence import Evidence
from ropescope.evidence.raw import RawFiles
from ropescope.evidence.verdicts.recompute import recompute
from ropescope.evidence.verdicts.registry import find_claim


@pytest.fixture
def clone(raw_folder, tmp_path):
    """A clone of the repository that holds the panel's files."""
    for folder in ("e4_gamma", "cloud", "training_gamma", "theta_steering", "rlhf_gamma"):
        shutil.copytree(raw_folder / folder, tmp_path / "data" / folder, copy_function=shutil.copyfile)
        (tmp_path / "data" / folder).chmod(0o755)
    return tmp_path


def test_a_folder_without_measurements_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"neither|no folder e4_gamma/ nor data/e4_gamma/"):
        Evidence(tmp_path)


def test_a_clone_gives_the_same_panel(clone, shipped):
    taken = Evidence(clone)
    assert taken.table("panel") == shipped.table("panel")
    assert taken.changed(("panel",)) == ()


def test_a_missing_file_is_named_and_the_claim_passed_over(clone):
    (clone / "data" / "cloud" / "gqa_rc_results.json").unlink()
    (entry,) = recompute([find_claim("C1")], Evidence(clone))
    assert entry.finding is None and entry.missing == ("cloud/gqa_rc_results.json",)
    with pytest.raises(SourceError, match=r"panel needs raw files .* cloud/gqa_rc_results\.json"):
        Evidence(clone).table("panel")


def test_a_changed_file_is_named_and_the_claim_recomputed_from_it(clone):
    file = clone / "data" / "e4_gamma" / "EleutherAI--pythia-70m_mongo.json"
    file.write_text(file.read_text().replace("0.00039341128339098454", "0.0039341128339098454"))
    (entry,) = recompute([find_claim("C1")], Evidence(clone))
    assert entry.changed == ("e4_gamma/EleutherAI--pythia-70m_mongo.json",)
    assert entry.finding is not None and entry.finding.value != pytest.approx(19.902, abs=1e-3)


def test_a_broken_file_is_named(clone):
    (clone / "data" / "cloud" / "gqa_rc_results.json").write_text("{")
    with pytest.raises(FormatError, match=r"gqa_rc_results\.json is not JSON"):
        RawFiles(clone).json("cloud/gqa_rc_results.json")
