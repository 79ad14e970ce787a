"""The shipped tables: small, attributed, and exactly what the raw files say."""

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
    entry = extracts()[name]
    # Compared as text, in which an exponent that is nan equals itself.
    assert repr(entry.shipped()) == repr(entry.from_raw(RawFiles(raw_folder)))
