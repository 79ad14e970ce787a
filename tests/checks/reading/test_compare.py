"""Two models side by side."""

import pytest
import released_configs as released

from ropescope.checks.reading.compare import compare_models
from ropescope.errors import DomainError
from ropescope.models import from_config

LLAMA = from_config(released.LLAMA_31_8B, name="llama")
QWEN = from_config(released.QWEN3_8B, name="qwen")


def rows(report, title):
    return {row[0]: row[1:] for table in report.tables if table.title == title for row in table.rows}


def test_differences_come_first():
    report = compare_models([LLAMA, QWEN])
    assert report.tables[0].title == "Different"
    different, same = rows(report, "Different"), rows(report, "The same")
    assert different["layers"] == ("32 full layers", "36 full layers")
    assert different["cache a token"] == ("131,072 bytes", "147,456 bytes")
    assert same["head dimension"] == ("128",) and same["heads"] == ("32 over 8 KV",)
    assert not set(different) & set(same)
    assert "131,072 against 40,960 tokens of context" in report.verdict


def test_memory_marks_what_lies_beyond_the_context():
    memory = rows(compare_models([LLAMA, QWEN]), "Cache of one sequence, 16 bits")
    assert memory["32,768 tokens"] == ("4 GiB", "4.5 GiB")
    assert memory["131,072 tokens"] == ("16 GiB", "18 GiB *")


def test_a_model_against_itself():
    report = compare_models([LLAMA, LLAMA])
    assert "are the same in all" in report.verdict
    assert [table.title for table in report.tables] == ["Cache of one sequence, 16 bits", "The same"]
    assert [column.name for column in report.tables[0].columns] == ["length", "llama", "llama (2)"]


@pytest.mark.parametrize("count", [0, 1, 9])
def test_refuses_too_few_and_too_many(count):
    with pytest.raises(DomainError, match=rf"2 to 8 models, and {count} were given"):
        compare_models([LLAMA] * count)
