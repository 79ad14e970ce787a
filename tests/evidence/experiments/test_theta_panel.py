"""The panel: models and kept profiles, what makes them comparable, and the correlation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_profiles import made_profile

from ropescope.errors import MeasurementError, SourceError
from ropescope.evidence.atlas.adding import add_profiles
from ropescope.evidence.atlas.store import default_store
from ropescope.evidence.experiments.experiment import Setting
from ropescope.evidence.experiments.running import Result, run_experiment
from ropescope.measure.instrument import Request
from ropescope.measure.instrument import run as run_measurement
from ropescope.measure.protocol import FixedLength
from ropescope.measure.session import Plan
from ropescope.theory.decay import gamma_pade

SETTING = Setting(prompts=4, length=256, corpus="random", dtype="float32")
THETAS = (500.0, 2_000.0, 10_000.0, 500_000.0)


def kept(folder: Path, name: str, theta: float, gamma: float, **changes: object) -> str:
    """A profile on disk with a made decay and a base."""
    profile = made_profile(gamma, noise=0.01)
    provenance = {**profile.provenance, "model": name, "rope_thetas": [theta], **changes}
    path = folder / f"{name}.parquet"
    replace(profile, provenance=provenance).save(path)
    return str(path)


def panel(sources: list[str]) -> Result:
    return run_experiment("theta-panel", sources, SETTING)


def test_models_of_other_bases_and_kept_profiles_stand_in_one_panel(
    make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folders = [make_folder(f"theta-{theta:g}", theta=theta, std=0.1, seed=k) for k, theta in enumerate(THETAS)]
    plan = Plan(FixedLength(length=256, rows=64), prompts=4)
    outcome = run_measurement(Request(folders[0], plan=plan, corpus="random", dtype="float32"))
    outcome.save(tmp_path / "first.parquet")
    by_model = panel([str(folder) for folder in folders])
    by_profile = panel([str(tmp_path / "first.parquet"), *(str(folder) for folder in folders[1:])])
    members = by_model.observed.data["models"]
    assert [member["theta"] for member in members] == list(THETAS)
    assert [member["gamma_pade"] for member in members] == [gamma_pade(theta, 256.0) for theta in THETAS]
    assert by_profile.observed.data["models"] == members  # a kept profile is as good as its model
    gammas = [member["gamma"]["value"] for member in members]
    expected = np.corrcoef(gammas, [gamma_pade(theta, 256.0) for theta in THETAS])[0, 1]
    assert by_model.observed.data["correlation"]["value"] == pytest.approx(expected)


def test_the_theory_stands_where_models_follow_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    thetas = np.geomspace(2e3, 1e5, 12)
    follow = [kept(tmp_path, f"f{k}", t, gamma_pade(float(t), 1024.0)) for k, t in enumerate(thetas)]
    assert panel(follow).decision == "theory"
    apart = [
        kept(tmp_path, f"a{k}", t, g) for k, (t, g) in enumerate(zip(thetas, rng.uniform(0.5, 1, 12), strict=True))
    ]
    assert panel(apart).decision != "theory"
    four = panel(follow[:4])
    assert not any("number types" in caveat for caveat in four.observed.caveats)
    others = [kept(tmp_path, dtype, theta, 0.8, dtype=dtype) for dtype, theta in (("float32", 5e4), ("bfloat16", 6e4))]
    said = " ".join(panel([*follow[:4], *others]).observed.caveats)
    assert "(bfloat16: bfloat16; float32: float32)" in said
    assert any("20 models were called for" in caveat for caveat in four.observed.caveats)


def test_the_interval_is_fishers(tmp_path: Path) -> None:
    """Seven models and a correlation r: tanh(artanh r ± 1.96/2)."""
    thetas = np.geomspace(2e3, 1e5, 7)
    gammas = [0.5, 0.9, 0.6, 0.8, 0.7, 1.0, 0.75]
    sources = [kept(tmp_path, f"m{k}", t, g) for k, (t, g) in enumerate(zip(thetas, gammas, strict=True))]
    correlation = panel(sources).observed.data["correlation"]
    z = np.arctanh(correlation["value"])
    assert correlation["ci"] == pytest.approx([np.tanh(z - 0.98), np.tanh(z + 0.98)], abs=1e-4)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"rope_thetas": []}, "has the RoPE bases none"),
        ({"rope_thetas": [1e4, 1e6]}, r"bases 10000, 1e\+06"),
        ({"random_init": True}, "profile of random weights"),
        ({"corpus": "text"}, "share one corpus; these have random, text"),
    ],
)
def test_members_that_do_not_compare_are_refused(change: dict[str, object], sentence: str, tmp_path: Path) -> None:
    sources = [kept(tmp_path, f"m{k}", 10.0 ** (3 + k), 0.5 + 0.1 * k) for k in range(3)]
    odd = kept(tmp_path, "odd", 3e4, 0.8, **change)
    with pytest.raises(MeasurementError, match=sentence):
        panel([*sources, odd])


def test_one_length_and_more_than_one_base(tmp_path: Path) -> None:
    sources = [kept(tmp_path, f"m{k}", 1e4, 0.5 + 0.1 * k) for k in range(4)]
    with pytest.raises(MeasurementError, match="All 4 models have θ = 10000"):
        panel(sources)
    longer = replace(made_profile(0.8, length=2048), provenance=made_profile().provenance)
    longer.save(tmp_path / "longer.parquet")
    with pytest.raises(MeasurementError, match="share one length; these have 1024, 2048"):
        panel([*sources, str(tmp_path / "longer.parquet")])


def test_predictors_are_scored_on_models_that_they_did_not_see(tmp_path: Path) -> None:
    """γ on a line in ln θ: the line misses nothing, the constant what leaving one out by hand says."""
    thetas = np.geomspace(2e3, 1e6, 6)
    gammas = 0.9 - 0.03 * np.log(thetas)
    noiseless = [kept(tmp_path, f"m{k}", t, g) for k, (t, g) in enumerate(zip(thetas, gammas, strict=True))]
    data = panel(noiseless).observed.data
    found = np.array([one["gamma"]["value"] for one in data["models"]])
    by_hand = [found[k] - np.delete(found, k).mean() for k in range(6)]
    lines = [np.polyfit(np.delete(np.log(thetas), k), np.delete(found, k), 1) for k in range(6)]
    missed = [found[k] - np.polyval(line, np.log(thetas[k])) for k, line in enumerate(lines)]
    errors = {name: one["mean_error"]["value"] for name, one in data["predictors"].items()}
    assert errors["a constant"] == pytest.approx(np.abs(by_hand).mean())
    assert errors["a + b·ln θ"] == pytest.approx(np.abs(missed).mean())
    assert errors["γ_Padé"] == pytest.approx(
        np.mean([abs(g - gamma_pade(t, 1024.0)) for g, t in zip(found, thetas, strict=True)])
    )
    better = data["predictors"]["a + b·ln θ"]["less_constant"]
    assert better["ci"][1] < 0 and data["predictors"]["a constant"]["less_constant"] is None


def test_a_folder_and_an_atlas_stand_for_their_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "runs"
    folder.mkdir()
    paths = [kept(folder, f"m{k}", 10.0 ** (3 + k), 0.5 + 0.1 * k) for k in range(4)]
    longer = replace(made_profile(0.8, length=2048), provenance=made_profile().provenance)
    longer.save(tmp_path / "longer.parquet")
    add_profiles([*map(Path, paths), tmp_path / "longer.parquet"], default_store())
    setting = replace(SETTING, length=1024)

    def seen(source: str) -> object:
        return run_experiment("theta-panel", [source], setting).observed.data["predictors"]

    assert seen(str(folder)) == seen("atlas") == seen(str(default_store())) == panel(paths).observed.data["predictors"]
    with pytest.raises(
        SourceError, match=r"no profile of 512 tokens of random .*: it has 1,024 tokens of random, 2,048"
    ):
        run_experiment("theta-panel", ["atlas"], replace(SETTING, length=512))
    # The only corpus of an atlas needs no choosing: its profiles are of random tokens, and text was asked.
    assert run_experiment("theta-panel", ["atlas"], replace(setting, corpus="text")).observed.data["corpus"] == "random"
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="holds no profile"):
        run_experiment("theta-panel", [str(tmp_path / "empty")], setting)


def test_of_several_bases_the_one_of_the_fitted_layers_counts(tmp_path: Path) -> None:
    """Layers 0 and 2 reach farthest, and have one base; layer 1 sees a window, and has another."""
    bases = {"0": 1e6, "1": 1e4, "2": 1e6}
    profile = made_profile(0.8, windows=(None, 128, None), noise=0.01)
    mixed = tmp_path / "mixed.parquet"
    more = {"model": "mixed", "rope_thetas": [1e6, 1e4], "layer_rope_thetas": bases}
    replace(profile, provenance={**profile.provenance, **more}).save(mixed)
    others = [kept(tmp_path, f"m{k}", 10.0 ** (3 + k), 0.5 + 0.1 * k) for k in range(3)]
    models = panel([*others, str(mixed)]).observed.data["models"]
    assert models[-1]["theta"] == 1e6
