"""The header reader against the safetensors library: what both accept, what both refuse, and what only ours does."""

import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropescope.errors import FormatError
from ropescope.models.safetensors.header import BITS, header_length, parse_header


def whole(text: bytes, data: int) -> bytes:
    return struct.pack("<Q", len(text)) + text + bytes(data)


def entry(start=0, end=1, shape=(1,), dtype="U8", **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end], **more}


def ours(raw: bytes):
    length = header_length(raw[:8], len(raw), "x")
    found = parse_header(raw[8 : 8 + length], len(raw), "x")
    return {tensor.name: (tensor.dtype, tensor.shape, tensor.n_bytes) for tensor in found.tensors}


def theirs(raw: bytes):
    """What the library reads, None where it refuses."""
    import safetensors

    try:
        found = safetensors.deserialize(raw)
    except safetensors.SafetensorError:
        return None
    return {name: (info["dtype"], tuple(info["shape"]), len(info["data"])) for name, info in found}


def test_reads_what_the_library_writes():
    import numpy as np
    from safetensors.numpy import save

    arrays = {"a.weight": np.zeros((3, 5), np.float16), "b": np.zeros((), np.float32), "é": np.zeros((0, 4), np.int64)}
    for metadata in (None, {"format": "pt"}, {"format": "pt", "note": 'a "quoted" word'}):
        raw = save(arrays, metadata=metadata)
        assert ours(raw) == {"a.weight": ("F16", (3, 5), 30), "b": ("F32", (), 4), "é": ("I64", (0, 4), 0)}
        length = header_length(raw[:8], len(raw), "x")
        assert parse_header(raw[8 : 8 + length], len(raw), "x").metadata == (metadata or {})


def test_the_types_are_those_of_the_library():
    accepted = {
        dtype for dtype, bits in BITS.items()
        if theirs(whole(json.dumps({"t": entry(0, bits, (8,), dtype)}).encode(), bits)) is not None
    }  # fmt: skip
    assert accepted == set(BITS)


