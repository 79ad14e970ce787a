"""The picture of all verdicts: every claim once, no tile over another or out of the picture, however long the ids."""

from dataclasses import replace
from itertools import pairwise

import pytest

from ropescope.evidence.verdicts.claim import VERDICTS
from ropescope.evidence.verdicts.recompute import recompute
from ropescope.evidence.verdicts.registry import find_claim
from ropescope.evidence.verdicts.tiles import verdicts_figure


@pytest.fixture(scope="module")
def entry(shipped):
    return recompute([find_claim("C2")], shipped)[0]


def _named(entry, id, verdict):
    return replace(entry, claim=replace(entry.claim, id=id), finding=replace(entry.finding, verdict=verdict))


def test_tiles_stand_side_by_side_within_the_picture(entry):
    ids = [f"C{i}" for i in range(1, 40)] + [f"P2-a-long-name-{i}" for i in range(20)]
    figure = verdicts_figure([_named(entry, id, VERDICTS[i % 5]) for i, id in enumerate(ids)])
    picture = figure.spec["hconcat"][1]
    tiles = picture["data"]["values"]
    assert sorted(tile["id"] for tile in tiles) == sorted(ids)
    assert all(0 <= tile["left"] < tile["middle"] < tile["right"] <= picture["width"] for tile in tiles)
    for one, next in pairwise(sorted(tiles, key=lambda tile: (tile["line"], tile["left"]))):
        assert one["line"] < next["line"] or one["right"] <= next["left"]
    # A line holds one verdict, and its label stands on the first of its lines.
    assert all(len({t["verdict"] for t in tiles if t["line"] == tile["line"]}) == 1 for tile in tiles)
    labels = {row["label"]: row["line"] for row in figure.spec["hconcat"][0]["data"]["values"]}
    for verdict in VERDICTS:
        members = [tile for tile in tiles if tile["verdict"] == verdict]
        assert labels[f"{verdict} ({len(members)})"] == min(tile["line"] for tile in members)


def test_a_verdict_that_nobody_has_takes_no_line(entry):
    figure = verdicts_figure([_named(entry, "C1", "reproduced"), _named(entry, "C2", "true by definition")])
    assert [row["line"] for row in figure.spec["hconcat"][0]["data"]["values"]] == [0, 1]
