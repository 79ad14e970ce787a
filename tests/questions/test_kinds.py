"""Kinds read what people write, refuse the rest by the field's name, and describe themselves to programs."""

import json
from math import inf, nan
from pathlib import Path

import jsonschema
import pytest

from ropescope.errors import InputError
from ropescope.questions.domains import Choice, Flag, Real, Reals, Whole
from ropescope.questions.inputs import fields_of
from ropescope.questions.kind import Kind
from ropescope.questions.kinds import (
    Budget,
    Bytes,
    Cluster,
    Count,
    Device,
    File,
    ListOf,
    Share,
    Source,
    Text,
    Tokens,
    TorchDevice,
)
from ropescope.questions.registry import questions

READ = [
    (Tokens(), "32k", 32_768), (Tokens(), "1M", 1_048_576), (Tokens(), "1e4", 10_000),
    (Count(), "8B", 8_000_000_000), (Count(), "8.03B", 8_030_000_000),
    (Bytes(), "1.5GiB", 3 << 29), (Bytes(), "2GB", 2 * 10**9), (Bytes(), "24", 24 << 30), (Bytes(bare=1), "24", 24),
    (Share(), "15%", 0.15), (Share(), "0.15", 0.15), (Share(), "100%", 1.0),
    (Real(), "1e6", 1e6), (Whole(0, 10), "7", 7), (Choice(("a", "b")), "b", "b"), (Flag(), "true", True),
    (Reals(), "30,50", (30.0, 50.0)), (ListOf(Share()), "15%,0.3", (0.15, 0.3)), (ListOf(Text()), "a, b,", ("a", "b")),
    (Source(), "org/name", "org/name"), (File(), "a/b.json", Path("a/b.json")), (TorchDevice(), "cuda:1", "cuda:1"),
    (Device(), "h100-sxm", "h100-sxm"), (Cluster(), "ray", "ray"), (Cluster(), "ray://head:10001", "ray://head:10001"),
]  # fmt: skip

REFUSED = [
    (Tokens(), "1.5"), (Tokens(least=2), "1"), (Count(), "0"), (Count(), "lots"), (Bytes(), "2 parsecs"),
    (Bytes(), "9" * 400 + "GiB"), (Share(), "0"),
    (Share(), "101%"), (Real(at_most=1.0), "2"), (Whole(1, 3), "2.5"), (Choice(("a", "b")), "c"), (Flag(), "maybe"),
    (ListOf(Tokens(), least=1), ""), (Source(), " "), (TorchDevice(), "cuda:x"), (TorchDevice(), "abacus"), (Real(), "nan"),
    (Real(), "1e-400"), (Count(), "999999999T"), (Budget(), "0GiB"), (Text(), ""), (ListOf(Text()), ","), (File(), "a\0b"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "value"), READ)
def test_what_people_write_is_read_and_travels(kind, text, value):
    assert kind.read("x", text) == value
    assert kind.accept("x", kind.plain(value)) == value
    assert kind.read("x", kind.write(value)) == value
    jsonschema.validate(kind.plain(value), kind.schema())


@pytest.mark.parametrize(("kind", "text"), REFUSED)
def test_the_rest_is_refused_in_a_sentence_that_names_the_field(kind, text):
    with pytest.raises(InputError) as caught:
        kind.read("field", text)
    assert caught.value.field == "field" and "`field`" in str(caught.value) and "\n" not in str(caught.value)


def test_python_and_json_may_not_smuggle_other_types_in():
    for kind, value in (
        (Tokens(), True), (Tokens(), 1.5), (Whole(0, 9), "3"), (Text(), 3), (ListOf(Text()), "ab"), (Flag(), 1),
        (Share(), True), (File(), 3), (Bytes(), None),
        (Bytes(), -1), (Bytes(), 2**61), (Budget(), 0), (Budget(), -1), (Count(), 2**60), (ListOf(Tokens()), b"x"),
    ):  # fmt: skip
        with pytest.raises(InputError):
            kind.accept("x", value)


def test_kinds_are_made_compared_and_shown_by_their_parts() -> None:
    assert Tokens(2) == Tokens(least=2) != Tokens(3) and hash(Tokens(2)) == hash(Tokens(least=2))
    assert repr(Tokens(2)) == "Tokens(least=2, metavar='N')"
    for wrong in (lambda: Tokens(most=3), lambda: Tokens(1, "N", 2), lambda: ListOf()):
        with pytest.raises(TypeError, match="takes"):
            wrong()


def _kinds() -> set[Kind]:
    """Every kind that a question takes."""
    return {one.kind for question in questions() for one in fields_of(question.inputs_type)}


ODD = (
    10**400,
    10**5000,
    -1,
    nan,
    inf,
    True,
    b"x",
    {},
    [[]],
    "",
    "9" * 400,
    "9" * 5000,
    "1e400",
    "1e-400",
    f"1e-{10**20}",
)


@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
def test_no_kind_breaks_on_what_it_cannot_take(value: object) -> None:
    for kind in _kinds():
        for take in (kind.accept, kind.read) if isinstance(value, str) else (kind.accept,):
            refused = None
            try:
                taken = take("field", value)
            except InputError as error:
                refused = error
            if refused is None:
                json.dumps(kind.plain(taken), allow_nan=False)
            else:
                assert refused.field == "field" and "`field`" in str(refused) and len(str(refused)) < 800


def test_an_error_states_the_bound_that_was_passed() -> None:
    with pytest.raises(InputError, match="from 1 to 1,000,000, not 1000000000"):
        Whole(1, 10**6).read("count", "1e9")
