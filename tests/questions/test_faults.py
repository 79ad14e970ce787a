"""Which input an error is about: told by the sentence, whatever room raised it, and alike in every face."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import released_configs as released
from click.testing import CliRunner

import ropescope
from ropescope.app.cli import app
from ropescope.app.web.backend import answer
from ropescope.errors import DomainError, InputError, RopescopeError, SourceError
from ropescope.questions.faults import field_of, told_of
from ropescope.questions.inputs import asked
from ropescope.questions.kinds import File, ListOf, Source, Text


@dataclass(frozen=True)
class Inputs:
    source: str = asked(Source(), "A model.", placed=True)
    engine: str = asked(Text(), "An engine.", default="vllm")
    draft: str | None = asked(Text(), "Another.", default=None)
    text: tuple[Path, ...] = asked(ListOf(File()), "Texts.", default=())


@pytest.mark.parametrize(
    ("sentence", "field"),
    [
        ("`engine` 'vlm' does not go with `draft`.", "engine"),  # begins with it
        ("llama/8b states no length: give `engine`.", "engine"),  # the only one that it names
        ("No engine is called 'vlm'. `devices` lists them.", "engine"),  # quotes it
        ("llama/8b/config.json cannot be read.", "source"),  # a path in the path given
        ("texts/a.txt is empty.", "text"),
        ("texts/b.txt is empty.", None),  # no path of these
        ("`engine` and `draft` share no vocabulary.", "engine"),
        ("Either `engine` or `draft` is needed.", None),
        ("'vllm' is not installed.", None),  # a default, which nobody gave
    ],
)
def test_the_field_that_a_sentence_is_about(sentence: str, field: str | None) -> None:
    assert field_of(sentence, Inputs("llama/8b", "vlm", "vllm-draft", (Path("texts/a.txt"),))) == field


def test_a_value_that_two_fields_have_tells_neither() -> None:
    assert field_of("'x' is unknown.", Inputs("llama", "x", "x")) is None


def test_an_error_keeps_its_field_and_repeats_no_long_value() -> None:
    inputs = Inputs("m" * 100_000, "vlm")
    with pytest.raises(DomainError) as caught, told_of(inputs):
        raise DomainError(f"{inputs.source!r} is no model.")
    assert caught.value.field == "source" and len(str(caught.value)) < 200
    with pytest.raises(InputError) as kept, told_of(inputs):
        raise InputError("text", "No engine is called 'vlm'.")
    assert kept.value.field == "text"


def test_a_path_that_the_system_refuses_is_an_error_of_the_input_and_any_other_is_ours(tmp_path: Path) -> None:
    inputs = Inputs(str(tmp_path))
    with pytest.raises(SourceError, match="cannot be read") as caught, told_of(inputs):
        (tmp_path / ("n" * 300)).stat()
    assert caught.value.field == "source"
    with pytest.raises(FileNotFoundError), told_of(inputs):
        Path("/nowhere/of/ours").stat()


def test_every_face_marks_the_same_field(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(released.LLAMA_31_8B))
    given = {"source": str(tmp_path), "gpu": "4090", "engine": "vlm"}
    with pytest.raises(RopescopeError, match="Did you mean vllm") as caught:
        ropescope.fit(**given)
    assert caught.value.field == "engine"
    assert answer("fit", given)["error"]["field"] == "engine"  # the page, and what agents are told
    done = CliRunner().invoke(app, ["fit", str(tmp_path), "--gpu", "4090", "--engine", "vlm"])
    assert getattr(done.exception, "field", None) == "engine"


def test_an_agent_is_told_the_field() -> None:
    pytest.importorskip("mcp", reason="agents need the extra mcp")
    from ropescope.app.mcp.replies import failed

    error = DomainError("No engine is called 'vlm'.")
    error.field = "engine"
    assert (failed(error).structured_content or {})["field"] == "engine"
