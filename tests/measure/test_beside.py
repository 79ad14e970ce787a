"""A profile that lies beside weights serves them as long as they are the ones that were measured, and not a day longer."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_profiles import made_profile

from ropescope.app.cli import app
from ropescope.checks.reading.show import ShowInputs, answer
from ropescope.compress.asking import PlanInputs
from ropescope.compress.asking import answer as plan
from ropescope.errors import FormatError, InputError, SourceError
from ropescope.evidence.atlas.sources import sources_of
from ropescope.measure.beside import NAME, profile_beside, theirs
from ropescope.measure.profile import DecayProfile
from ropescope.models.opening import open as open_model
from ropescope.models.weight_hashes import folder_sha256
from ropescope.questions.question import Run
from ropescope.questions.registry import find

MADE = {
    "model": "tiny",
    "model_type": "llama",
    "context_length": 256,
    "rope_thetas": [10000.0],
    "rope_scaling": [{}],
    "date": "2026-11-29",
}


def made(**provenance: Any) -> DecayProfile:
    profile = made_profile(0.8, heads=(4, 4), windows=(None, None), length=128)
    layers = tuple(dataclasses.replace(layer, n_kv_heads=2) for layer in profile.layers)
    return dataclasses.replace(profile, layers=layers, provenance={**profile.provenance, **MADE, **provenance})


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """The tiny model with a profile of its weights beside them."""
    copy = tmp_path / "my-model"
    shutil.copytree(tiny_folder, copy)
    made(weights=folder_sha256(copy)).save(copy / NAME)
    return copy


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def other_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1  # one number of a fine-tune
    path.write_bytes(bytes(data))


def test_show_plan_and_atlas_find_it_and_say_what_it_is(folder: Path) -> None:
    report = answer(ShowInputs(source=str(folder)), Run())
    (fact,) = [fact for fact in report.facts if fact.name == "γ, measured"]
    assert fact.basis == "measured" and fact.value == pytest.approx(0.8, abs=0.1)
    assert fact.source == (
        "ropescope.parquet beside the weights: measured at fixed length 128, 8 prompts, random, 2026-11-29"
    )
    planned = plan(PlanInputs(source=str(folder), keep_mass=0.9, from_profile=True), Run())
    assert any(text.startswith("Planned from ropescope.parquet beside the weights") for text in planned.caveats)
    by_path = plan(PlanInputs(source=str(folder / NAME), keep_mass=0.9), Run())
    assert by_path.data == planned.data  # the model of a profile is the one that it lies beside
    (source,) = sources_of(str(folder))
    assert source.name == "my-model/ropescope.parquet" and source.rows[0].gamma == pytest.approx(0.8, abs=0.1)
    assert find("measure").kept_as == NAME


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (other_weights, "its weights are others"),
        (lambda folder: edit(folder, rope_parameters={"rope_type": "default", "rope_theta": 5e5}), "its RoPE bases"),
        (lambda folder: edit(folder, max_position_embeddings=512), "its context length: 256, and 512"),
        (lambda folder: edit(folder, num_attention_heads=2, head_dim=8), "its heads of layer 0: 4, and 2"),
        (lambda folder: edit(folder, num_hidden_layers=1), "attention layers 0, 1"),
        (lambda folder: made(weights=folder_sha256(folder), random_init=True).save(folder / NAME), "random weights"),
    ],
    ids=["weights", "base", "context", "heads", "layers", "control"],
)
def test_a_profile_of_other_weights_yields_no_number(folder: Path, change: Callable[[Path], Any], why: str) -> None:
    change(folder)
    report = answer(ShowInputs(source=str(folder)), Run())
    assert not any("measured" in fact.name for fact in report.facts)
    assert any("belongs to another model" in text and why in text for text in report.caveats)
    for ask in (
        lambda: plan(PlanInputs(source=str(folder), keep_mass=0.9, from_profile=True), Run()),
        lambda: plan(PlanInputs(source=str(folder / NAME), keep_mass=0.9), Run()),
        lambda: sources_of(str(folder)),
    ):
        with pytest.raises(SourceError, match="belongs to another model"):
            ask()


def test_what_is_no_profile_or_not_there(folder: Path) -> None:
    (folder / NAME).write_bytes(b"PAR1")
    assert any("is no measured profile" in text for text in answer(ShowInputs(source=str(folder)), Run()).caveats)
    with pytest.raises(FormatError, match="is no measured profile"):
        sources_of(str(folder))
    (folder / NAME).unlink()
    assert answer(ShowInputs(source=str(folder)), Run()).data["profile"] is None
    with pytest.raises(InputError, match=r"No ropescope\.parquet lies beside the weights of my-model") as refused:
        plan(PlanInputs(source=str(folder), keep_mass=0.9, from_profile=True), Run())
    assert refused.value.field == "from_profile"


def test_weights_too_large_to_hash_are_left_unchecked_and_said_to_be(folder: Path) -> None:
    found = profile_beside(open_model(str(folder)), most_bytes=0)
    assert found is not None and found.unchecked == "the weights were not hashed"
    with pytest.raises(SourceError, match="cannot be checked"):
        theirs(found)


def test_a_link_to_no_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").symlink_to(tmp_path / "gone")
    with pytest.raises(SourceError, match=r"model\.safetensors cannot be read \(No such file"):
        folder_sha256(tmp_path)


def test_a_hash_is_kept_until_the_file_changes(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ropescope.models.weight_hashes as weight_hashes

    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(weight_hashes, "LARGE_BYTES", 1)
    first = folder_sha256(folder)
    assert folder_sha256(folder, most_bytes=0) == first  # nothing is read again
    other_weights(folder)
    assert folder_sha256(folder, most_bytes=0) is None
    assert folder_sha256(folder) != first


def test_out_may_name_the_folder_of_the_weights(folder: Path) -> None:
    from click.testing import CliRunner

    (folder / NAME).unlink()
    command = [
        "measure",
        str(folder),
        "--corpus",
        "random",
        "--length",
        "64",
        "--rows",
        "8",
        "--prompts",
        "1",
        "--out",
        str(folder),
    ]
    done = CliRunner().invoke(app, [*command, "--dtype", "float32", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    profile = DecayProfile.load(folder / NAME)
    assert profile.provenance["weights"] == folder_sha256(folder) and profile.provenance["date"]
    found = profile_beside(open_model(str(folder)))
    assert found is not None and theirs(found).profile == profile
