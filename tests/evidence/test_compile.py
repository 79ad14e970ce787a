"""The shipped tables: small, attributed, and exactly what the raw files say."""

import shutil
from importlib.resources import files

import pytest

from ropescope.evidence.compile import compiled
from ropescope.evidence.extract import extracts
from ropescope.evidence.raw import RawFiles

SHIPPED = {entry.name: entry for entry in files("ropescope.evidence").joinpath("data").iterdir()}


def test_shipped_tables_are_small_and_name_their_source():
    assert sum(len(entry.read_bytes()) for entry in SHIPPED.values()) < 300_000
    for name in extracts():
        head = SHIPPED[f"{name}.csv"].read_text(encoding="utf-8").split("\n")[:5]
        assert "Copyright 2026 Carles Marin" in " ".join(head) and "Apache License 2.0" in " ".join(head)


def test_compiling_the_raw_files_gives_the_shipped_tables(raw_folder):
    for name, text in compiled(RawFiles(raw_folder)).items():
        assert text == SHIPPED[name].read_text(encoding="utf-8"), f"{name}: run python -m ropescope.evidence.compile"


@pytest.mark.parametrize("name", extracts())
def test_shipped_rows_equal_raw_rows(name, raw_folder):
    entry, raw = extracts()[name], RawFiles(raw_folder)
    if missing := raw.missing(entry.files):
        pytest.skip(f"the folder of raw files lacks {', '.join(missing)}")
    # Compared as text, in which an exponent that is nan equals itself.
    assert repr(entry.shipped()) == repr(entry.from_raw(raw))


def test_a_table_without_its_raw_files_stays_as_it_is(raw_folder, tmp_path):
    (tmp_path / "e4_gamma").mkdir()
    shutil.copytree(raw_folder / "exp_b2", tmp_path / "exp_b2", copy_function=shutil.copyfile)
    texts = compiled(RawFiles(tmp_path))
    assert set(texts) == {"kv_windows.csv", "kv_windows_earlier.csv", "raw_files.csv"}
    for name, text in texts.items():
        assert text == SHIPPED[name].read_text(encoding="utf-8"), "the list of raw files keeps those of the others"
