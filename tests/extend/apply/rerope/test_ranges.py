"""Every query reads every earlier key once, near or far, however the text is cut."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ropescope.extend.apply.rerope import ranges
from ropescope.extend.apply.rerope.ranges import Ranges, causal_blocks


@settings(max_examples=200, deadline=None)
@given(
    near=st.integers(1, 30),
    beyond=st.integers(0, 40),
    first=st.integers(0, 90),
    count=st.integers(1, 90),
    block=st.integers(1, 40),
    padded=st.integers(0, 60),
)
def test_parts_hold_each_pair_once(near: int, beyond: int, first: int, count: int, block: int, padded: int) -> None:
    trained, total = near + beyond, first + count
    read = torch.zeros(count, total, dtype=torch.long)  # 1: near, 10: far
    padding = (torch.arange(total) >= padded)[None]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranges, "BLOCK", block)
        for rows, parts in causal_blocks(Ranges(near, trained, 3.0), first, count, padding=padding):
            for part in parts:
                assert part.visible is not None
                read[rows, part.keys] += torch.where(part.visible[0, 0], 10 if part.far else 1, 0)
    queries, keys = torch.arange(first, total)[:, None], torch.arange(total)
    far = (queries - keys >= near) & (queries >= trained)
    expected = torch.where((keys <= queries) & (keys >= padded), torch.where(far, 10, 1), 0)
    assert torch.equal(read, expected)


def test_most_far_keys_need_no_mask() -> None:
    (_, parts), *_ = causal_blocks(Ranges(2048, 8192, 5.0), 16384, 1024)
    bulk = next(part for part in parts if part.visible is None)
    assert bulk.far and bulk.keys == slice(0, 16384 - 2048 + 1)
    assert sum(part.visible.numel() for part in parts if part.visible is not None) <= 1024 * (2048 + 2 * 1024)
