"""What an error says of a name that is none: how it begins, and which known names it may mean."""

from __future__ import annotations

import pytest

from ropescope.questions.names import did_you_mean, few, listed, nearest, shown

ENGINES = ("vllm", "sglang", "llama.cpp", "TensorRT-LLM")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("vlm", ["vllm"]),
        (" VLLM ", ["vllm"]),
        ("tensorrt", ["TensorRT-LLM"]),  # as it is written, whatever the case of the slip
        ("llm", ["vllm", "llama.cpp"]),  # the nearest first
        ("rt-", ["TensorRT-LLM"]),  # not spelled alike, but a part of it
        ("onnx", []),
        ("", []),
        ("l", []),
        ("vllm" * 25_000, []),
    ],
)
def test_the_nearest_names(name: str, near: list[str]) -> None:
    assert nearest(name, ENGINES, n=2) == near


def test_the_question_after_a_name_that_is_none() -> None:
    assert did_you_mean("vlm", ENGINES) == " Did you mean vllm?"
    assert did_you_mean("llm", ENGINES, n=2) == " Did you mean vllm or llama.cpp?"
    assert did_you_mean("onnx", ENGINES) == ""


def test_a_value_is_quoted_as_it_begins() -> None:
    assert shown("vlm") == "'vlm'" and shown("\ud800") == r"'\ud800'"
    assert len(shown("x" * 100_000)) < 100 and shown("x" * 100_000).endswith("x…")


def test_names_are_listed_whole_or_as_they_begin() -> None:
    assert [listed("abc"[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert few(["a", "b", "c"], 3) == "a, b, c" and few(["a", "b", "c"], 2) == "a, b and 1 more"
