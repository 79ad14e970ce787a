"""A folder of profiles into one store, by several processes at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from made_rows import save_profile

import ropescope.evidence.atlas.adding as adding
from ropescope.errors import FormatError, InputError
from ropescope.evidence.atlas.asking import AddInputs
from ropescope.evidence.atlas.store import read_atlas


def test_a_folder_of_profiles_and_what_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, folder = tmp_path / "runs" / "atlas.parquet", tmp_path / "runs"
    (folder / "second").mkdir(parents=True)
    save_profile(folder / "a.parquet", n_prompts=2, model="org/a")
    save_profile(folder / "second" / "b.parquet", n_prompts=2, model="org/b", seed=1)
    (folder / "c.parquet").write_text("not one")
    report = adding.add_profiles((), store, folder)
    states = {row[0]: row[-1] for row in report.tables[0].rows}
    assert states == {"a.parquet": "added", "b.parquet": "added", "c.parquet": "left out: no profile"}
    monkeypatch.setattr(adding, "rows_of", lambda path: pytest.fail(f"{path} is known by its hash"))
    (folder / "c.parquet").unlink()
    again = adding.add_profiles((), store, folder)  # the store itself lies there, too
    assert again.verdict == "2 profiles were there already; the atlas now holds 2 profiles."
    (tmp_path / "empty").mkdir()
    for wrong, sentence in ((tmp_path / "empty", "holds no profile"), (store, "is no folder")):
        with pytest.raises(FormatError, match=sentence):
            adding.add_profiles((), store, wrong)
    with pytest.raises(InputError, match="Name profiles, or a folder"):
        AddInputs()


def test_several_processes_add_folders_at_once(tmp_path: Path) -> None:
    """Their folders share a profile, which is added once."""
    store, n_processes = tmp_path / "atlas.parquet", 2
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from ropescope.evidence.atlas.adding import add_profiles\n"
        "add_profiles((), Path(sys.argv[1]), Path(sys.argv[2]))\n"
    )
    processes = []
    for i in range(n_processes):
        folder = tmp_path / f"runs-{i}"
        folder.mkdir()
        save_profile(folder / "all.parquet", n_prompts=2, model="org/all")
        for j in range(2):
            save_profile(folder / f"{j}.parquet", n_prompts=2, model=f"org/m{i}-{j}", seed=10 + 2 * i + j)
        command = [sys.executable, "-c", script, str(store), str(folder)]
        processes.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
    assert [(process.communicate(timeout=600)[1], process.returncode) for process in processes] == [
        ("", 0)
    ] * n_processes
    rows = [row for row in read_atlas(store) if row.protocol == "fixed"]
    assert sorted(row.model for row in rows) == ["org/all", *(f"org/m{i}-{j}" for i in range(2) for j in range(2))]
