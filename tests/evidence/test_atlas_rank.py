"""Only what was read alike is ranked together, and a rank claims no more than the intervals hold."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from made_rows import made_row

from ropescope.evidence.atlas_rank import groups_of, ranked


def models(group: object) -> list[str]:
    return [row.model for row in group.rows]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "other",
    [
        {"length": 2048},
        {"corpus": "shuffled text"},
        {"corpus_sha256": "cd" * 32},
        {"protocol": "legacy"},
        {"sink_tokens": 0},
        {"d_min": 20},
    ],
)
def test_what_was_read_otherwise_is_a_group_of_its_own(other: dict[str, object]) -> None:
    groups = groups_of([made_row("org/a"), made_row("org/b", **other), made_row("org/c")])
    assert [sorted(models(group)) for group in groups] == [["org/a", "org/c"], ["org/b"]]


def test_random_tokens_are_one_corpus_whatever_the_vocabulary() -> None:
    rows = [made_row(f"org/{i}", corpus="random", corpus_sha256=f"{i}" * 64) for i in range(3)]
    (group,) = groups_of(rows)
    assert len(group.rows) == 3 and group.corpus_about == "random tokens"


def test_legacy_rows_with_other_distances_have_another_null() -> None:
    rows = [made_row(f"org/{d}", protocol="legacy", d_max=d) for d in (2000, 1000, 2000)]
    assert [len(group.rows) for group in groups_of(rows)] == [2, 1]


def test_order_of_groups_and_rows() -> None:
    rows = [
        made_row("org/l", protocol="legacy", gamma=0.1),
        made_row("org/x", corpus="random"),
        made_row("org/b", gamma=0.9),
        made_row("org/a", gamma=0.5),
        made_row("org/none", gamma=None),
    ]
    groups = groups_of(rows)
    assert [models(group) for group in groups] == [["org/a", "org/b", "org/none"], ["org/x"], ["org/l"]]
    assert groups[0].label == "fixed length 1,024, text"
    assert groups_of([]) == ()


def test_ranks_by_hand() -> None:
    # Three pairs: each needs a difference of 2.394 standard errors of it. Half-widths 0.05 give 0.0361 for a difference,
    # so 0.0864 tells two rows apart: 0.50 from 0.60, but 0.60 not from 0.68.
    rows = [made_row("org/a", 0.50), made_row("org/b", 0.60), made_row("org/c", 0.68)]
    assert [item.rank for item in ranked(rows)] == ["1", "2–3", "2–3"]
    least = NormalDist().inv_cdf(1 - 0.05 / 6) * 2**0.5 * 0.05 / NormalDist().inv_cdf(0.975)
    assert least == pytest.approx(0.0864, abs=1e-4)
    for factor, expected in ((1.01, ["1", "2", "3"]), (0.99, ["1–2", "1–2", "3"])):
        rows = [made_row("org/a", 0.5), made_row("org/b", 0.5 + factor * least), made_row("org/c", 0.9)]
        assert [item.rank for item in ranked(rows)] == expected


def test_a_row_without_an_interval_has_no_rank_and_takes_none() -> None:
    rows = [made_row("org/one", 0.2, None), made_row("org/a", 0.5), made_row("org/b", 0.9), made_row("org/none", None)]
    assert [item.rank for item in ranked(rows)] == ["–", "1", "2", "–"]


def test_one_row_alone_is_first() -> None:
    assert [item.rank for item in ranked([made_row()])] == ["1"]


def test_the_true_rank_is_within_the_range_as_often_as_is_said() -> None:
    """400 panels of six models with known exponents, two of them equal: some true rank is missed in at most 5 %."""
    rng = np.random.default_rng(0)
    truth = np.array([0.50, 0.56, 0.56, 0.60, 0.66, 0.90])
    allowed = [{1}, {2, 3}, {2, 3}, {4}, {5}, {6}]
    missed, widths = 0, []
    for _ in range(400):
        se = rng.uniform(0.01, 0.04, 6)
        seen = truth + se * rng.standard_normal(6)
        rows = [made_row(str(i), float(seen[i]), float(1.96 * se[i])) for i in np.argsort(seen)]
        items = {int(item.row.model): item for item in ranked(rows)}
        assert all(item.best is not None and item.worst is not None for item in items.values())
        missed += any(not set(range(items[i].best, items[i].worst + 1)) & allowed[i] for i in range(6))
        widths += [item.worst - item.best for item in items.values()]
    assert missed / 400 <= 0.05
    assert np.mean(widths) < 3  # and not by saying nothing: all of 1–6 would be 5 wide
