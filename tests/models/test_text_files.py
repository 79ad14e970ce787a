"""Texts from files of every kind, packed or not, read no further than is asked."""

import csv
import gzip
import json
import sys

import pytest

from ropescope.errors import FormatError, MissingExtraError, SourceError
from ropescope.models import text_kinds
from ropescope.models.text_files import check_texts, read_pieces, read_texts


def put(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def parquet(path, **columns):
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def test_reads_every_kind_in_order(tmp_path):
    files = [
        put(tmp_path / "a.txt", "\ufeffone γ\n"),
        put(tmp_path / "b.md", "# two"),
        put(tmp_path / "c.jsonl", '{"text": "three"}\n\n{"text": null}\n{"text": "four", "n": 1}'),
        parquet(tmp_path / "d.parquet", text=["five", None, " ", "six"], n=[1, 2, 3, 4]),
    ]
    assert list(read_texts(files)) == ["one γ\n", "# two", "three", "four", "five", "six"]
    assert list(read_texts(str(files[0]))) == ["one γ\n"]
    assert list(read_texts(parquet(tmp_path / "e.parquet", body=["x"]), column="body")) == ["x"]


def test_many_rows_cross_batches(tmp_path):
    texts = [f"text {index}" for index in range(1000)]
    assert list(read_texts(parquet(tmp_path / "a.parquet", text=texts))) == texts


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl", '{"body": "x", "id": 1}', r"a\.jsonl:1 has no column 'text' \(it has body, id\)"),
        ("a.jsonl", '{"text": "x"}\n{"text": ', r"a\.jsonl:2 is not valid JSON"),
        ("a.jsonl", '{"text": "x"}\n[1]', r"a\.jsonl:2 is a JSON list"),
        ("a.jsonl", '{"text": 3}', "holds a int, not text"),
        ("a.jsonl", "[" * 100_000, r"a\.jsonl:1 is not valid JSON"),
        ("a.jsonl", "", "holds no text"),
        ("a.txt", "  \n", "holds no text"),
        ("a.txt", b"caf\xe9", r"not UTF-8 \(byte 3\)"),
        ("a.jsonl", b'{"text": "x"}\n\xff', r"a\.jsonl:2 is not UTF-8"),
        ("a.parquet", "PAR1 nonsense", "no sound parquet file"),
    ],
)
def test_damage_is_named(tmp_path, name, content, words):
    with pytest.raises(FormatError, match=words):
        list(read_texts(put(tmp_path / name, content)))


def test_parquet_columns(tmp_path):
    path = parquet(tmp_path / "a.parquet", body=["x"], id=[1])
    with pytest.raises(FormatError, match=r"no column 'text' \(it has body, id\)"):
        list(read_texts(path))
    with pytest.raises(FormatError, match="row 1: column 'id' holds a int"):
        list(read_texts(path, column="id"))


def test_a_missing_file_is_said_before_the_first_text(tmp_path):
    good = put(tmp_path / "a.txt", "one")
    for bad, words in ((tmp_path / "no.txt", "is no file"), (put(tmp_path / "a.docx", "x"), "of a kind")):
        with pytest.raises(SourceError, match=words):
            read_texts([good, bad])
    with pytest.raises(SourceError, match="no text file"):
        read_texts([])


def test_without_pyarrow(tmp_path, monkeypatch):
    path = parquet(tmp_path / "a.parquet", text=["x"])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'ropescope\[measure\]'"):
        list(read_texts(path))


ROWS = [{"text": "one γ\n\ntwo", "n": 1}, {"text": None, "n": 2}, {"text": 'a "quoted", word', "n": 3}]
TEXTS = ["one γ\n\ntwo", 'a "quoted", word']


def table(path, delimiter):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["n", "text"], delimiter=delimiter)
        writer.writeheader()
        writer.writerows(ROWS)
    return path


