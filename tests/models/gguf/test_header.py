"""The GGUF reader: against the gguf package's writer and tables, and against damage."""

import contextlib
import struct
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ropescope.errors import FormatError, SourceError
from ropescope.models import from_gguf, read_header
from ropescope.models.gguf.header import parse_header
from ropescope.models.gguf.types import TENSOR_TYPES
from ropescope.models.source import Source


def write(path: Path, *, big: bool = False, **more) -> Path:
    import gguf
    import numpy as np

    endian = gguf.GGUFEndian.BIG if big else gguf.GGUFEndian.LITTLE
    writer = gguf.GGUFWriter(path, "llama", endianess=endian)
    values = {"block_count": 2, "context_length": 256, "embedding_length": 64, "attention.head_count": 4} | more
    for key, value in values.items():
        if isinstance(value, float):
            writer.add_float32(f"llama.{key}", value)
        elif isinstance(value, list):
            writer.add_array(f"llama.{key}", value)
        elif isinstance(value, str):
            writer.add_string(f"llama.{key}", value)
        else:
            writer.add_uint32(f"llama.{key}", value)
    writer.add_bool("general.flag", True)
    writer.add_int64("general.long", -5)
    writer.add_array("tokenizer.ggml.tokens", [f"word{index}" for index in range(200)])
    writer.add_array("general.tags", ["a", "b"])
    writer.add_tensor("token_embd.weight", np.zeros((200, 64), np.float32))
    writer.add_tensor("output_norm.weight", np.zeros(64, np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def parse(data: bytes):
    return parse_header(lambda start, count: data[start : start + count], len(data), name="x.gguf")


@pytest.mark.parametrize("big", [False, True])
def test_reads_what_the_writer_wrote(tmp_path, big):
    header = read_header(write(tmp_path / "a.gguf", big=big))
    assert header.version == 3
    assert header.byte_order == ("big" if big else "little")
    assert header.metadata["llama.context_length"] == 256
    assert header.metadata["general.flag"] is True
    assert header.metadata["general.long"] == -5
    assert header.metadata["general.tags"].values == ("a", "b")
    tokens = header.metadata["tokenizer.ggml.tokens"]
    assert (tokens.element_type, tokens.length, tokens.values) == ("string", 200, None)
    embedding, norm = header.tensors
    assert (embedding.name, embedding.shape, embedding.type_name) == ("token_embd.weight", (64, 200), "F32")
    assert (embedding.n_bytes, norm.n_bytes, norm.offset) == (51_200, 128, 51_200)
    assert header.data_offset % 32 == 0
    assert header.data_offset + norm.offset + 128 <= header.file_bytes


def test_agrees_with_the_gguf_package_on_places(tmp_path):
    import gguf

    path = write(tmp_path / "a.gguf")
    theirs = gguf.GGUFReader(path)
    header = read_header(path)
    assert header.data_offset == theirs.data_offset
    for mine, tensor in zip(header.tensors, theirs.tensors, strict=True):
        assert header.data_offset + mine.offset == tensor.data_offset
        assert mine.n_bytes == tensor.n_bytes


def test_the_type_table_is_that_of_the_gguf_package():
    from gguf.constants import GGML_QUANT_SIZES

    theirs = {int(kind): (kind.name, *sizes) for kind, sizes in GGML_QUANT_SIZES.items()}
    assert {kind: row for kind, row in TENSOR_TYPES.items() if kind in theirs} == {
        kind: theirs[kind] for kind in TENSOR_TYPES if kind in theirs
    }


def test_long_arrays_are_read_when_asked_for(tmp_path):
    header = read_header(write(tmp_path / "a.gguf"), arrays={"tokenizer.ggml.tokens"})
    assert header.metadata["tokenizer.ggml.tokens"].values[199] == "word199"


def test_a_header_longer_than_the_window(tmp_path):
    path = write(tmp_path / "a.gguf", note="x" * 3_000_000)
    header = read_header(path)
    assert len(header.metadata["llama.note"]) == 3_000_000
    assert [tensor.name for tensor in header.tensors] == ["token_embd.weight", "output_norm.weight"]


def _head(n_tensors: int, n_keys: int, rest: bytes = b"", version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, n_tensors, n_keys) + rest


def _key(name: bytes, kind: int, value: bytes) -> bytes:
    return struct.pack("<Q", len(name)) + name + struct.pack("<I", kind) + value


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", ("magic",)),
        (b"PK\x03\x04" + bytes(40), ("does not start with 'GGUF'", "offset 0")),
        (_head(0, 0, version=1), ("version 1", "offset 4")),
        (_head(1 << 62, 0), ("tensor_count", "offset 8")),
        (_head(0, 1 << 62), ("metadata_kv_count", "offset 16")),
        (_head(0, 1, struct.pack("<Q", 1 << 40) + bytes(30)), ("key 0", "offset 24")),
        (_head(0, 1, _key(b"k", 8, struct.pack("<Q", 1 << 60))), ("k claims a string",)),
        (_head(0, 1, _key(b"k", 9, struct.pack("<IQ", 8, 1 << 50))), ("the length of k",)),
        (_head(0, 1, _key(b"k", 9, struct.pack("<IQ", 9, 1))), ("array of arrays",)),
        (_head(0, 1, _key(b"k", 77, bytes(8))), ("unknown value type 77",)),
        (_head(0, 1, _key(b"k", 7, b"\x05")), ("bool", "5")),
        (_head(0, 2, _key(b"k", 7, b"\x01") * 2), ("'k' appears twice",)),
        (_head(0, 1, _key(b"\xff", 7, b"\x01")), ("not UTF-8",)),
        (_head(0, 1, _key(b"general.alignment", 4, bytes(4))), ("general.alignment is 0",)),
        (_head(1, 0, struct.pack("<Q1sIQIQ", 1, b"t", 1, 1 << 62, 0, 0)), ("cut short", "'t'")),
        (_head(1, 0, struct.pack("<Q1sIQIQ", 1, b"t", 99, 4, 0, 0)), ("99 dimensions",)),
        (_head(1, 0, struct.pack("<Q1sIQIQ", 1, b"t", 1, 4, 0, 7)), ("multiple of 32",)),
        (_head(1, 0, struct.pack("<Q1sIQIQ", 1, b"t", 1, 33, 2, 0)), ("no multiple of 32",)),
    ],
)
def test_refuses_damage_by_field_and_offset(data, words):
    with pytest.raises(FormatError) as caught:
        parse(data)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_truncated_download_is_called_that(tmp_path):
    path = write(tmp_path / "a.gguf")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(FormatError, match=r"cut short.*download it again"):
        read_header(path)
    with pytest.raises(SourceError, match="does not exist"):
        read_header(tmp_path / "none.gguf")


