"""Inputs are made from text or from values, refuse what does not belong to them, and go back to JSON."""

from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest

from ropescope.errors import InputError
from ropescope.questions.domains import Flag
from ropescope.questions.inputs import asked, fields_of, from_text, from_values, schema_of, to_values
from ropescope.questions.kinds import File, ListOf, Source, Tokens
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


def test_the_schema_refuses_what_the_inputs_refuse():
    for wrong in ({}, {"source": "m", "length": 0}, {"source": "m", "more": 1}, {"source": "m", "deep": "yes"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema_of(Toy))


def test_an_entry_names_the_inputs_that_are_given_by_their_place():
    for question in questions():
        assert question.placed == tuple(one.name for one in fields_of(question.inputs_type) if one.placed), (
            question.name
        )
