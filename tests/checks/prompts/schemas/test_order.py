"""Which field comes first, found by name and by walking, and held to a grammar that is compiled."""

from __future__ import annotations

import json
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from ropescope.checks.prompts.schemas.names import kind_of
from ropescope.checks.prompts.schemas.orders import ENGINES, engines
from ropescope.errors import FormatError
from ropescope.questions.inputs import from_text
from ropescope.questions.registry import find
from ropescope.report.report import Report

TEXT = {"type": "string"}


def thing(*names: str, required: list[str] | None = None, **more: Any) -> dict[str, Any]:
    """An object of text fields, all required unless told."""
    properties = {name: more.pop(name, TEXT) for name in names}
    needed = list(names) if required is None else required
    return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False, **more}


def ask(folder: Path, document: Any, **given: str) -> Report:
    path = folder / "schema.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    question = find("tools-schema")
    return question.ask(from_text(question.inputs_type, {"schema": str(path), **given}))


def test_the_answer_before_its_reasoning_is_flagged_once(tmp_path: Path) -> None:
    report = ask(tmp_path, thing("answer", "reasoning"))
    assert [(pair["place"], pair["at"]) for pair in report.data["pairs"]] == [("$", "#")]
    assert report.verdict.startswith(
        "The answer comes first: “answer” is written before “reasoning” in the top object with every engine"
    )
    assert report.holds is False
    assert list(json.loads(report.lead)["properties"]) == ["reasoning", "answer"]
    assert ask(tmp_path, report.lead).holds is True


def test_an_unreasonable_fee_is_no_reasoning(tmp_path: Path) -> None:
    report = ask(tmp_path, thing("answer", "unreasonable_fee"))
    assert report.data["pairs"] == [] and report.holds is None and report.lead == ""


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("reasoning", "reasoning"), ("answer_explanation", "reasoning"), ("finalAnswer", "answer"),
        ("chain_of_thought", "reasoning"),
        ("reasoningSteps", "reasoning"), ("reason-for-decision", "reasoning"), ("explanation_score", "answer"),
        ("answerText", "answer"),
        ("reason_code", None), ("unreasonable_fee", None), ("response_time", None), ("plan_id", None), ("title", None), ("", None),
        ("RESULT", "answer"), ("整理", None), ("score_card", None), ("ThoughtProcess", "reasoning"),
    ],
)  # fmt: skip
def test_the_last_word_that_counts_says_what_a_field_is(name: str, kind: str | None) -> None:
    assert kind_of(name, frozenset(), frozenset()) == kind


def test_names_of_ones_own(tmp_path: Path) -> None:
    report = ask(tmp_path, thing("begruendung", "urteil"), answers="urteil", reasonings="begruendung")
    assert report.holds is True and "The reasoning comes first in the top object" in report.verdict


def test_a_definition_is_found_through_items_and_told_by_its_place(tmp_path: Path) -> None:
    step = thing("verdict", "why", "sub", sub={"anyOf": [{"$ref": "#/$defs/Step"}, {"type": "null"}]})
    document = thing(
        "steps", "more", steps={"type": "array", "items": {"$ref": "#/$defs/Step"}}, more={"$ref": "#/$defs/Step"}
    )
    report = ask(tmp_path, {**document, "$defs": {"Step": step}})
    (pair,) = report.data["pairs"]
    assert pair["at"] == "#/$defs/Step" and pair["place"] in ("$.more", "$.steps[]")
    assert any(one["engine"] == "anthropic" and "recursive" in one["what"] for one in report.data["refused"])
    assert list(json.loads(report.lead)["$defs"]["Step"]["properties"]) == ["why", "verdict", "sub"]


@pytest.mark.parametrize(
    "inner",
    [
        {"type": "array", "prefixItems": [thing("answer", "reasoning")]},
        {"oneOf": [{"type": "null"}, thing("answer", "reasoning")]},
        {"allOf": [thing("answer"), thing("reasoning")]},
        {"type": "object", "additionalProperties": thing("answer", "reasoning")},
        {"type": "object", "properties": {"answer": TEXT}, "allOf": [thing("reasoning"), {"$ref": "#"}]},
    ],
)
def test_every_way_down_is_walked(inner: dict[str, Any], tmp_path: Path) -> None:
    report = ask(tmp_path, thing("x", x=inner))
    assert len(report.data["pairs"]) == 1 and report.holds is False


def test_an_object_that_reasons_inside_its_answer_is_in_order(tmp_path: Path) -> None:
    assert ask(tmp_path, thing("answer", "explanation", answer=thing("reasoning", "value"))).data["pairs"] == []
    nested = ask(tmp_path, thing("data", "reasoning", data=thing("answer")))
    assert nested.holds is False and nested.data["pairs"][0]["answer"] == "data"


