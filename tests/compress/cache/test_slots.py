"""The ring keeps the tokens that a list would keep."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from ropescope.compress.cache.heads import HeadStore
from ropescope.compress.cache.slots import slot_of, tokens_in_slots, visible

sizes = st.integers(0, 5)


@given(seen=st.integers(1, 60), sinks=sizes, window=st.integers(1, 12))
def test_slots_hold_the_sinks_and_the_latest(seen: int, sinks: int, window: int) -> None:
    held = tokens_in_slots(torch.tensor(seen), sinks + window, sinks, window).tolist()
    kept = set(range(min(sinks, seen))) | set(range(max(sinks, seen - window), seen))
    assert sorted(token for token in held if token >= 0) == sorted(kept)
    for slot, token in enumerate(held):
        assert token < 0 or slot_of(token, sinks, window) == slot
    sees = visible(torch.tensor(seen - 1), torch.arange(seen), sinks, window)
    assert set(torch.nonzero(sees)[:, 0].tolist()) == kept


@given(
    pieces=st.lists(st.integers(1, 17), min_size=1, max_size=8), sinks=sizes, window=st.integers(1, 12),
    padding=st.one_of(st.none(), st.lists(st.integers(0, 6), min_size=2, max_size=2)),
)  # fmt: skip
def test_a_store_holds_what_a_list_would(pieces: list[int], sinks: int, window: int, padding: list[int] | None) -> None:
    if padding is not None:
        pieces = [max(padding) + 1, *pieces]
    total = sum(pieces)
    # Three KV heads, of which the store has two; each state tells its row, head and position.
    states = torch.stack([torch.stack([torch.arange(total) + 1000 * head for head in range(3)]) for _ in range(2)])
    states = (states + 10_000 * torch.arange(2)[:, None, None])[..., None].float()
    store, seen = HeadStore((0, 2), sinks, window), 0
    pads = None if padding is None else torch.tensor(padding)
    for piece in pieces:
        new = states[:, :, seen : seen + piece]
        store.write(new, -new, seen, pads)
        seen += piece
    keys, values = store.held()
    assert torch.equal(values, -keys)
    assert keys.shape[2] <= min(sinks + window, total + total // 64)
    for row in range(2):
        own = states[row, :, (padding or [0, 0])[row] :, 0]
        n = own.shape[1]
        kept = [*range(min(sinks, n)), *range(max(sinks, n - window), n)]
        for place, head in enumerate((0, 2)):
            found = set(keys[row, place, :, 0].tolist()) - {0.0}
            assert found == set(own[head, kept].tolist()) - {0.0}
