"""A row says what the summary of its profile says, and its hash names what was measured and nothing else."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from made_profiles import made_profile
from made_rows import made_row, save_profile

from ropescope.errors import FormatError
from ropescope.evidence.atlas_row import AtlasRow, content_hash, rows_of
from ropescope.measure.profile import DecayProfile
from ropescope.measure.summary import summarise
from ropescope.theory.nulls import uniform_null_exponent


def test_a_row_says_what_the_summary_says(tmp_path: Path) -> None:
    path = save_profile(
        tmp_path / "p.parquet",
        0.8,
        control=0.0,
        weights="abc",
        seed=3,
        source={"kind": "hub", "repo_id": "org/m", "revision": "f" * 40},
        versions={"ropescope": "9", "torch": "8", "transformers": "7"},
    )
    fixed, legacy = rows_of(path)
    summary = summarise(DecayProfile.load(path))
    assert fixed.gamma == summary.gamma.value == pytest.approx(0.8, abs=0.03)
    assert (fixed.gamma_low, fixed.gamma_high) == summary.gamma.ci and fixed.gamma_se == summary.gamma.se
    assert (fixed.d50, fixed.d90, fixed.d99) == tuple(window.value for window in summary.windows)
    assert fixed.gamma_null == 0.0 and fixed.r2 == summary.r2 and fixed.sink_mass == summary.sink_mass.value
    assert fixed.control_gamma == pytest.approx(0.0, abs=0.03)
    assert fixed.control_low is not None and fixed.control_low <= fixed.control_gamma
    assert (fixed.length, fixed.prompts, fixed.sink_tokens, fixed.d_min, fixed.d_max) == (1024, 8, 4, 10, summary.d_max)
    assert (fixed.repo_id, fixed.revision, fixed.weights) == ("org/m", "f" * 40, "abc")
    assert (fixed.ropescope_version, fixed.torch_version, fixed.transformers_version) == ("9", "8", "7")
    assert [layer.gamma for layer in fixed.layers] == [layer.gamma.value for layer in summary.layers]
    assert [point.distance for point in fixed.curve] == list(summary.curve.distance)
    # The made-up legacy cells are those of uniform attention, so the reading is its own null.
    assert legacy.protocol == "legacy" and legacy.profile_sha256 == fixed.profile_sha256
    null = uniform_null_exponent((30, 50, 100, 200, 500), 50)
    assert legacy.gamma == pytest.approx(null.gamma, abs=1e-6) and legacy.gamma_null == null.gamma
    assert legacy.control_gamma == pytest.approx(null.gamma, abs=1e-6)
    assert legacy.d90 is None and legacy.sink_mass is None and legacy.d_max == 500


def test_a_short_profile_has_no_legacy_row(tmp_path: Path) -> None:
    assert [row.protocol for row in rows_of(save_profile(tmp_path / "p.parquet", length=128))] == ["fixed"]


def test_one_prompt_gives_no_interval(tmp_path: Path) -> None:
    row = rows_of(save_profile(tmp_path / "p.parquet", n_prompts=1))[0]
    assert row.gamma is not None and row.gamma_low is None and row.gamma_se is None


def test_a_control_is_refused_by_itself(tmp_path: Path) -> None:
    save_profile(tmp_path / "p.parquet", control=0.0)
    with pytest.raises(FormatError, match="it is a control"):
        rows_of(tmp_path / "p.control.parquet")


def test_the_hash_names_the_measurement_and_not_the_run(tmp_path: Path) -> None:
    def hash_of(profile: DecayProfile, **provenance: object) -> str:
        return content_hash(dataclasses.replace(profile, provenance={**profile.provenance, **provenance}))

    profile = made_profile()
    same = content_hash(profile)
    assert hash_of(profile, seconds=99.0, machine="another") == same
    path = tmp_path / "p.parquet"
    profile.save(path)
    again = DecayProfile.load(path)
    assert content_hash(again) == same
    # With the identity that a measurement keeps, only what is named there counts: not what the model was called.
    identity = {"identity": ["corpus", "seed"], "seed": 0}
    assert hash_of(profile, **identity, model="a") == hash_of(profile, **identity, model="b")
    assert hash_of(profile, **{**identity, "seed": 1}) != hash_of(profile, **identity)
    assert hash_of(profile, corpus="text") != same
    again.mass[2, 1, 0, 7] = np.nextafter(again.mass[2, 1, 0, 7], np.float32(1))
    assert content_hash(again) != same


def test_a_row_travels_as_a_dict() -> None:
    row = made_row()
    assert AtlasRow.from_dict(dataclasses.asdict(row)) == row


def test_every_column_says_what_it_is() -> None:
    assert all(len(item.metadata["about"]) > 5 for item in dataclasses.fields(AtlasRow))
