"""A run goes on with its own pieces, and with none of another number type."""

from __future__ import annotations

from pathlib import Path

import pytest

import ropescope
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


@pytest.mark.parametrize(
    "text", ['{"losses": [1.5, 0.7]}', "[]", "1.5", "null", '{"sha256": "0", "data": {"loss": 1.5}}']
)
def test_a_piece_that_is_not_as_it_was_kept_is_not_finished(tmp_path: Path, text: str) -> None:
    """Sound JSON of another shape, or with another number, is damage as much as a file cut short."""
    journal = Journal(IDENTITY, tmp_path)
    kept = {"loss": 1.25, "rows": [float("nan"), 1e-17, "γ"]}
    journal.keep("text-0000", kept)
    file = journal.folder / "text-0000.json"
    whole = file.read_text("utf-8")
    assert repr(journal.finished("text-0000")) == repr(kept)
    for damaged in (text, whole.replace("1.25", "1.26")):
        file.write_text(damaged)
        assert journal.finished("text-0000") is None and not file.exists()


def test_another_version_does_its_own_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Journal(IDENTITY, tmp_path).keep("text-0000", {"loss": 1.0})
    monkeypatch.setattr(ropescope, "__version__", "0.0.1")
    later = Journal(IDENTITY, tmp_path)
    later.begin(resume=True)
    assert later.finished("text-0000") is None