SOUND = {
    "spaces after": (json.dumps({"t": entry()}).encode() + b"    ", 1),
    "spaces before": (b" " + json.dumps({"t": entry()}).encode(), 1),
    "another order": (b'{"t":{"shape":[1],"data_offsets":[0,1],"dtype":"U8"}}', 1),
    "a field of tomorrow": (json.dumps({"t": entry(tomorrow=1)}).encode(), 1),
    "no tensors": (b"{}", 0),
    "empty tensor first": (json.dumps({"t": entry(0, 0, (0,)), "u": entry()}).encode(), 1),
    "no metadata": (json.dumps({"__metadata__": None, "t": entry()}).encode(), 1),
    "an escaped name": (b'{"a\\u00e9\\"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1),
    "an empty name": (b'{"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1),
    "half bytes": (json.dumps({"t": entry(0, 1, (2,), "F4")}).encode(), 1),
    "a tensor called dtype": (json.dumps({"dtype": entry()}).encode(), 1),
}


@pytest.mark.parametrize("name", SOUND)
def test_reads_what_the_library_reads(name):
    raw = whole(*SOUND[name])
    assert theirs(raw) is not None
    assert ours(raw) == theirs(raw)


BROKEN = {
    "gap": ({"t": entry(1, 2)}, 2, ("'t'", "leaves a gap", "offset 9")),
    "overlap": ({"t": entry(), "u": entry()}, 1, ("'u'", "overlaps")),
    "too much": ({"t": entry()}, 2, ("1 bytes after its last tensor",)),
    "cut short": ({"t": entry(0, 9, (9,))}, 4, ("cut short", "download it again")),
    "wrong size": ({"t": entry(0, 2)}, 2, ("'t'", "do not fit")),
    "half a byte": ({"t": entry(0, 1, (1,), "F4")}, 1, ("'t'", "impossible shape")),
    "unknown dtype": ({"t": entry(dtype="F3")}, 1, ("unknown dtype 'F3'",)),
    "dtype no word": ({"t": entry(dtype=[1])}, 1, ("'t'", "dtype")),
    "shape no list": ({"t": {"dtype": "U8", "shape": 1, "data_offsets": [0, 1]}}, 1, ("'t'", "shape")),
    "fraction": ({"t": entry(shape=(1.0,))}, 1, ("'t'", "shape")),
    "true": ({"t": entry(shape=(True,))}, 1, ("'t'", "shape")),
    "negative": ({"t": entry(shape=(-1, -1))}, 1, ("'t'", "shape")),
    "overflow": ({"t": entry(0, 0, (1 << 62, 1 << 62, 0))}, 0, ("'t'", "impossible shape")),
    "a share of the memory": ({"t": entry(0, 1 << 62, (1 << 40, 1 << 22))}, 1, ("'t'", "impossible shape")),
    "three offsets": ({"t": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1, 1]}}, 1, ("'t'", "data_offsets")),
    "no offsets": ({"t": {"dtype": "U8", "shape": [1]}}, 1, ("'t'", "data_offsets")),
    "number for an entry": ({"t": 5}, 1, ("'t'",)),
    "metadata of numbers": ({"__metadata__": {"a": 1}, "t": entry()}, 1, ("__metadata__", "offset 9")),
    "a list": ([1], 1, ("no JSON object",)),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_refuses_what_the_library_refuses(name, separators):
    value, data, words = BROKEN[name]
    raw = whole(json.dumps(value, separators=separators).encode(), data)
    assert theirs(raw) is None
    with pytest.raises(FormatError) as caught:
        ours(raw)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        b'{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        b'{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}, "t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
    ],
)
def test_a_name_that_comes_twice_is_refused(text):
    with pytest.raises(FormatError, match=r"names 't' twice \(offset 9\)"):
        ours(whole(text, 1))
    # One that only hides behind an escape is no other name.
    hidden = text.replace(b'"t"', b'"\\u0074"', 1)
    with pytest.raises(FormatError, match="twice"):
        ours(whole(hidden, 1))


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "0 bytes"),
        (b"\x05\0\0", "3 bytes"),
        (struct.pack("<Q", 1 << 62) + b"{}", "claims a header of 4,611,686,018,427,387,904 bytes"),
        (struct.pack("<Q", 0) + b"{}", "claims a header of 0 bytes"),
        (whole(b"{]", 0), "not valid JSON"),
        (whole(b'{"t":' * 5000, 0), "nested too deeply|not valid JSON"),
        (whole(b'{"\xff":1}', 0), r"not UTF-8 \(byte 10\)"),
        (
            whole(b'{"t":{"dtype":"U8","shape":[' + b"9" * 5000 + b'],"data_offsets":[0,1]}}', 1),
            "number too long|shape",
        ),
        (whole(b'{"t":[' + b"[]," * (1 << 20) + b"[]]}", 1), "more than 589,824 JSON values"),
    ],
)
def test_damage_is_named(raw, words):
    with pytest.raises(FormatError, match=words):
        ours(raw)


def test_a_header_too_large_is_refused_before_it_is_read():
    with pytest.raises(FormatError, match="more than the 16 MiB"):
        header_length(struct.pack("<Q", 90_000_000), 1 << 40, "x")


VALID = json.dumps(
    {"__metadata__": {"format": "pt"}, "a.weight": entry(0, 24, (3, 4), "F16"), "b": entry(24, 28, (), "F32")},
    separators=(",", ":"),
).encode()


@settings(deadline=None)
@given(
    edits=st.lists(
        st.tuples(st.integers(0, 200), st.sampled_from([b'"', b",", b"{", b"}", b"[", b"]", b"0", b"1", b":", b" ", b""])
                  | st.binary(min_size=1, max_size=2), st.integers(0, 3)),
        max_size=3,
    ),
    data=st.just(28) | st.integers(0, 40),
)  # fmt: skip
def test_a_mutated_header_is_refused_or_read_as_the_library_reads_it(edits, data):
    text = VALID
    for place, piece, gone in edits:
        text = text[: place % len(text)] + piece + text[place % len(text) + gone :]
    raw = whole(text, data)
    found, why = None, ""
    try:
        found = ours(raw)
    except FormatError as error:
        why = str(error)
    assert found == theirs(raw) or "twice" in why, (text, why)