def test_the_same_rows_in_every_kind_of_file(tmp_path):
    lines = "\n".join(json.dumps(row) for row in ROWS)
    made = [
        put(tmp_path / "a.jsonl", lines),
        put(tmp_path / "a.json", json.dumps(ROWS)),
        put(tmp_path / "lines.json", lines),
        put(tmp_path / "column.json", json.dumps({"text": [row["text"] for row in ROWS if row["text"]], "n": [1, 3]})),
        put(tmp_path / "strings.json", json.dumps(TEXTS)),
        table(tmp_path / "a.csv", ","),
        table(tmp_path / "a.tsv", "\t"),
    ]
    for path in made:
        assert list(read_texts(path)) == TEXTS, path.name
        packed = put(tmp_path / f"{path.name}.gz", gzip.compress(path.read_bytes()))
        assert list(read_texts(packed)) == TEXTS, packed.name
    plain = put(tmp_path / "a.txt.gz", gzip.compress("\ufeffone γ".encode()))
    assert list(read_texts(plain)) == ["one γ"]


def test_no_more_is_unpacked_than_is_read(tmp_path):
    bomb = put(tmp_path / "a.txt.gz", gzip.compress(b"word " * (40 << 20)))  # 200 MiB in 200 KiB
    pieces = read_pieces(bomb)
    assert len(next(pieces)) <= 1 << 20
    check_texts([bomb])


def test_what_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(text_kinds, "MOST_UNPACKED_BYTES", 1 << 20)
    bomb = put(tmp_path / "a.txt.gz", gzip.compress(b"word " * (1 << 20)))
    with pytest.raises(FormatError, match="unpacks to more than"):
        list(read_texts(bomb))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt.gz", b"no gzip", "no sound gzip file"),
        ("a.jsonl.gz", gzip.compress(b'{"text": "x"}')[:-9], "no sound gzip file"),
        ("a.txt.gz", gzip.compress(b"word " * (1 << 20))[:-9], "no sound gzip file"),
        ("a.json", '{"text": ', "not valid JSON"),
        ("a.json", "[1]", r"a\.json\[0\] is a JSON int"),
        ("a.json", '[{"body": "x"}]', r"has no column 'text' \(it has body\)"),
        ("a.csv", "body,id\nx,1\n", r"no column 'text' \(it has body, id\)"),
        ("a.csv", b"text\ncaf\xe9\n", "not UTF-8"),
        ("a.csv", "text\n", "holds no text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "bytes",  # packed bytes hold the time
)
def test_damage_in_other_kinds_is_named(tmp_path, name, content, words):
    with pytest.raises(FormatError, match=words):
        list(read_texts(put(tmp_path / name, content)))


def test_a_piece_may_end_inside_a_character(tmp_path, monkeypatch):
    monkeypatch.setattr(text_kinds, "_AT_ONCE", 3)
    path = put(tmp_path / "a.txt", "aγβδ  ε")
    assert "".join(read_pieces(path)) == "aγβδ  ε" and list(read_texts(path)) == ["aγβδ  ε"]
    with pytest.raises(FormatError, match=r"not UTF-8 \(byte 7\)"):
        list(read_texts(put(tmp_path / "b.txt", "aγβδ".encode() + b"\xff")))


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_a_text_reads_alike_whatever_ends_its_lines(tmp_path, monkeypatch, end):
    monkeypatch.setattr(text_kinds, "_AT_ONCE", 4)  # a piece ends between \r and \n
    wanted = "one\ntwo\n\nthree\n"
    text = wanted.replace("\n", end)
    quoted = json.dumps(text)
    files = [
        put(tmp_path / "a.txt", text),
        put(tmp_path / "b.jsonl.gz", gzip.compress(f'{{"text": {quoted}}}\r\n'.encode())),
        put(tmp_path / "c.json", f"[{quoted}]"),
        put(tmp_path / "d.csv", f'text,n\r\n"{text}",1\r\n'),
        parquet(tmp_path / "e.parquet", text=[text]),
    ]
    assert list(read_texts(files)) == [wanted] * 5


def test_a_broken_line_is_told_with_the_head_of_the_file(tmp_path):
    good = '{"text": "words"}\n'
    with pytest.raises(FormatError, match=r"a\.jsonl:101 is not valid JSON"):
        check_texts([put(tmp_path / "a.jsonl", good * 100 + "{torn\n")])
    with pytest.raises(FormatError, match=r"b\.csv is not UTF-8"):
        check_texts([put(tmp_path / "b.csv", b"text\n" + b"words\n" * 100 + b"\xff\n")])
