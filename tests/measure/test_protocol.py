"""Rows, bins and published distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropescope.errors import MeasurementError
from ropescope.measure.protocol import FixedLength, legacy_distances


@given(length=st.integers(64, 100_000), sinks=st.integers(0, 16), per_octave=st.integers(1, 12))
def test_bins_partition_the_distances_and_end_at_the_largest(length: int, sinks: int, per_octave: int) -> None:
    protocol = FixedLength(length=length, rows=1, sinks=sinks, bins_per_octave=per_octave)
    edges = protocol.edges
    assert edges[0] == 0 and edges[1] == 1 and edges[-1] == length
    assert (np.diff(edges) > 0).all()
    assert protocol.max_distance + 1 in edges


@given(length=st.integers(64, 20_000), rows=st.integers(1, 16), seed=st.integers(0, 99))
def test_every_row_has_every_distance(length: int, rows: int, seed: int) -> None:
    protocol = FixedLength(length=length, rows=rows)
    positions = protocol.positions(np.random.default_rng(seed))
    assert len(set(positions.tolist())) == rows
    assert positions.min() - protocol.max_distance >= protocol.sinks
    assert positions.max() < length and positions.min() >= 3 * length // 4


def test_published_distances_need_fifty_tokens_more() -> None:
    assert legacy_distances(2050) == (10, 20, 30, 50, 100, 200, 500, 1000, 2000)
    assert legacy_distances(2049)[-1] == 1000
    assert legacy_distances(59) == ()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"length": 63}, "`length` must be a whole number of at least 64"),
        ({"length": 2048.0}, "`length` must be a whole number"),
        ({"rows": 0}, "`rows` must be"),
        ({"length": 64, "rows": 17}, "17 rows do not fit in the last quarter of 64 tokens"),
        ({"sinks": -1}, "`sinks` must be"),
        ({"length": 64, "rows": 4, "sinks": 40}, "leave no distances"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, int], sentence: str) -> None:
    with pytest.raises(MeasurementError, match=sentence):
        FixedLength(**settings)
