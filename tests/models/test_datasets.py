"""Texts from files, and which file of a dataset is taken."""

import sys

import pytest

from ropescope.errors import FormatError, MissingExtraError, SourceError
from ropescope.models.datasets import choose_file, read_texts


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
    for bad, words in ((tmp_path / "no.txt", "is no file"), (put(tmp_path / "a.csv", "x"), "of a kind")):
        with pytest.raises(SourceError, match=words):
            read_texts([good, bad])
    with pytest.raises(SourceError, match="no text file"):
        read_texts([])


def test_without_pyarrow(tmp_path, monkeypatch):
    path = parquet(tmp_path / "a.parquet", text=["x"])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'ropescope\[measure\]'"):
        list(read_texts(path))


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["data/test-0.parquet", "data/train-1.parquet", "data/train-0.parquet"], "data/train-0.parquet"),
        (["train.txt", "train.jsonl", "README.md"], "train.jsonl"),
        (["all.parquet", "train.txt"], "train.txt"),
        (["readme.txt", "b.txt"], "b.txt"),
        (["picture.png", "train.csv"], None),
    ],
)
def test_chooses_by_split_then_kind(names, chosen):
    assert choose_file(names, "train") == chosen
