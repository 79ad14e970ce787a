"""What the atlas says: the ranking first, groups apart, and nothing that its rows do not hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_rows import made_row, save_profile

from ropescope.errors import FormatError
from ropescope.evidence.atlas.adding import add_profiles, remove_profile
from ropescope.evidence.atlas.report import ranking_report
from ropescope.evidence.atlas.show import model_report, select
from ropescope.evidence.atlas.store import read_atlas
from ropescope.report.figure import png, vega_lite
from ropescope.report.json import to_json
from ropescope.report.terminal import to_text

STORE = Path("atlas.parquet")


def test_the_ranking_is_the_first_sentence() -> None:
    rows = [made_row("org/near", 1.1), made_row("org/far", 0.5), made_row("org/middle", 0.8)]
    report = ranking_report(rows, STORE)
    assert "the attention of org/far falls slowest (γ = 0.500, 95 % 0.450 to 0.550)" in report.verdict
    assert "org/near fastest (1.100" in report.verdict
    assert [row[:2] for row in report.tables[0].rows] == [("1", "org/far"), ("2", "org/middle"), ("3", "org/near")]
    assert report.title.endswith("3 profiles of 3 models in 1 group") and report.caveats == ()


def test_models_that_cannot_be_told_apart_are_said_so() -> None:
    report = ranking_report([made_row("org/a", 0.80), made_row("org/b", 0.82)], STORE)
    assert report.verdict.startswith(
        "The 2 measured at 1,024 tokens on the language reference of Python cannot be told"
    )
    # The ends are apart, but each of the four has a neighbour that it may change places with.
    rows = [made_row(f"org/{gamma}", gamma) for gamma in (0.50, 0.52, 0.80, 0.82)]
    report = ranking_report(rows, STORE)
    assert "org/0.5 falls slowest" in report.verdict
    assert report.verdict.endswith("the data put none of them in a place of its own.")


def test_lengths_and_protocols_are_ranked_apart_and_it_says_so() -> None:
    rows = [
        made_row("org/a", 0.9),
        made_row("org/b", 0.2, length=4096),
        made_row("org/a", 1.1, protocol="legacy", gamma_null=0.7826, d50=None, d90=None, d99=None, sink_mass=None),
    ]
    report = ranking_report(rows, STORE)
    assert [len(table.rows) for table in report.tables] == [1, 1, 1]
    assert [table.title.split(":")[0] for table in report.tables] == [
        "Fixed length 1,024, text", "Fixed length 4,096, text", "Published protocol, length 1,024, text",
    ]  # fmt: skip
    assert any("Only rows of the same protocol, length and corpus" in text for text in report.caveats)
    assert any("compare with it, not with 0" in text for text in report.caveats)
    assert "slowest" not in report.verdict
    nulls = [figure["ranking"][0]["gamma_null"] for figure in report.data["groups"]]
    assert nulls == [0.0, 0.0, 0.7826]


def test_what_a_reader_should_know_is_said() -> None:
    rows = [
        made_row("org/a", partial=True),
        made_row("org/b", 0.9, d_max=100, beyond_trained=True),
        made_row("org/c", 1.0, None, prompts=1),
    ]
    said = " ".join(ranking_report(rows, STORE).caveats)
    for words in (
        "Interrupted measurements are in it (org/a)",
        "different distances",
        "trained context: org/b",
        "One prompt",
    ):
        assert words in said


def test_number_types_side_by_side_are_named() -> None:
    rows = [
        made_row("org/a", 0.9, dtype="float32"),
        made_row("org/b", 0.8, dtype="bfloat16"),
        made_row("org/c", 0.7, dtype=None),
    ]
    (said,) = ranking_report(rows, STORE).caveats
    assert "(bfloat16: org/b; float32: org/a), so small differences may be rounding" in said
    assert ranking_report(rows[1:], STORE).caveats == ()  # an old profile without a type is not said to differ


def test_an_empty_atlas_says_how_to_begin() -> None:
    report = ranking_report([], STORE)
    assert report.verdict == "The atlas is empty." and report.next_steps[1].question == "atlas add"


def test_one_model_alone_and_no_exponent_at_all() -> None:
    assert "there is no other" in ranking_report([made_row()], STORE).verdict
    report = ranking_report([made_row(gamma=None, half=None)], STORE)
    assert report.verdict.startswith("No exponent could be fitted") and report.figures == ()


def test_json_and_text_of_every_kind_of_row() -> None:
    rows = [made_row("org/a"), made_row("org/a", 0.81), made_row("\x1b[31mred|<b>", None), made_row("org/c", 0.7, None)]
    report = ranking_report(rows, STORE)
    data = json.loads(to_json(report))
    assert [row["rank"] for row in data["groups"][0]["ranking"]] == ["–", "1–2", "1–2", "–"]
    assert "layers" not in data["groups"][0]["ranking"][0]
    assert "\x1b" not in to_text(report)


def test_the_figure_shows_rank_null_interval_and_control() -> None:
    rows = [
        made_row("org/b", 0.9, control_gamma=0.01),
        made_row("org/a", 0.5),
        made_row("org/a", 0.7, seed=1),
        made_row("org/one", 0.6, None),
    ]
    (figure,) = ranking_report(rows, STORE).figures
    spec = vega_lite(figure)
    null, bars, controls, dots = (layer["data"]["values"] for layer in spec["layer"])
    assert [value["gamma"] for value in null] == [0.0]
    assert [value["model"] for value in dots] == ["org/a, seed 0", "org/one", "org/a, seed 1", "org/b"]
    assert [value["model"] for value in bars] == ["org/a, seed 0", "org/a, seed 1", "org/b"]
    assert [(value["model"], value["gamma"]) for value in controls] == [("org/b", 0.01)]
    assert spec["layer"][3]["encoding"]["y"]["sort"] == [value["model"] for value in dots]
    assert png(figure, scale=1).startswith(b"\x89PNG")
    legacy = made_row("org/a", 1.0, protocol="legacy", gamma_null=0.7826)
    spec = vega_lite(ranking_report([legacy], STORE).figures[0])
    assert spec["layer"][0]["data"]["values"][0]["gamma"] == 0.7826


def test_one_model_in_full() -> None:
    rows = [made_row("org/a", 0.8), made_row("org/a", 0.6, corpus="random"), made_row("org/b", 0.9)]
    report = model_report(rows, "ORG/A", STORE)
    assert report.verdict == "org/a: γ = 0.800 (1,024 tokens, text), 0.600 (1,024 tokens, random)."
    assert len(report.tables[0].rows) == 2 and len(report.tables) == 3
    curves = vega_lite(report.figures[0])["layer"][1]["data"]["values"]
    assert {value["line"] for value in curves} == {"1,024 tokens, text, seed 0", "1,024 tokens, random, seed 0"}
    assert png(report.figures[0], scale=1).startswith(b"\x89PNG")
    to_text(report)
    json.loads(to_json(report))


def test_models_are_found_by_name_id_and_hash() -> None:
    a, b = made_row("smollm2", repo_id="HuggingFaceTB/SmolLM2"), made_row("org/b", 0.9)
    assert select([a, b], "SMOLLM2") == select([a, b], "huggingfacetb/smollm2") == (a,)
    assert select([a, b], b.profile_sha256[:8]) == (b,)
    for nothing in ("org", "", b.profile_sha256[:3]):
        with pytest.raises(FormatError, match="it holds org/b, smollm2"):
            select([a, b], nothing)


def test_adding_files(tmp_path: Path) -> None:
    store = tmp_path / "atlas.parquet"
    first = save_profile(tmp_path / "a.parquet", 0.8, control=0.0, model="org/a")
    second = save_profile(tmp_path / "b.parquet", 0.6, model="org/b")
    report = add_profiles(sorted(tmp_path.glob("*.parquet")), store)
    assert report.verdict == "Added 2 profiles; the atlas now holds 2 profiles."
    assert [row[-1] for row in report.tables[0].rows] == [
        "added",
        "added",
        "left out: a control, read with its profile",
    ]
    rows = read_atlas(store)
    assert [(row.model, row.control_gamma is not None) for row in rows if row.protocol == "fixed"] == [
        ("org/a", True), ("org/b", False),
    ]  # fmt: skip
    copy = tmp_path / "copy-of-a.parquet"
    copy.write_bytes(first.read_bytes())
    assert add_profiles([copy, second], store).verdict == (
        "2 profiles were there already; the atlas now holds 2 profiles."
    )
    assert read_atlas(store) == rows


def test_a_bad_file_leaves_the_atlas_as_it_was(tmp_path: Path) -> None:
    store = tmp_path / "atlas.parquet"
    good = save_profile(tmp_path / "good.parquet", n_prompts=2)
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(b"PAR1")
    with pytest.raises(FormatError, match=r"bad.parquet is no measured profile.* Nothing was added"):
        add_profiles([good, bad], store)
    assert not store.exists()


def test_removing_takes_one_profile_by_its_hash(tmp_path: Path) -> None:
    store = tmp_path / "atlas.parquet"
    add_profiles([save_profile(tmp_path / "a.parquet", 0.8, model="org/a", n_prompts=2)], store)
    rows = read_atlas(store)
    assert len(rows) == 2  # both readings of the one profile
    for vague in ("org/a", "", rows[0].profile_sha256[:5], "zzzzzzzz"):
        with pytest.raises(FormatError, match="No profile has a hash"):
            remove_profile(rows, vague, store)
    assert "Removed org/a (1,024 tokens, random" in remove_profile(rows, rows[0].profile_sha256[:8].upper(), store)
    assert read_atlas(store) == ()
