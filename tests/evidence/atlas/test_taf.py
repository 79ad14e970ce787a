"""What another tool published becomes rows as it is, beside the null of its protocol; what does not fit is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_rows import made_row

from ropescope.errors import FormatError
from ropescope.evidence.atlas.adding import add_profiles
from ropescope.evidence.atlas.dataset import local_names
from ropescope.evidence.atlas.sources import sources_of
from ropescope.evidence.atlas.store import read_atlas
from ropescope.evidence.atlas.taf import taf_rows
from ropescope.evidence.extract import extracts

GPT_J = next(row for row in extracts()["panel"].shipped() if "gpt-j-6B_mongo" in row["file"])


def e4_file(**more: Any) -> dict[str, Any]:
    """The content of a published file, from the figures that come with the package."""
    cells = {
        str(int(distance)): {"mean_across_seeds": weight, "per_seed_means": [weight] * 3}
        for distance, weight in zip(GPT_J["distances"], GPT_J["attention"], strict=True)
    }
    fit = {"gamma": GPT_J["gamma_published"], "R2": GPT_J["r2_published"]}
    ends = {"lo": GPT_J["gamma_low_published"], "hi": GPT_J["gamma_high_published"]}
    return {
        "model": GPT_J["model"],
        "theta": 10000,
        "d_min_fit": 30,
        "n_prompts_per_distance": 150,
        "attn_by_distance": cells,
        "fit_power_law": fit,
        "gamma_CI_95": ends,
        **more,
    }


def test_a_published_file_is_read_beside_its_null() -> None:
    (row,) = taf_rows(e4_file(), "EleutherAI--gpt-j-6B_mongo.json", "a file")
    assert (row.basis, row.protocol, row.model, row.corpus) == ("published", "legacy", "EleutherAI/gpt-j-6B", "text")
    assert (row.length, row.d_min, row.d_max, row.prompts, row.rope_theta) == (1050, 30, 1000, 150, 10000.0)
    # The published figure, and what 1/(d + 50) reads at 30 to 1,000, recomputed in the audit of the data.
    assert row.gamma == pytest.approx(0.896797, abs=1e-6) and row.gamma_null == pytest.approx(0.741726, abs=1e-6)
    assert row.r2 == pytest.approx(0.98687, abs=1e-5) and len(row.curve) == 8 and row.layers == row.heads == ()
    assert local_names([row]) == ()  # a published id is nobody's secret


def test_what_the_command_line_of_the_tool_wrote(tmp_path: Path) -> None:
    cells = {str(int(d)): weight for d, weight in zip(GPT_J["distances"], GPT_J["attention"], strict=True)}
    result = {
        "model": "org/m",
        "N": 1000,
        "theta_nom": 10000,
        "fast_mode": True,
        "attn_by_distance": cells,
        "gamma": 0.0,
    }
    with pytest.raises(FormatError, match="the file was changed") as refused:
        taf_rows(result, "m.json", "")
    gamma = float(str(refused.value).split("give ")[1].split(":")[0])
    (row,) = taf_rows({**result, "gamma": gamma}, "m.json", "")
    assert (row.corpus, row.prompts, row.d_min) == ("random", 30, 10)
    # Its θ may be the tool's own default for a model that it does not know.
    assert row.rope_theta is None


def test_records_of_the_dataset_as_every_table_holds_them(tmp_path: Path) -> None:
    record = {"model": "org/m", "gamma": 0.97, "R2": 0.99, "theta_nom": 500000, "N": 2000, "corpus": "random"}
    (tmp_path / "a.json").write_text(json.dumps([record]))
    (tmp_path / "a.jsonl").write_text(json.dumps(record) + "\n")
    (tmp_path / "a.csv").write_text(f"{','.join(record)}\n{','.join(map(str, record.values()))}\n")
    rows = {name: sources_of(str(tmp_path / name))[0].rows[0] for name in ("a.json", "a.jsonl", "a.csv")}
    assert len({row.profile_sha256 for row in rows.values()}) == 1
    row = rows["a.csv"]
    assert (row.gamma, row.d_max, row.prompts) == (0.97, 2000, None)
    assert row.gamma_null == pytest.approx(0.783, abs=5e-4)
    report = add_profiles([tmp_path / name for name in rows], tmp_path / "atlas.parquet")
    assert report.verdict == "Added 1 profile; the atlas now holds 1 profile."
    assert any("uniform attention already reads γ = 0.783." in text for text in report.caveats)
    assert any("state no distances" in text for text in report.caveats)
    assert read_atlas(tmp_path / "atlas.parquet")[0].basis == "published"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            {"_taf_export": True, "_taf_type": "profile", "payload": {}},
            "is a TAF card .* predictions and no measurement",
        ),
        # The summary of the published repository: `T_attn` is 1/γ there, and no length.
        ([{"model": "a/b", "gamma_obs": 0.7051, "R2": 0.84, "T_attn": 1.4183}], "does not state its length `N`"),
        ([{"model": "a/b", "gamma": "high", "N": 2000}], "record 1: `gamma` is missing or no number"),
        ([{"model": "a/b", "gamma": 97, "N": 2000}], "no exponent of attention"),
        ([{"model": "a/b", "gamma": 0.97, "N": 40}], "fewer than 3 distances"),
        ([{"model": "a/b", "gamma": 0.97, "N": 1e30}], "no distances up to `N` = 1e"),
        ([{"model": "a/b", "gamma": 10**400, "N": 2000}], "`gamma` is missing or no number"),
        ({"model": "a", "gamma": 1, "attn_by_distance": {"30": 10**400}}, "is not as published"),
        ([{"name": "cat"}], "no measurement that is read here"),
        ("text", "no measurement that is read here"),
        (e4_file(fit_power_law={}), "has no exponent: its author did not fit"),
        (e4_file(fit_power_law={"gamma": 0.5}), r"states γ = 0\.5000, and its own distances give 0\.8968"),
        (e4_file(attn_by_distance={"10": {"mean_across_seeds": 3.0}}), "no attention weights"),
        (e4_file(model=None, attn_by_distance={"x": {}}), "is not as published"),
    ],
)
def test_what_is_no_measurement_is_refused_in_a_sentence(content: Any, sentence: str) -> None:
    with pytest.raises(FormatError, match=sentence):
        taf_rows(content, "x_mongo.json", "")


def test_a_clone_of_the_published_measurements_goes_in_whole(tmp_path: Path) -> None:
    folder = tmp_path / "clone" / "data" / "e4_gamma"
    folder.mkdir(parents=True)
    (folder / "EleutherAI--gpt-j-6B_mongo.json").write_text(json.dumps(e4_file()))
    (folder / "pade_validation.json").write_text("{}")
    good, bad = sources_of(str(tmp_path / "clone"))
    assert good.rows[0].origin == "e4_gamma/EleutherAI--gpt-j-6B_mongo.json"
    assert good.notes == ("e4_gamma/EleutherAI--gpt-j-6B_mongo.json is not as it was published.",)  # written anew here
    assert bad.state.startswith("left out: ") and not bad.rows
    with pytest.raises(FormatError, match="does not say its corpus"):
        taf_rows(e4_file(), "renamed.json", "")


def test_other_folders_and_names_get_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"no exported atlas, and holds neither ropescope\.parquet nor"):
        sources_of(str(tmp_path))
    with pytest.raises(FormatError, match="does not exist"):
        sources_of(str(tmp_path / "none.parquet"))
    assert made_row().basis == "measured"
