"""The store keeps what it is given, once, whatever happens around it."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from lazily import lazily
from made_profiles import made_profile
from made_rows import made_row

from ropescope.errors import FormatError, ReportError
from ropescope.evidence.atlas import store as atlas_store
from ropescope.evidence.atlas.row import AtlasRow
from ropescope.evidence.atlas.store import add_rows, default_store, read_atlas, remove_profiles

pandas = lazily("pandas")


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    store = tmp_path / "new" / "folder" / "atlas.parquet"
    rows = [
        made_row("org/a"),
        made_row("org/b", None, None, r2=None, seed=None, layers=(), curve=()),
        made_row("org/a", protocol="legacy", sink_tokens=None, d50=None, gamma_null=0.7826),
    ]
    assert read_atlas(store) == ()
    change = add_rows(store, rows)
    assert read_atlas(store) == tuple(rows) == change.rows
    assert change.added == {row.profile_sha256 for row in rows} and not change.known
    table = pandas.read_parquet(store)
    assert list(table["model"]) == ["org/a", "org/b", "org/a"] and table["seed"].isna().sum() == 1


def test_twice_is_once(tmp_path: Path) -> None:
    store = tmp_path / "atlas.parquet"
    row = made_row()
    add_rows(store, [row])
    written = store.stat().st_mtime_ns
    later = dataclasses.replace(row, added="2027-01-01T00:00:00+00:00")
    change = add_rows(store, [later, later])
    assert change.rows == (row,) and change.known == {row.profile_sha256} and not change.added
    assert store.stat().st_mtime_ns == written  # nothing to change, so nothing is written


def test_a_control_that_comes_later_completes_the_row(tmp_path: Path) -> None:
    store = tmp_path / "atlas.parquet"
    row = made_row()
    add_rows(store, [row])
    whole = dataclasses.replace(row, control_gamma=0.01, control_low=0.0, control_high=0.02, added="later")
    change = add_rows(store, [whole])
    assert change.completed == {row.profile_sha256} and not change.added and not change.known
    (kept,) = read_atlas(store)
    assert kept.control_gamma == 0.01 and kept.added == row.added
    assert add_rows(store, [row]).rows == (kept,)  # and is not lost by adding without it again


def test_removal(tmp_path: Path) -> None:
    store = tmp_path / "atlas.parquet"
    a, b = made_row("org/a"), made_row("org/b")
    add_rows(store, [a, b])
    assert remove_profiles(store, frozenset({a.profile_sha256})) == (b,) == read_atlas(store)
    assert remove_profiles(store, frozenset({b.profile_sha256})) == () == read_atlas(store)


@pytest.mark.parametrize("content", [b"", b"PAR1 nonsense", b"{}", b"PAR1" + bytes(400) + b"PAR1"])
def test_damage_is_one_sentence_and_is_left_alone(tmp_path: Path, content: bytes) -> None:
    store = tmp_path / "atlas.parquet"
    store.write_bytes(content)
    for attempt in (lambda: read_atlas(store), lambda: add_rows(store, [made_row()])):
        with pytest.raises(FormatError, match="cannot be read as an atlas") as caught:
            attempt()
        assert "\n" not in str(caught.value)
    assert store.read_bytes() == content


def test_a_store_cut_short_is_refused(tmp_path: Path) -> None:
    store = tmp_path / "atlas.parquet"
    add_rows(store, [made_row()])
    whole = store.read_bytes()
    for length in (10, len(whole) // 2, len(whole) - 1):
        store.write_bytes(whole[:length])
        with pytest.raises(FormatError):
            read_atlas(store)


def test_foreign_files_are_named_for_what_they_are(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    other = tmp_path / "other.parquet"
    pandas.DataFrame({"a": [1]}).to_parquet(other)
    with pytest.raises(FormatError, match=r"was not written by `atlas`"):
        read_atlas(other)
    profile = tmp_path / "profile.parquet"
    made_profile(n_prompts=1).save(profile)
    with pytest.raises(FormatError, match=r"is a profile, not an atlas: .atlas add. adds it"):
        add_rows(profile, [made_row()])
    for metadata, sentence in ((b"ropescope.atlas/99", "atlas/99"), (b"ropescope.atlas/1", "a column is missing")):
        parquet.write_table(pyarrow.table({"a": [1]}).replace_schema_metadata({b"ropescope": metadata}), other)
        with pytest.raises(FormatError, match=sentence):
            read_atlas(other)
    with pytest.raises(FormatError, match="is a folder"):
        add_rows(tmp_path, [made_row()])


def test_a_full_disk_leaves_the_old_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "atlas.parquet"
    add_rows(store, [made_row("org/a")])
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))
        with pytest.raises(ReportError, match="No space left on device"):
            add_rows(store, [made_row("org/b")])
    assert [row.model for row in read_atlas(store)] == ["org/a"]
    assert {path.name for path in tmp_path.iterdir()} <= {"atlas.parquet", ".atlas.parquet.lock"}
    add_rows(store, [made_row("org/b")])  # and the lock was let go
    assert len(read_atlas(store)) == 2


def test_several_processes_add_at_once(tmp_path: Path) -> None:
    store, n_processes, n_rows = tmp_path / "atlas.parquet", 3, 6
    script = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "from ropescope.evidence.atlas.row import AtlasRow\n"
        "from ropescope.evidence.atlas.store import add_rows\n"
        "rows = [AtlasRow.from_dict(row) for row in json.load(sys.stdin)]\n"
        "for row in rows: add_rows(Path(sys.argv[1]), [row])\n"
    )
    processes = []
    for i in range(n_processes):
        rows = [dataclasses.asdict(made_row(f"org/m{i}-{j}")) for j in range(n_rows)]
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(store)], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        processes.append((process, json.dumps(rows)))
    for process, text in processes:
        assert process.stdin is not None
        process.stdin.write(text)
        process.stdin.close()
    assert [(process.wait(timeout=600), process.stderr.read()) for process, _ in processes] == [(0, "")] * n_processes
    expected = {f"org/m{i}-{j}" for i in range(n_processes) for j in range(n_rows)}
    assert {row.model for row in read_atlas(store)} == expected


def test_a_lock_that_nobody_lets_go_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atlas_store, "LOCK_SECONDS", 0.05)
    store = tmp_path / "atlas.parquet"
    with FileLock(tmp_path / ".atlas.parquet.lock"), pytest.raises(ReportError, match="Another process has held"):
        add_rows(store, [made_row()])
    link = tmp_path / "link.parquet"
    add_rows(store, [made_row()])
    link.symlink_to(store)
    with FileLock(tmp_path / ".atlas.parquet.lock"), pytest.raises(ReportError, match="Another process has held"):
        add_rows(link, [made_row("org/b")])  # another name of the same file waits for the same lock


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="cannot be kept"):
        add_rows(tmp_path / "file" / "atlas.parquet", [made_row()])


def test_where_the_store_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path))
    assert default_store() == tmp_path / "atlas.parquet"
    monkeypatch.delenv("ROPESCOPE_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert default_store() == tmp_path / "data" / "ropescope" / "atlas.parquet"


def test_the_order_of_adding_is_kept(tmp_path: Path) -> None:
    store = tmp_path / "atlas.parquet"
    names = ["org/z", "org/a", "org/m"]
    for name in names:
        add_rows(store, [made_row(name)])
    rows: tuple[AtlasRow, ...] = read_atlas(store)
    assert [row.model for row in rows] == names
