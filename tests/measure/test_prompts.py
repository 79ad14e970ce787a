"""Prompts: the same seed gives the same, they do not overlap, and special tokens stay out."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from tiny_tokenizer import byte_tokenizer

from ropescope.errors import MeasurementError, SourceError
from ropescope.measure.prompts import (
    BLOCK,
    Corpus,
    bos_prefix,
    embedded_text,
    file_corpus,
    random_corpus,
    text_corpus,
)

TOKENIZER = byte_tokenizer()
TEXT = "".join(chr(97 + i % 26) + str(i) for i in range(3000))


def test_random_prompts_repeat_and_avoid_special_tokens() -> None:
    corpus = random_corpus(300, TOKENIZER, (), seed=3)
    assert corpus.vocabulary is not None and corpus.vocabulary.tolist() == list(range(3, 259))
    first, again = corpus.prompt(5, 200), random_corpus(300, TOKENIZER, (), seed=3).prompt(5, 200)
    np.testing.assert_array_equal(first, again)
    assert first[0] == 1 and first[1:].min() >= 3
    assert (first != corpus.prompt(6, 200)).any() and (
        first != random_corpus(300, TOKENIZER, (), 4).prompt(5, 200)
    ).any()


def test_random_prompts_need_no_tokenizer() -> None:
    corpus = random_corpus(300, None, (1, 2), seed=0)
    drawn = np.concatenate([corpus.prompt(i, 500) for i in range(40)])
    assert corpus.prefix == () and set(drawn.tolist()) == set(range(300)) - {1, 2}


def test_text_windows_do_not_overlap_and_cover_the_text() -> None:
    corpus = text_corpus("text", "a text", TEXT, TOKENIZER, seed=0)
    count = corpus.available(101)
    assert corpus.stream is not None and count == len(corpus.stream) // 100
    bodies = sorted(tuple(corpus.prompt(i, 101)[1:].tolist()) for i in range(count))
    expected = sorted(tuple(corpus.stream[i * 100 : (i + 1) * 100].tolist()) for i in range(count))
    assert bodies == expected
    assert all(corpus.prompt(i, 101)[0] == 1 for i in range(count))


def test_shuffled_keeps_the_tokens_and_the_place_of_bos() -> None:
    plain = text_corpus("text", "a text", TEXT, TOKENIZER, seed=0).prompt(2, 101)
    shuffled = text_corpus("shuffled text", "a text", TEXT, TOKENIZER, seed=0, shuffled=True).prompt(2, 101)
    assert shuffled[0] == 1 and sorted(shuffled.tolist()) == sorted(plain.tolist()) and (shuffled != plain).any()


def test_text_too_short_says_how_many_prompts_it_holds() -> None:
    corpus = text_corpus("text", "notes.txt", "x" * 250, TOKENIZER, seed=0)
    with pytest.raises(MeasurementError, match=r"notes.txt gives 250 tokens: enough for 2 prompts of 101"):
        corpus.prompt(2, 101)


def test_text_needs_a_tokenizer_and_words() -> None:
    with pytest.raises(SourceError, match="`corpus` random"):
        text_corpus("text", "a text", TEXT, None, seed=0)
    with pytest.raises(SourceError, match=r"empty.txt holds no text"):
        text_corpus("text", "empty.txt", "", TOKENIZER, seed=0)


def test_bos_is_given_only_where_the_tokenizer_gives_it() -> None:
    assert bos_prefix(TOKENIZER) == (1,) and bos_prefix(None) == ()
    plain = byte_tokenizer()
    plain.backend_tokenizer.post_processor = None
    assert bos_prefix(plain) == ()


def test_embedded_text_is_english_prose_of_some_length() -> None:
    text, about = embedded_text()
    assert len(text) > 300_000 and "the" in text.split() and "pydoc_data" in about


def test_files_are_read_in_order_with_a_line_between(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("first " * 30)
    (tmp_path / "b.jsonl").write_text("\n".join(json.dumps({"body": f"line {i}"}) for i in range(3)))
    corpus = file_corpus("files", "a.txt, b.jsonl", [tmp_path / "a.txt", tmp_path / "b.jsonl"], "body", TOKENIZER, 0)
    text = "first " * 30 + "\n\nline 0\n\nline 1\n\nline 2"
    whole = text_corpus("files", "both", text, TOKENIZER, seed=0)
    for index in range(whole.available(33) or 0):
        np.testing.assert_array_equal(corpus.prompt(index, 33), whole.prompt(index, 33))


def test_prompts_are_the_same_however_much_more_text_there_is(tmp_path: Path) -> None:
    words = "".join(f"{i} " for i in range(200_000))
    (tmp_path / "short.txt").write_text(words[: BLOCK * 100 + 5_000])
    (tmp_path / "long.txt").write_text(words)
    short, long = (
        file_corpus("files", name, [tmp_path / name], "text", TOKENIZER, 7) for name in ("short.txt", "long.txt")
    )
    for index in (0, 1, BLOCK - 1):
        np.testing.assert_array_equal(short.prompt(index, 101), long.prompt(index, 101))
    drawn = {tuple(long.prompt(index, 101).tolist()) for index in range(2 * BLOCK)}
    assert len(drawn) == 2 * BLOCK  # the next block holds other windows


def test_of_a_long_text_only_the_beginning_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "long.txt").write_text("a few words " * 500_000)  # 6 MB
    seen: list[int] = []
    spied = byte_tokenizer()
    inner = type(spied).__call__
    monkeypatch.setattr(
        type(spied), "__call__", lambda self, text, **how: seen.append(len(text)) or inner(self, text, **how)
    )
    corpus = file_corpus("files", "long.txt", [tmp_path / "long.txt"], "text", spied, 0)
    corpus.prompt(1, 256)
    assert corpus.available(256, 2) == 2 and sum(seen) < 300_000


@pytest.mark.parametrize("kind", ["text", "shuffled", "random"])
def test_a_shorter_prompt_is_the_beginning_of_the_window(kind: str) -> None:
    stream = np.arange(10_000) % 97
    if kind == "random":
        corpus = Corpus("random", "random", "0", 3, (1,), vocabulary=np.arange(5, 60))
    else:
        corpus = Corpus(kind, kind, "0", 3, (1,), stream=stream, shuffled=kind == "shuffled")
    nested = dataclasses.replace(corpus, window_tokens=400)
    for index in range(4):
        longest = nested.prompt(index, 400)
        np.testing.assert_array_equal(longest, corpus.prompt(index, 400))
        for length in (50, 100, 399):
            np.testing.assert_array_equal(nested.prompt(index, length), longest[:length])
    assert nested.available(50) == nested.available(400) != corpus.available(50) or kind == "random"
