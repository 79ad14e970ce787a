"""What was exported is read by the libraries that users have: `datasets` and DuckDB, with no argument but the config."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from lazily import lazily
from made_rows import made_row

from ropescope.evidence.atlas.dataset import CONFIGS, data_path, dataset_of
from ropescope.evidence.atlas.exporting import export_atlas
from ropescope.evidence.atlas.row import AtlasHead, AtlasLayer, AtlasPoint, AtlasRow

duckdb = lazily("duckdb")
datasets = lazily("datasets", reason="the library that users load the dataset with")

CONFIG_NAMES = ("measurements", *CONFIGS)
FULL = made_row("org/a", 0.8, control_gamma=0.1, control_low=0.0, control_high=0.2)
BARE = made_row(
    "组织/模型-é",
    None,
    None,
    r2=None,
    d_max=None,
    revision=None,
    seed=None,
    weights=None,
    layers=(AtlasLayer(0, "full", *(None,) * 9),),
    heads=(AtlasHead(0, 0, "full", *(None,) * 9),),
    curve=(AtlasPoint(1.0, 0.5, None, None),),
)
PUBLISHED = made_row("org/b", basis="published", layers=(), heads=(), curve=())


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`load_dataset` of rows that are exported first: (rows, config) → the split."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    datasets.disable_progress_bars()
    folders: dict[int, Path] = {}

    def load(rows: tuple[AtlasRow, ...], config: str) -> Any:
        folder = folders.setdefault(id(rows), tmp_path / f"atlas-{len(folders)}")
        if not folder.exists():
            export_atlas(rows, folder, licence="cc-by-4.0")
        return datasets.load_dataset(str(folder), config, split="train", cache_dir=str(tmp_path / "cache"))

    yield load
    datasets.enable_progress_bars()


def test_columns_that_are_all_null_keep_their_types_and_names_their_letters(loaded: Any) -> None:
    rows = (BARE,)
    read = loaded(rows, "measurements")
    assert read.features["gamma"].dtype == "float64" and read.features["d_max"].dtype == "int64"
    assert read.features["revision"].dtype == "string" and read.features["partial"].dtype == "bool"
    assert read[0]["model"] == "组织/模型-é" and read[0]["gamma"] is None and read[0]["control_low"] is None
    heads = loaded(rows, "heads")
    assert heads[0]["entropy_nats"] is None and heads.features["entropy_nats"].dtype == "float64"


@pytest.mark.parametrize("config", CONFIG_NAMES)
def test_datasets_of_different_atlases_can_be_concatenated(loaded: Any, config: str) -> None:
    full, bare = (FULL, made_row("local", 0.7)), (BARE,)
    one, other = loaded(full, config), loaded(bare, config)
    assert one.features == other.features
    assert datasets.concatenate_datasets([one, other]).num_rows == one.num_rows + other.num_rows


def test_a_row_a_head_says_what_the_head_said(loaded: Any) -> None:
    read = loaded((FULL, PUBLISHED), "heads")
    assert [(one["model"], one["layer"], one["head"], one["gamma"]) for one in read] == [
        ("org/a", 0, 0, 0.7),
        ("org/a", 0, 1, 0.7 + 1 / 10),
    ]
    assert read[0]["profile_sha256"] == FULL.profile_sha256 and read[0]["entropy_nats"] == 3.5


def test_a_table_without_rows_is_no_config_and_still_a_file(loaded: Any, tmp_path: Path) -> None:
    rows = (PUBLISHED,)
    assert loaded(rows, "measurements")[0]["basis"] == "published"
    with pytest.raises(ValueError, match="BuilderConfig 'heads' not found"):
        loaded(rows, "heads")
    export_atlas(rows, tmp_path / "again")
    types = duckdb.sql(f"describe select gamma, head from '{tmp_path}/again/data/heads.parquet'").fetchall()
    assert [kind for _, kind, *_ in types] == ["DOUBLE", "BIGINT"]


def test_duckdb_joins_heads_to_their_model_and_types_what_is_null(tmp_path: Path) -> None:
    export_atlas((BARE,), tmp_path / "bare")
    types = duckdb.sql(
        f"describe select gamma, d_max, repo_id from '{tmp_path}/bare/data/measurements.parquet'"
    ).fetchall()
    assert [kind for _, kind, *_ in types] == ["DOUBLE", "BIGINT", "VARCHAR"]
    export_atlas((FULL, PUBLISHED), tmp_path / "both")
    data = tmp_path / "both" / "data"
    found = duckdb.sql(
        f"select m.model, count(h.head) from '{data}/measurements.parquet' m left join '{data}/heads.parquet' h "
        "using (profile_sha256, protocol) group by 1 order by 1"
    ).fetchall()
    assert found == [("org/a", 2), ("org/b", 0)]


def test_the_same_rows_give_the_same_bytes_in_any_order() -> None:
    rows = [FULL, BARE, dataclasses.replace(FULL, protocol="legacy", gamma_null=0.78)]
    one, other = dataset_of(rows, "mit"), dataset_of(rows[::-1], "mit")
    assert one.files == other.files


def test_two_exports_have_one_schema() -> None:
    for config in CONFIG_NAMES:
        schemas = {
            str(pyarrow.parquet.read_schema(pyarrow.BufferReader(dataset_of(rows, None).files[data_path(config)])))
            for rows in ((FULL,), (BARE,), (PUBLISHED,))
        }
        assert len(schemas) == 1
