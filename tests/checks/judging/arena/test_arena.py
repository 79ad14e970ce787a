"""What the answer says: who is surely ahead, what is undecided, and what is refused."""

import random
import re
from math import exp

import numpy as np
import pytest

from ropescope.checks.judging.arena.arena import ArenaInputs, answer
from ropescope.errors import InputError
from ropescope.questions.question import Run

HEAD = "model_a,model_b,winner\n"


def ask(tmp_path, text, **more):
    file = tmp_path / "votes.csv"
    file.write_text(text)
    return answer(ArenaInputs(votes=file, **more), Run())


def test_the_first_line(tmp_path):
    sure = ask(tmp_path, HEAD + "A,B,model_a\n" * 60 + "A,B,model_b\n" * 40)
    assert sure.verdict == "A is surely ahead of B by 70.4 Elo [0.9, 139.9]." and sure.holds is True
    open_ = ask(tmp_path, HEAD + "A,B,model_a\n" * 55 + "B,A,model_a\n" * 45)
    assert open_.holds is None and open_.verdict == (
        "Undecided: A leads B by 34.9 Elo [-33.6, 103.3]; about 688 more votes would tell, if the lead stays."
    )
    assert ask(tmp_path, HEAD + "A,B,model_a\n" * 10).verdict == "A is surely ahead of B by at least 140 Elo."
    level = ask(tmp_path, HEAD + "A,B,model_a\nA,B,model_b\n" * 9)
    assert level.verdict.startswith("Undecided") and "no number of votes would tell" in level.verdict
    assert "all 3 votes are ties" in ask(tmp_path, HEAD + "A,B,tie\n" * 3).verdict


def test_one_win_of_a_newcomer_puts_it_nowhere(tmp_path):
    three = "A,B,model_a\n" * 200 + "A,B,model_b\n" * 100 + "B,C,model_a\n" * 200 + "B,C,model_b\n" * 100
    report = ask(tmp_path, HEAD + three + "new,C,model_a\n")
    rows = {row[0]: row for row in report.tables[0].rows}
    assert rows["new"][1] == "1–4" and rows["new"][2] is None
    assert report.verdict.startswith("Undecided: A and new may each be first")


def test_groups_that_never_met_are_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"share no scale: A and B \| C and D"):
        ask(tmp_path, HEAD + "A,B,model_a\nB,A,model_a\nC,D,model_a\nD,C,tie\n")


def arena_of_long_answers(n=6000, seed=0):
    """B is no better than A, but longer, and length wins."""
    rng = np.random.default_rng(seed)
    lines = ["model_a,model_b,winner,length_a,length_b,voter"]
    for at in range(n):
        long, short = np.exp(rng.normal(6, 0.5)), np.exp(rng.normal(5.3, 0.5))
        swap = rng.random() < 0.5
        left, right = (("B", long), ("A", short)) if not swap else (("A", short), ("B", long))
        wins = rng.random() < 1 / (1 + (right[1] / left[1]) ** 0.8)
        lines.append(f"{left[0]},{right[0]},{'model_a' if wins else 'model_b'},{left[1]:.0f},{right[1]:.0f},v{at % 50}")
    return "\n".join(lines)


def test_at_equal_length_a_lead_may_go(tmp_path):
    text = arena_of_long_answers()
    assert ask(tmp_path, text).verdict.startswith("B is surely ahead of A")
    fair = ask(tmp_path, text, length="length", position=True)
    assert fair.verdict.startswith("Undecided") and fair.verdict.endswith("At equal length and position.")
    effect = {fact.name: fact for fact in fair.facts}["an answer twice as long"]
    # 0.8 · ln 2 · 400 / ln 10
    assert effect.interval[0] < 0.8 * 120.4 < effect.interval[1] and effect.interval[1] - effect.interval[0] < 20
    first = {fact.name: fact for fact in fair.facts}["being shown first"]
    assert first.interval[0] < 0 < first.interval[1]
    assert fair.data["voters"] == 50 and "1 no longer are" in fair.caveats[0]


def test_a_covariate_that_tells_nothing_is_refused(tmp_path):
    fixed = "model_a,model_b,winner,length_a,length_b\n" + "A,B,model_a,10,20\nA,B,model_b,10,20\n" * 9
    with pytest.raises(InputError, match="cannot be told apart from the models"):
        ask(tmp_path, fixed, length="length")
    with pytest.raises(InputError, match="same for both answers"):
        ask(tmp_path, fixed.replace("20", "10"), length="length")
    with pytest.raises(InputError, match="position"):
        ask(tmp_path, fixed, position=True)


def test_the_leader_is_the_one_with_the_higher_rating(tmp_path):
    """Ranks may order two models otherwise than their ratings do."""
    rng = random.Random(3)
    rows = []
    for _ in range(4000):
        a, b = rng.sample(range(12), 2)
        outcome = (
            "tie" if rng.random() < 0.15 else "model_a" if rng.random() < 1 / (1 + exp(0.12 * (b - a))) else "model_b"
        )
        rows.append(f"m{a},m{b},{outcome},u{rng.randint(0, 200)}\n")
    report = ask(tmp_path, "model_a,model_b,winner,user\n" + "".join(rows))
    by = re.search(r" leads \S+ by (\S+) Elo", report.verdict)
    assert by is not None and float(by[1]) > 0


def test_voters_who_say_nothing_of_others_are_not_clusters(tmp_path):
    """Twenty voters of whom each gives A 3 votes of 5 have no variance; twelve of ten models have one of too low a rank."""
    rows = "".join(f"A,B,model_{'a' if i < 60 else 'b'},u{i % 20}\n" for i in range(100))
    alike = ask(tmp_path, "model_a,model_b,winner,user\n" + rows)
    assert alike.verdict.endswith("by 70.4 Elo [0.9, 139.9].") and any("too alike" in one for one in alike.caveats)
    rng = random.Random(1)
    rows = ""
    for i in range(600):
        a, b = rng.sample(range(10), 2)
        rows += f"m{a},m{b},model_{rng.choice('ab')},u{i % 12}\n"
    few = ask(tmp_path, "model_a,model_b,winner,user\n" + rows)
    assert few.data["voters"] is None
