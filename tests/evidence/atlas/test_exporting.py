"""The exported folder is a dataset: its card parses, its files are where the card says, and they read everywhere."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from huggingface_hub import DatasetCard
from lazily import lazily
from made_rows import made_row

from ropescope.errors import ReportError
from ropescope.evidence.atlas.exporting import export_atlas
from ropescope.evidence.atlas.row import AtlasLayer, AtlasPoint, AtlasRow
from ropescope.evidence.atlas.table import NESTED

duckdb = lazily("duckdb")
pandas = lazily("pandas")
polars = lazily("polars")

ROWS = (made_row("org/a", 0.8), made_row("org/b", 0.6, None, prompts=1), made_row("local", 0.7, protocol="legacy"))


def card_of(folder: Path) -> DatasetCard:
    return DatasetCard((folder / "README.md").read_text(encoding="utf-8"))


def test_the_card_leads_to_every_file(tmp_path: Path) -> None:
    report = export_atlas(ROWS, tmp_path / "out", licence="CC-BY-4.0")
    data = card_of(tmp_path / "out").data
    assert data.license == "cc-by-4.0" and "ropescope-atlas" in data.tags and data.size_categories == ["n<1K"]
    names = {config["config_name"]: config for config in data.configs}
    assert set(names) == {"measurements", "layers", "heads", "curves"}
    assert [name for name, config in names.items() if config.get("default")] == ["measurements"]
    for config in names.values():
        ((split,),) = [config["data_files"]]
        assert split["split"] == "train" and (tmp_path / "out" / split["path"]).is_file()
    assert {path.name for path in (tmp_path / "out" / "data").iterdir()} == {f"{name}.parquet" for name in names}
    assert report.data["rows"] == {"measurements": 3, "layers": 3, "heads": 6, "curves": 6}


def test_the_tables_read_everywhere_and_join(tmp_path: Path) -> None:
    export_atlas(ROWS, tmp_path)
    path = tmp_path / "data" / "measurements.parquet"
    columns = [item.name for item in dataclasses.fields(AtlasRow) if item.name not in NESTED]
    table = pandas.read_parquet(path)
    assert list(table.columns) == columns and list(table["gamma"]) == [0.7, 0.8, 0.6]  # by name
    assert polars.read_parquet(path).schema["prompts"] == polars.Int64
    assert polars.read_parquet(path)["gamma_low"].null_count() == 1
    joined = duckdb.sql(
        f"select m.gamma, l.gamma, l.kind from '{path}' m join '{tmp_path}/data/layers.parquet' l "
        "using (profile_sha256, protocol) order by m.gamma"
    ).fetchall()
    assert joined == [(0.6, 0.7, "full"), (0.7, 0.7, "full"), (0.8, 0.7, "full")]
    curves = pandas.read_parquet(tmp_path / "data" / "curves.parquet")
    keys = ["profile_sha256", "model", "protocol"]
    assert list(curves.columns) == keys + [item.name for item in dataclasses.fields(AtlasPoint)]
    layers = pandas.read_parquet(tmp_path / "data" / "layers.parquet")
    assert list(layers.columns) == keys + [item.name for item in dataclasses.fields(AtlasLayer)]


def test_every_column_is_explained_in_the_card(tmp_path: Path) -> None:
    export_atlas(ROWS, tmp_path)
    text = card_of(tmp_path).text
    for path in (tmp_path / "data").iterdir():
        for name in pandas.read_parquet(path).columns:
            assert f"`{name}`" in text


def test_no_licence_unless_one_is_given(tmp_path: Path) -> None:
    report = export_atlas(ROWS, tmp_path)
    card = card_of(tmp_path)
    assert card.data.license is None and "license:" not in card.content.split("---")[1]
    assert "**No licence is stated.**" in card.text
    assert any("choose one with `license`" in text for text in report.caveats)
    export_atlas(ROWS, tmp_path, licence="apache-2.0")
    assert card_of(tmp_path).data.license == "apache-2.0" and "No licence" not in card_of(tmp_path).text


@pytest.mark.parametrize("licence", ["", "my own", "apache-2.0\ntags: [x]", "a" * 50])
def test_what_is_no_licence_is_refused(tmp_path: Path, licence: str) -> None:
    with pytest.raises(ReportError, match="no licence identifier"):
        export_atlas(ROWS, tmp_path / "out", licence=licence)
    assert not (tmp_path / "out").exists()


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    name = "---\nlicense: mit\n---\n# <script>alert(1)</script> | `x` {count}"
    export_atlas([made_row(name, corpus_about="a|b\n\n# heading")], tmp_path)
    card = card_of(tmp_path)
    assert card.data.license is None
    assert "<script>" not in card.text and "\n# heading" not in card.text
    assert pandas.read_parquet(tmp_path / "data" / "measurements.parquet")["model"][0] == name


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# My project\n")
    with pytest.raises(ReportError, match="holds other files"):
        export_atlas(ROWS, tmp_path)
    assert (tmp_path / "README.md").read_text() == "# My project\n"
    data = tmp_path / "more" / "data"
    data.mkdir(parents=True)
    with pytest.raises(ReportError, match="holds other files"):
        export_atlas(ROWS, tmp_path / "more")
    with pytest.raises(ReportError, match="is a file"):
        export_atlas(ROWS, tmp_path / "README.md")


def test_a_fresh_clone_and_an_earlier_export_are_written_to(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitattributes").write_text("*.parquet filter=lfs\n")
    export_atlas(ROWS, tmp_path)
    export_atlas(ROWS[:1], tmp_path)
    assert len(pandas.read_parquet(tmp_path / "data" / "measurements.parquet")) == 1
    assert (tmp_path / ".gitattributes").exists()
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ReportError, match=r"notes\.txt"):
        export_atlas(ROWS, tmp_path)


def test_an_empty_atlas_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="nothing to export"):
        export_atlas((), tmp_path / "out")


def test_what_may_be_private_is_pointed_out(tmp_path: Path) -> None:
    assert any("look before you publish" in text for text in export_atlas(ROWS, tmp_path / "a").caveats)
    public = export_atlas(ROWS[:1], tmp_path / "b", licence="mit")
    assert public.caveats == ()
