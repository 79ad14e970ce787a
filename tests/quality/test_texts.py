"""Texts: enough of them, of equal length, unlike each other, and never shared between scoring and tuning."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ropescope.errors import MeasurementError
from ropescope.quality import prose, source_code, tables
from ropescope.quality.texts import Text, calibration_texts, held_out_texts


class Words:
    """A tokenizer of words, so that shared runs of tokens are shared passages."""

    bos_token_id: int | None = None

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        return {"input_ids": [self.ids.setdefault(word, len(self.ids)) for word in text.split()]}


@pytest.fixture(scope="module")
def words() -> Words:
    return Words()


# 3,500 words of prose, code or tables are more than 8,256 tokens of SmolLM2 for code and tables, and about 4,700 for prose.
LENGTH = 3500


@pytest.fixture(scope="module")
def held_out(words: Words) -> list[Text]:
    return held_out_texts(words, LENGTH, 16)


@pytest.fixture(scope="module")
def calibration(words: Words) -> list[Text]:
    return calibration_texts(words, LENGTH, 30)


def runs(texts: list[Text], length: int) -> list[set[tuple[int, ...]]]:
    return [{text.tokens[i : i + length] for i in range(len(text.tokens) - length + 1)} for text in texts]


def test_every_text_has_the_length_and_its_own_name(held_out: list[Text], calibration: list[Text]) -> None:
    assert {len(text.tokens) for text in [*held_out, *calibration]} == {LENGTH}
    assert len({text.name for text in held_out}) == len(held_out)


def test_kinds_come_in_turn(words: Words) -> None:
    assert [text.kind for text in held_out_texts(words, 500, 2)] == ["prose", "code", "table"] * 2


def test_texts_of_a_kind_are_no_near_copies(held_out: list[Text]) -> None:
    for kind in ("prose", "code", "table"):
        alike = runs([text for text in held_out if text.kind == kind], 12)
        shared = max(len(a & b) / len(a) for i, a in enumerate(alike) for b in alike[:i])
        assert shared < 0.02


def test_no_passage_is_both_scored_and_tuned_on(held_out: list[Text], calibration: list[Text]) -> None:
    # Forty words in a row: licence notices and idioms of a few lines may recur, a passage may not.
    tuned_on = set[tuple[int, ...]]().union(*runs(calibration, 40))
    for text, passages in zip(held_out, runs(held_out, 40), strict=True):
        assert not passages & tuned_on, text.name


def test_no_source_is_both_scored_and_tuned_on() -> None:
    assert not set(prose.HELD_OUT) & set(prose.CALIBRATION)
    assert not set(source_code.HELD_OUT) & set(source_code.CALIBRATION)
    assert not set(tables.HELD_OUT.values()) & set(tables.CALIBRATION.values())
    for place in prose.CALIBRATION:
        assert not any(place.startswith(f"{other}/") or other.startswith(f"{place}/") for other in prose.HELD_OUT)


def test_calibration_counts_texts_not_texts_of_a_kind(words: Words) -> None:
    found = calibration_texts(words, 800, 7)
    assert len(found) == 7
    assert Counter(text.kind for text in found) == {"prose": 3, "code": 2, "table": 2}


def test_sources_too_short_for_the_length_are_joined(words: Words) -> None:
    found = [text for text in calibration_texts(words, 8000, 15) if text.kind == "code"]
    assert any(" and " in text.name for text in found)
    assert {len(text.tokens) for text in found} == {8000}


def test_no_more_is_turned_into_tokens_than_the_length_needs(words: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = words(prose.language_reference())["input_ids"]
    given: list[int] = []
    own = Words.__call__

    def noted(self: Words, text: str, **more: Any) -> dict[str, list[int]]:
        given.append(len(text))
        return own(self, text, **more)

    monkeypatch.setattr(Words, "__call__", noted)
    (found,) = calibration_texts(words, 300, 1)
    assert found.tokens == tuple(whole[:300])
    assert max(given) < len(prose.language_reference()) / 20


def test_own_files_are_split_in_halves(words: Words, tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text(" ".join(f"word{i:05d}" for i in range(1000)))
    scored, tuned = held_out_texts(words, 200, 9, files=[path]), calibration_texts(words, 200, 9, files=[path])
    assert [len(scored), len(tuned)] == [2, 2]
    assert {text.kind for text in scored} == {"own"}
    assert not {i for text in scored for i in text.tokens} & {i for text in tuned for i in text.tokens}


def test_a_tokenizers_own_beginning_is_kept(words: Words) -> None:
    class Begins(Words):
        bos_token_id = -1

        def __call__(self, text: str, add_special_tokens: bool = True, **_: Any) -> dict[str, list[int]]:
            ids = super().__call__(text)["input_ids"]
            return {"input_ids": [-1, *ids] if add_special_tokens else ids}

    found = held_out_texts(Begins(), 300, 1)
    assert all(text.tokens[0] == -1 and len(text.tokens) == 300 and -1 not in text.tokens[1:] for text in found)


def test_too_long_a_length_is_refused(words: Words, tmp_path: Path) -> None:
    path = tmp_path / "short.txt"
    path.write_text("too short")
    with pytest.raises(MeasurementError, match="No text has 5,000 tokens"):
        held_out_texts(words, 5000, 1, files=[path])
    with pytest.raises(MeasurementError, match="at least one"):
        held_out_texts(words, 500, 0)


@pytest.mark.weights
@pytest.mark.long
@pytest.mark.parametrize("length", [2112, 8256])
def test_sixteen_texts_of_each_kind_for_smollm2(length: int) -> None:
    from ropescope.network.loading.weights import load

    tokenizer = load("smollm2").tokenizer
    found = held_out_texts(tokenizer, length, 16)
    assert Counter(text.kind for text in found) == {"prose": 16, "code": 16, "table": 16}
    assert {len(text.tokens) for text in found} == {length}


def test_a_column_of_a_table_is_the_text_it_holds(words, tmp_path):
    sentence = " ".join(f"word{i}" for i in range(400))
    (tmp_path / "own.txt").write_text(sentence)
    (tmp_path / "own.csv").write_text(f"id,body\n1,{sentence}\n")
    for make in (held_out_texts, calibration_texts):
        of_text = make(words, 100, 2, files=[tmp_path / "own.txt"])
        of_table = make(words, 100, 2, files=[tmp_path / "own.csv"], column="body")
        assert [text.tokens for text in of_text] == [text.tokens for text in of_table]


def test_a_text_of_long_tokens_is_read_on(tmp_path):
    class Longest:  # a token every 40 characters
        bos_token_id = None

        def __call__(self, text, **_):
            return {"input_ids": list(range(len(text) // 40))}

    path = tmp_path / "own.txt"
    path.write_text("x " * 20_000)
    assert len(held_out_texts(Longest(), 300, 1, files=[path])[0].tokens) == 300