def test_many_empty_strings_are_refused_before_they_cost_time():
    claimed = 1 << 23
    data = _head(0, 1, _key(b"k", 9, struct.pack("<IQ", 8, claimed)))

    def fetch(start: int, count: int) -> bytes:  # a sparse file of zeros behind the header
        return data[start : start + count].ljust(count, b"\0")

    started = time.perf_counter()
    with pytest.raises(FormatError, match="the length of k"):
        parse_header(fetch, len(data) + 8 * claimed, name="x.gguf")
    assert time.perf_counter() - started < 5  # a hang, on any machine; it takes milliseconds


@pytest.fixture(scope="module")
def valid(tmp_path_factory) -> bytes:
    path = write(tmp_path_factory.mktemp("gguf") / "a.gguf", **{"rope.freq_base": 5e5, "head_counts": [1, 2]})
    return path.read_bytes()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(st.tuples(st.integers(0, 6000), st.binary(min_size=1, max_size=9)), min_size=1, max_size=4),
    cut=st.just(0) | st.integers(0, 60_000),
)
@example(edits=[(8, b"\xff" * 8)], cut=0)
def test_mutations_are_read_or_refused(valid, edits, cut):
    data = bytearray(valid)
    for place, piece in edits:
        start = place % len(data)
        data[start : start + len(piece)] = piece
    data = data[: len(data) - cut % len(data)]
    with contextlib.suppress(FormatError):  # any other exception is a bug
        from_gguf(parse(bytes(data)), source=Source("gguf", "x"))


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_noise_after_the_magic_is_read_or_refused(noise):
    with contextlib.suppress(FormatError):
        parse(b"GGUF\x03\0\0\0" + noise)
