"""The longest run of an item's words in a corpus, by hand and against a search in the text."""

import random

import pytest

from ropescope.checks.judging.contamination.overlap import Index, tokens

TEN = "Alpha beta gamma delta epsilon zeta eta theta iota kappa"


def share(item, *texts, n=8, skips=0):
    index = Index([tokens(item)], n)
    for text in texts:
        index.read([text] if isinstance(text, str) else text, "a corpus")
    (match,) = index.matches(skips)
    return match.share


def test_nine_leading_words_of_ten_are_nine_tenths():
    assert share(TEN, "… ALPHA, beta gamma delta epsilon—zeta eta theta iota! Then others.") == 0.9
    assert share(TEN, "nothing of it is here, not even in part of a sentence") == 0
    assert share(TEN, TEN) == 1
    # Seven in a row are too few for n = 8, and are seven tenths for n = 7.
    assert share(TEN, "alpha beta gamma delta epsilon zeta eta") == 0
    assert share(TEN, "alpha beta gamma delta epsilon zeta eta", n=7) == 0.7


def test_texts_do_not_run_into_each_other_and_pieces_of_one_do():
    assert share(TEN, "alpha beta gamma delta", "epsilon zeta eta theta") == 0
    assert share(TEN, ["alpha beta gam", "ma delta epsilon", " zeta eta theta"]) == 0.8
    assert share(TEN, [word + " " for word in TEN.split()]) == 1


def test_a_word_that_differs_breaks_a_run_unless_it_may():
    item = " ".join(f"w{at}" for at in range(20))
    changed = item.replace("w9 ", "other ")
    assert share(item, changed) == 10 / 20
    assert share(item, changed, skips=1) == 19 / 20
    assert share(item, changed.replace("w10", "x"), skips=1) == 9 / 20


def test_characters_of_chinese_are_words():
    assert tokens("日本語 Naïve ﬁle") == ["日", "本", "語", "naïve", "file"]
    assert share("今天天气很好我们去公园", "他说今天天气很好我们去学校") == 9 / 11


def test_a_run_is_the_longest_substring_of_one_text():
    rng = random.Random(0)
    words = [f"w{at}" for at in range(6)]
    for _ in range(200):
        item = [rng.choice(words) for _ in range(12)]
        text = [rng.choice(words) for _ in range(300)]
        longest = max(
            (end - start for start in range(12) for end in range(start + 3, 13)
             if f" {' '.join(item[start:end])} " in f" {' '.join(text)} "),
            default=0,
        )  # fmt: skip
        found = share(" ".join(item), " ".join(text), n=3)
        # Runs of overlapping 3-grams may be stitched from several places: never shorter than a true substring.
        assert found >= longest / 12
        if longest == 0:
            assert found == pytest.approx(0)
