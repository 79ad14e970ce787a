"""Rows of tables, whatever the file is called, with the line they stand on."""

import gzip

import pytest

from ropescope.errors import FormatError, SourceError
from ropescope.models.table_rows import read_rows


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("\ufeff\na,b\n1,x\n\n2,y\n", [":3", ":5"]),
        ("a\tb\n1\tx\n2\ty", [":2", ":3"]),
        ('{"a": "1", "b": "x"}\n\n{"a": "2", "b": "y"}\n', [":1", ":3"]),
        ('[{"a": "1", "b": "x"},\n {"a": "2", "b": "y"}]', ["[0]", "[1]"]),
    ],
)
def test_tells_the_kinds_apart_by_their_text(tmp_path, text, where):
    file = tmp_path / "pasted.txt"
    file.write_text(text, encoding="utf-8")
    packed = tmp_path / "pasted.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    for path in (file, packed):
        assert list(read_rows(path)) == [
            (f"{path}{where[0]}", {"a": "1", "b": "x"}),
            (f"{path}{where[1]}", {"a": "2", "b": "y"}),
        ]


def test_a_cell_may_hold_line_ends_and_the_next_row_still_has_its_line(tmp_path):
    file = tmp_path / "v.csv"
    file.write_text('a,b\n1,"x\ny"\n2,z,3\n')
    rows = read_rows(file)
    assert next(rows) == (f"{file}:3", {"a": "1", "b": "x\ny"})
    with pytest.raises(FormatError, match=":4 has 3 cells"):
        next(rows)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "is empty"),
        (b'{"a": 1}\n{"a": \n', ":2 is not valid JSON"),
        (b"{}\n[1]\n", ":2 is a JSON list"),
        (b"[1]", r"\[0\] is a JSON int"),
        (b"a,a\n1,2\n", "'a' twice"),
        (b"a,b\n\xff,2\n", "not UTF-8"),
        (b"PAR1\0\0", "not a text file"),
        (b"[" * 100_000, "not valid JSON"),
        (b'a,b\n"1,2\n', None),
    ],
)
def test_what_is_no_table_is_told_with_its_line(tmp_path, text, told):
    file = tmp_path / "v.txt"
    file.write_bytes(text)
    if told is None:  # an open quote at the end: the csv module takes it as closed
        assert len(list(read_rows(file))) == 1
        return
    with pytest.raises(FormatError, match=told):
        list(read_rows(file))
    with pytest.raises(SourceError, match="no file"):
        list(read_rows(tmp_path / "none.csv"))
