"""A run goes on with its own pieces, and with none of another number type."""

from __future__ import annotations

from pathlib import Path

import pytest

from ropescope.errors import MeasurementError
from ropescope.runs.journal import Journal

IDENTITY = {"weights": "abc", "dtype": "bfloat16", "plans": "1f", "budgets": (0.3, 0.6), "seed": 0}


def test_pieces_of_another_type_are_named_and_not_used(tmp_path: Path) -> None:
    begun = Journal(IDENTITY, tmp_path)
    begun.keep("text-0000", {"loss": 1.0})
    begun.begin(resume=True)
    # What is computed with the weights, as plans are, is another by its rounding alone.
    with pytest.raises(
        MeasurementError, match="was in bfloat16, and this one would be in float32: give `dtype` bfloat16"
    ):
        Journal({**IDENTITY, "dtype": "float32", "plans": "2e"}, tmp_path).begin(resume=True)
    Journal({**IDENTITY, "dtype": "float32", "seed": 1}, tmp_path).begin(resume=True)
    own = Journal({**IDENTITY, "dtype": "float32"}, tmp_path)
    own.keep("text-0000", {"loss": 1.1})
    own.begin(resume=True)
    assert own.finished("text-0000") == {"loss": 1.1} and begun.finished("text-0000") == {"loss": 1.0}


def test_a_damaged_note_is_passed_over(tmp_path: Path) -> None:
    for name, text in (("a", "{"), ("b", "[]"), ("c", '"bfloat16"')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "identity").write_text(text)
    Journal({**IDENTITY, "dtype": "float32"}, tmp_path).begin(resume=True)
