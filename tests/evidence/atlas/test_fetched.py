"""A published dataset comes back as the rows that it was made of, with their origin; one that was changed by hand does not."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from fake_hub import Repo
from made_rows import made_row

from ropescope.errors import FormatError, SourceError
from ropescope.evidence.atlas.adding import add_profiles
from ropescope.evidence.atlas.dataset import dataset_of
from ropescope.evidence.atlas.exporting import export_atlas
from ropescope.evidence.atlas.fetched import dataset_rows
from ropescope.evidence.atlas.publishing import Wishes, publish_atlas
from ropescope.evidence.atlas.row import AtlasHead, AtlasLayer, AtlasPoint, AtlasRow
from ropescope.evidence.atlas.store import add_rows, read_atlas
from ropescope.questions.question import Run

ROWS = (made_row("org/a", 0.8, control_gamma=0.0, control_low=-0.1, control_high=0.1), made_row("组织/é", 0.6))


def test_what_was_published_is_added_with_its_origin_and_once(own_hub: Any, tmp_path: Path) -> None:
    publish_atlas(ROWS, "lab/atlas", Wishes(licence="mit"), Run())
    store = tmp_path / "mine.parquet"
    add_rows(store, ROWS[:1])
    report = add_profiles(["lab/atlas"], store)
    assert report.verdict == "Added 1 profile, 1 profile was there already; the atlas now holds 2 profiles."
    rows = {row.model: row for row in read_atlas(store)}
    commit = own_hub.repos["datasets/lab/atlas"].revisions["main"]
    assert rows["org/a"] == ROWS[0]  # what was measured here stays its own
    assert rows["组织/é"] == dataclasses.replace(ROWS[1], origin=f"hf://datasets/lab/atlas@{commit}")
    for spelled in ("hf://datasets/lab/atlas", f"lab/atlas@{commit}"):
        assert add_profiles([spelled], store).verdict.startswith("2 profiles were there already")
    # And what another adds to it does not take those away.
    own_hub.requests.clear()
    publish_atlas([*read_atlas(store), made_row("org/new", 0.5)], "lab/atlas", Wishes(), Run())
    assert sum("/commit/" in line for line in own_hub.requests) == 1


def test_an_exported_folder_is_read_like_the_dataset(tmp_path: Path) -> None:
    export_atlas(ROWS, tmp_path / "out")
    assert add_profiles([str(tmp_path / "out")], tmp_path / "a.parquet").verdict.startswith("Added 2 profiles")


def published(rows: tuple[AtlasRow, ...] = ROWS, **changed: bytes) -> dict[str, bytes]:
    return {**dataset_of(rows, "mit").files, **changed}


def read(files: dict[str, bytes]) -> tuple[AtlasRow, ...]:
    return dataset_rows(files.__getitem__, "lab/atlas", "here")


def changed_table(files: dict[str, bytes], change: Any) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(
        change(pyarrow.parquet.read_table(io.BytesIO(files["data/measurements.parquet"]))), buffer
    )
    return buffer.getvalue()


def test_a_file_that_the_card_does_not_name_is_refused() -> None:
    files = published()
    files["data/measurements.parquet"] = changed_table(files, lambda table: table.slice(0, 1))
    with pytest.raises(
        FormatError, match=r"data/measurements\.parquet is not the file that the card names \(SHA-256\)"
    ):
        read(files)
    with pytest.raises(FormatError, match=r"schema 'ropescope\.atlas-dataset/9'; this version reads"):
        read(published(**{"README.md": files["README.md"].replace(b"atlas-dataset/1", b"atlas-dataset/9")}))
    with pytest.raises(FormatError, match="its card has no tag of one"):
        read(published(**{"README.md": b"# Mine"}))


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (made_row(heads=(AtlasHead(0, 0, "full", *(float("nan"),) * 9),)), "gamma"),
        (made_row(gamma=80.0, half=None), "gamma"),
        (made_row(gamma_low=0.9, gamma_high=0.7), "gamma_low"),
        (made_row(sink_mass=1.5), "sink_mass"),
        (made_row(prompts=-1), "prompts"),
        (made_row(protocol="mine"), "protocol"),
        (made_row(basis="assumed"), "basis"),
        (made_row(profile_sha256="abc"), "profile_sha256"),
        (made_row(gamma_null=0.5), "gamma_null"),
        (made_row(protocol="legacy", gamma_null=0.2, d_min=30, d_max=2000, curve=()), "gamma_null"),
        (made_row(d90=10.0), "d50"),
        (made_row(layers=(AtlasLayer(None, "full", *(None,) * 9),)), "layer"),
        (made_row(protocol="legacy", curve=(AtlasPoint(None, 0.1, None, None),)), "distance"),
        (made_row(protocol="legacy", d_min=1, curve=(AtlasPoint(50.0, 0.1, None, None),) * 2), "curve"),
    ],
)
def test_values_that_cannot_be_are_named_and_nothing_is_added(row: AtlasRow, column: str) -> None:
    with pytest.raises(FormatError, match=f"`{column}` of 'org/model' is .* nothing of the dataset was added"):
        read(published((made_row("org/good", 0.5), row)))


def test_columns_of_other_types_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    files = published()
    before = hashlib.sha256(files["data/measurements.parquet"]).hexdigest().encode()
    files["data/measurements.parquet"] = changed_table(files, lambda table: table.drop_columns(["seed"]))
    after = hashlib.sha256(files["data/measurements.parquet"]).hexdigest().encode()
    files["README.md"] = files["README.md"].replace(before, after)
    with pytest.raises(FormatError, match="other columns or types"):
        read(files)


def test_datasets_that_are_none_of_an_atlas(own_hub: Any, tmp_path: Path) -> None:
    store = tmp_path / "a.parquet"
    with pytest.raises(SourceError, match="no file here, and the Hub shows no dataset or model of this name"):
        add_profiles(["lab/none"], store)
    with pytest.raises(SourceError, match=r"hf://models/lab/none names no dataset: write hf://datasets/ORG/NAME"):
        add_profiles(["hf://models/lab/none"], store)
    own_hub.repos["datasets/lab/cats"] = Repo(
        {"README.md": b"---\ntags: [cats\n---\n# Cats", "data/cats.csv": b"name\ntom\n"}
    )
    with pytest.raises(FormatError, match="in a layout that is not read here"):
        add_profiles(["lab/cats"], store)
    record = b'{"model": "org/m", "gamma": 0.97, "R2": 0.99, "theta_nom": 500000, "N": 2000, "corpus": "random"}\n'
    own_hub.repos["datasets/taf/decay"] = Repo({"README.md": b"# Decay", "data/train.jsonl": record})
    add_profiles(["taf/decay"], store)
    (row,) = read_atlas(store)
    commit = own_hub.repos["datasets/taf/decay"].revisions["main"]
    assert (row.basis, row.origin) == ("published", f"hf://datasets/taf/decay@{commit}/data/train.jsonl")
