"""A profile travels with a model on the Hub: it is one small file at a commit, checked by the hashes that the Hub lists."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_gguf
from fake_hub import Repo
from made_profiles import made_profile

from ropescope.checks.reading.show import ShowInputs, answer
from ropescope.errors import FormatError, SourceError
from ropescope.evidence.atlas.adding import add_profiles
from ropescope.evidence.atlas.store import read_atlas
from ropescope.measure.beside import NAME, profile_beside
from ropescope.models.opening import open as open_model
from ropescope.models.weight_hashes import adapter_sha256, folder_sha256, gguf_sha256
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


@pytest.fixture
def gguf_repo(own_hub: Any, tmp_path: Path) -> Repo:
    """A repository of two GGUF files, padded so that a header is not the whole file."""
    network, files = tiny_gguf.network(), {}
    for name in ("a-F32.gguf", "b-F32.gguf"):
        network.lm_head.weight.data[5] += 1
        tiny_gguf.write(network, tmp_path / name)
        files[name] = (tmp_path / name).read_bytes() + bytes(4 << 20)
        (tmp_path / name).write_bytes(files[name])
    own_hub.repos["models/lab/g"] = made = Repo(dict(files))
    return made


def test_a_gguf_file_of_a_repository_has_a_profile_of_its_own(own_hub: Any, gguf_repo: Repo, tmp_path: Path) -> None:
    mine = profile_bytes(tmp_path, weights=gguf_sha256(tmp_path / "a-F32.gguf"), context_length=128, model="lab/g")
    gguf_repo.commit({**gguf_repo.files, "a-F32.ropescope.parquet": mine})
    facts = {fact.name: fact for fact in answer(ShowInputs(source="lab/g/a-F32.gguf"), Run()).facts}
    assert facts["γ, measured"].source.startswith("a-F32.ropescope.parquet beside the weights")
    assert answer(ShowInputs(source="lab/g/b-F32.gguf"), Run()).data["profile"] is None
    add_profiles(["lab/g"], tmp_path / "all.parquet")  # whichever of its files have one
    add_profiles(["lab/g/a-F32.gguf"], tmp_path / "one.parquet")
    both = [{row.profile_sha256 for row in read_atlas(tmp_path / f"{name}.parquet")} for name in ("all", "one")]
    assert both[0] == both[1] and len(both[0]) == 1
    assert own_hub.sent["a-F32.gguf"] < len(gguf_repo.files["a-F32.gguf"])
    gguf_repo.commit({**gguf_repo.files, "b-F32.ropescope.parquet": mine})
    report = answer(ShowInputs(source="lab/g/b-F32.gguf"), Run())
    assert any("its weights are others" in text for text in report.caveats) and not report.data["profile"]["used"]


def test_measured_by_the_id_of_a_gguf_file(gguf_repo: Repo, tmp_path: Path) -> None:
    commit = gguf_repo.revisions["main"]
    there = {"kind": "hub", "repo_id": "lab/g", "revision": commit}
    mine = profile_bytes(tmp_path, weights=f"{commit}/a-F32.gguf", context_length=128, source=there)
    gguf_repo.commit({**gguf_repo.files, "a-F32.ropescope.parquet": mine, "b-F32.ropescope.parquet": mine})
    for name, stale in (("a", False), ("b", True)):
        found = profile_beside(open_model(f"lab/g/{name}-F32.gguf"))
        assert found is not None and bool(found.stale) == stale and not found.unchecked
    (tmp_path / "a-F32.ropescope.parquet").write_bytes(mine)  # downloaded with its file
    here = profile_beside(open_model(tmp_path / "a-F32.gguf"))
    assert here is not None and not here.stale and not here.unchecked


def test_an_adapter_on_the_hub_is_checked_with_its_base(
    own_hub: Any, repo: Repo, tiny_folder: Path, tmp_path: Path
) -> None:
    from safetensors.numpy import save_file

    folder = tmp_path / "adapter"
    folder.mkdir()
    save_file({"base_model.model.x.lora_A.weight": np.zeros((4, 32), np.float32)}, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "base_model_name_or_path": "lab/m", "task_type": "CAUSAL_LM"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    own_hub.repos["models/lab/a"] = adapter = Repo(dict(files))
    here = f"{folder_sha256(tiny_folder)} + {adapter_sha256(folder)}"
    by_id = {
        "weights": f"{repo.revisions['main']} + {adapter.revisions['main']}",
        "source": {"kind": "hub", "repo_id": "lab/m", "adapter": "lab/a"},
    }
    for made in ({"weights": here}, by_id):
        adapter.commit({**files, NAME: profile_bytes(tmp_path, **made)})
        found = profile_beside(open_model("lab/a"))
        assert found is not None and not found.stale and not found.unchecked
        add_profiles(["lab/a"], tmp_path / "a.parquet")
    assert own_hub.sent.get("model.safetensors", 0) < len(repo.files["model.safetensors"])
    adapter.commit({**adapter.files, "adapter_model.safetensors": files["adapter_model.safetensors"][:-1] + b"1"})
    assert any("its adapter is another" in text for text in answer(ShowInputs(source="lab/a"), Run()).caveats)
    adapter.commit({**files, NAME: profile_bytes(tmp_path, **by_id)})
    repo.commit({**repo.files, "model.safetensors": repo.files["model.safetensors"][:-1] + b"1"})
    with pytest.raises(SourceError, match="its base has other weights"):
        add_profiles(["lab/a"], tmp_path / "a.parquet")
