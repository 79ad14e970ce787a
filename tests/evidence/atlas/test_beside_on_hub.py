"""A profile travels with a model on the Hub: it is one small file at a commit, checked by the hashes that the Hub lists."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from fake_hub import Repo
from made_profiles import made_profile

from ropescope.checks.reading.show import ShowInputs, answer
from ropescope.errors import FormatError, SourceError
from ropescope.evidence.atlas.adding import add_profiles
from ropescope.evidence.atlas.store import read_atlas
from ropescope.measure.beside import NAME, profile_beside
from ropescope.models.opening import open as open_model
from ropescope.models.weight_hashes import folder_sha256
from ropescope.questions.question import Run


def profile_bytes(tmp_path: Path, **provenance: Any) -> bytes:
    profile = made_profile(0.8, heads=(4, 4), windows=(None, None), length=128)
    made = {"model": "lab/m", "model_type": "llama", "context_length": 256, "rope_thetas": [10000.0], **provenance}
    path = tmp_path / "made.parquet"
    dataclasses.replace(profile, provenance={**profile.provenance, **made}).save(path)
    return path.read_bytes()


@pytest.fixture
def repo(own_hub: Any, tiny_folder: Path) -> Repo:
    """The tiny model on the Hub, without a profile."""
    files = {path.name: path.read_bytes() for path in tiny_folder.iterdir()}
    own_hub.repos["models/lab/m"] = made = Repo(dict(files))
    return made


def test_measured_in_a_folder_and_pushed_with_the_weights(
    own_hub: Any, repo: Repo, tiny_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(FormatError, match="a model without a profile beside its weights"):
        add_profiles(["lab/m"], tmp_path / "a.parquet")
    repo.commit({**repo.files, NAME: profile_bytes(tmp_path, weights=folder_sha256(tiny_folder))})
    facts = {fact.name: fact for fact in answer(ShowInputs(source="lab/m"), Run()).facts}
    assert facts["γ, measured"].value == pytest.approx(0.8, abs=0.1) and facts["γ, measured"].basis == "measured"
    assert own_hub.sent.get("model.safetensors", 0) < len(
        repo.files["model.safetensors"]
    )  # the header, not the weights
    add_profiles(["lab/m"], tmp_path / "a.parquet")
    assert {row.model for row in read_atlas(tmp_path / "a.parquet")} == {"lab/m"}


def test_measured_by_its_hub_id_at_an_earlier_commit(repo: Repo, tmp_path: Path) -> None:
    measured = repo.revisions["main"]
    made = profile_bytes(tmp_path, weights=measured, source={"kind": "hub", "repo_id": "lab/m", "revision": measured})
    repo.commit({**repo.files, NAME: made})
    found = profile_beside(open_model("lab/m"))
    assert found is not None and not found.stale and not found.unchecked
    weights = bytearray(repo.files["model.safetensors"])
    weights[-1] ^= 1
    repo.commit({**repo.files, "model.safetensors": bytes(weights)})
    report = answer(ShowInputs(source="lab/m"), Run())
    assert any("its weights are others" in text for text in report.caveats)
    assert not any(fact.name == "γ, measured" for fact in report.facts)
    with pytest.raises(SourceError, match="belongs to another model"):
        add_profiles(["lab/m"], tmp_path / "a.parquet")
    # The revision that it was made with is still served.
    (older,) = [commit for commit, files in repo.before.items() if NAME in files]
    assert profile_beside(open_model("lab/m", revision=older)) is not None
    add_profiles([f"lab/m@{older}"], tmp_path / "a.parquet")


def test_what_cannot_be_checked_is_not_used(own_hub: Any, repo: Repo, tmp_path: Path) -> None:
    made = profile_bytes(tmp_path, weights="0" * 40, source={"kind": "hub", "repo_id": "lab/gone"})
    repo.commit({**repo.files, NAME: made})
    report = answer(ShowInputs(source="lab/m"), Run())
    assert any("cannot be checked (the Hub shows no lab/gone" in text for text in report.caveats)
    assert report.data["profile"]["used"] is False