def test_reasoning_holds_words(tmp_path: Path) -> None:
    assert ask(tmp_path, thing("answer", "thinking", thinking={"type": "boolean"})).data["pairs"] == []


def test_optional_reasoning_is_put_last_where_required_fields_come_first(tmp_path: Path) -> None:
    report = ask(tmp_path, thing("reasoning", "answer", required=["answer"]))
    assert report.data["pairs"][0]["forced_by"] == ["anthropic", "llama.cpp"]
    assert json.loads(report.lead)["required"] == ["reasoning", "answer"]
    openai = ask(tmp_path, thing("reasoning", "answer", required=["answer"]), engine="openai")
    assert openai.holds is True and "may be left out" in openai.verdict


def test_a_tool_that_is_not_strict_keeps_no_order_at_a_hosted_api(tmp_path: Path) -> None:
    tool = {"name": "judge", "description": "Judge.", "input_schema": thing("answer", "reasoning")}
    loose = ask(tmp_path, {"tools": [tool]})
    assert loose.data["pairs"][0]["order"]["anthropic"] == "any order" and loose.holds is False
    assert ask(tmp_path, [{**tool, "strict": True}]).data["pairs"][0]["order"]["anthropic"] == "answer first"
    assert list(json.loads(loose.lead)["tools"][0]["input_schema"]["properties"]) == ["reasoning", "answer"]


def test_the_stored_order_of_llguidance_is_what_it_does() -> None:
    pytest.importorskip("llguidance")
    path = Path(__file__).with_name("engine_orders_from_packages.py")
    spec = spec_from_file_location("engine_orders", path)
    assert spec is not None and spec.loader is not None
    measuring = module_from_spec(spec)
    spec.loader.exec_module(measuring)
    assert measuring.order_of(measuring.llguidance()) == next(
        one.order for one in engines() if one.name == "llguidance"
    )


def test_engines_are_those_that_may_be_chosen() -> None:
    assert tuple(one.name for one in engines()) == ENGINES


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}, "refers to itself"),
        ({"$ref": "#"}, "refers to itself"),
        (thing("x", x={"$ref": "#/$defs/none"}), "leads nowhere"),
        (thing("x", x={"$ref": "https://example.org/s.json"}), "inside the document"),
        ({"type": "strin"}, "not a JSON schema at #/type"),
        ({"answer": 1, "reasoning": "b"}, "holds no schema"),
        ([], "holds no schema"),
        ('{"type": "object",\n "properties": {', "schema.json:2 is not valid JSON"),
        ("[" * 200 + "]" * 200, "levels deep"),
        (thing("x", x={"enum": [[]] * 20_000}), "more than 20,000"),
    ],
)  # fmt: skip
def test_what_is_no_schema_is_told_in_one_sentence(document: Any, told: str, tmp_path: Path) -> None:
    if told.startswith("not a JSON schema"):
        pytest.importorskip("jsonschema")
    with pytest.raises(FormatError) as caught:
        ask(tmp_path, document)
    assert told in str(caught.value) and "\n" not in str(caught.value)


def chain(length: int) -> dict[str, Any]:
    """A definition that leads to the next, and so on."""
    links = {f"d{at}": thing("x", x={"$ref": f"#/$defs/d{at + 1}"}) for at in range(length)}
    return {"$ref": "#/$defs/d0", "$defs": links | {f"d{length}": thing("answer", "reasoning")}}


def test_references_are_followed_as_deep_as_is_safe(tmp_path: Path) -> None:
    """llguidance follows them on the stack, and would end the process: beyond its depth it is not asked."""
    assert ask(tmp_path, chain(20)).data["schemas"][0]["llguidance"] is not None or find_spec("llguidance") is None
    report = ask(tmp_path, chain(170))
    assert report.holds is False and report.data["schemas"][0]["llguidance"] is None
    assert any("too deep" in one for one in report.caveats)
    with pytest.raises(FormatError, match="nest too deeply"):
        ask(tmp_path, chain(600))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"properties": {"answer": {}, "reasoning": {}, "answer": {}}}', "the key 'answer' twice"),
        ('{"properties": {"answer": {"maximum": NaN}}}', "nan at the key 'maximum'"),
    ],
)
def test_json_that_readers_take_in_different_ways_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "schema.json").write_text(text)
    with pytest.raises(FormatError, match=told):
        find("tools-schema").ask(from_text(find("tools-schema").inputs_type, {"schema": str(tmp_path / "schema.json")}))
