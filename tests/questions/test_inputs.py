"""Inputs are made from text or from values, refuse what does not belong to them, and go back to JSON."""

from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest

from ropescope.errors import InputError
from ropescope.questions.domains import Flag
from ropescope.questions.inputs import asked, fields_of, from_text, from_values, schema_of, take, to_values
from ropescope.questions.kinds import Budget, Bytes, Device, File, ListOf, Source, Tokens
from ropescope.questions.registry import questions


@dataclass(frozen=True, kw_only=True)
class Toy:
    source: str = asked(Source(), "What.", placed=True)
    length: int = asked(Tokens(), "How long.", default=2048)
    text: tuple[Path, ...] = asked(ListOf(File(), repeats=True), "Which text.", default=())
    deep: bool = asked(Flag(), "Whether.", default=False)


def test_text_and_values_make_the_same_inputs():
    written = from_text(Toy, {"source": "m", "length": "32k", "text": ["a.txt", "b.txt"], "deep": True})
    assert written == Toy(source="m", length=32_768, text=(Path("a.txt"), Path("b.txt")), deep=True)
    plain = to_values(written)
    assert plain == {"source": "m", "length": 32_768, "text": ["a.txt", "b.txt"], "deep": True}
    assert from_values(Toy, plain) == written
    jsonschema.validate(plain, schema_of(Toy))
    assert (
        to_values(Toy(source="m")) == {"source": "m"}
        and from_values(Toy, {"source": "m", "length": None}).length == 2048
    )


@pytest.mark.parametrize(
    ("given", "field", "told"),
    [
        ({}, "source", "is missing"),
        ({"source": "m", "lenght": "1"}, "lenght", "Did you mean `length`?"),
        ({"source": "m", "length": "-1"}, "length", "from 1 to"),
        ({"source": "m", "deep": "perhaps"}, "deep", "true | false"),
    ],
)
def test_what_does_not_belong_is_refused(given, field, told):
    with pytest.raises(InputError, match=told.replace("|", r"\|")) as caught:
        from_text(Toy, given)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        (Tokens(), "32k", 32_768),
        (Tokens(), 32_768.0, 32_768),
        (ListOf(Tokens()), "4k,8192", (4096, 8192)),
        (ListOf(Tokens()), ["4k", 8192], (4096, 8192)),
        (ListOf(Tokens()), 4096, (4096,)),
        (ListOf(File(), repeats=True), "one,name.txt", (Path("one,name.txt"),)),  # as the option, which repeats
        (ListOf(File(), repeats=True), Path("a"), (Path("a"),)),
        (Device(), 4090, "4090"),
        (Budget(), 0.3, 0.3),
        (Budget(), "30%", 0.3),
        (Bytes(), 2**30, 2**30),
        (Bytes(), "1", 2**30),
    ],
)
def test_a_value_is_taken_as_text_or_as_it_is(kind, given, value):
    assert take(kind, "x", given) == value


@pytest.mark.parametrize(("kind", "given"), [(Bytes(), 1.5), (Tokens(), 1.5), (Tokens(), True), (ListOf(Tokens()), {})])
def test_a_number_is_not_read_as_text_where_it_would_mean_something_else(kind, given):
    with pytest.raises(InputError, match="`x` must be"):
        take(kind, "x", given)


def test_the_schema_refuses_what_the_inputs_refuse():
    for wrong in ({}, {"source": "m", "length": 0}, {"source": "m", "more": 1}, {"source": "m", "deep": "yes"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema_of(Toy))


def test_an_entry_names_the_inputs_that_are_given_by_their_place():
    for question in questions():
        assert question.placed == tuple(one.name for one in fields_of(question.inputs_type) if one.placed), (
            question.name
        )
