"""Rows of different lengths that join one cache, and leave it, are each as if they were alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers
from packaging.version import Version
from planned_models import logits_in_pieces, ragged_plan, tiny
from tiny_models import build, carries_states, tokens

from ropescope.compress.cache.latents import LATENTS_FROM
from ropescope.compress.cache.rows import Rows, empty_cache

N = 72
needs_latents = pytest.mark.skipif(
    Version(transformers.__version__) < Version(LATENTS_FROM),
    reason="this transformers keeps keys in the place of latents",
)
LENGTHS, ANSWER = (40, 9, 61, 33), 6


def step(network: Any, rows: Rows, texts: list[torch.Tensor]) -> torch.Tensor:
    """[rows, vocabulary] the logits behind one more token of each row's text."""
    ids = torch.stack([text[0, length : length + 1] for text, length in zip(texts, rows.lengths, strict=False)])
    given = {"position_ids": rows.positions(), "attention_mask": rows.mask(), "past_key_values": rows.cache}
    with torch.no_grad():
        logits: torch.Tensor = network(ids, **given).logits[:, -1]
    rows.went_on()
    return logits


@pytest.mark.parametrize(
    ("family", "picks"),
    [("llama", 6), ("llama", 0), ("gemma3_text", 6), ("gpt2", 6), ("gpt_oss", 6), ("llama", None), ("gemma3_text", None),
     ("llama4_text", None), pytest.param("deepseek_v3", 6, marks=needs_latents),
     pytest.param("lfm2", 6, marks=carries_states), pytest.param("jamba", 6, marks=carries_states)],
)  # fmt: skip
def test_rows_that_come_and_go_are_as_if_alone(family: str, picks: int | None) -> None:
    """picks: those of a plan; None: transformers' own cache."""
    network = build(tiny(family))
    plan = None if picks is None else ragged_plan(network, length=N, seed=2, most_picks=picks)
    texts = [tokens(n + ANSWER, seed=n) for n in LENGTHS]
    expected = [
        logits_in_pieces(network, text, empty_cache(plan, network), [n, *[1] * ANSWER])[0, n:]
        for text, n in zip(texts, LENGTHS, strict=True)
    ]

    def begun(index: int) -> Rows:
        cache = empty_cache(plan, network)
        logits_in_pieces(network, texts[index][:, : LENGTHS[index]], cache, [LENGTHS[index]])
        return Rows(cache, [LENGTHS[index]])

    together, order, seen = begun(0), [0], [0] * len(texts)
    for arriving, leaving in ((1, None), (2, 0), (None, None), (3, None), (None, 2), (None, None)):
        if arriving is not None:
            together.join(begun(arriving))
            order.append(arriving)
        if leaving is not None:
            together.keep([row for row, index in enumerate(order) if index != leaving])
            order.remove(leaving)
        found = step(network, together, [texts[index] for index in order])
        for row, index in zip(found, order, strict=True):
            assert (row - expected[index][seen[index]]).abs().max() < 1e-4
            seen[index] += 1
    assert seen == [1, 6, 3, 3]


def test_bytes_fall_with_the_longest_row() -> None:
    network = build(tiny("llama"))
    plan = ragged_plan(network, length=400, seed=3)

    def begun(length: int) -> Rows:
        cache = plan.cache(network)
        logits_in_pieces(network, tokens(length), cache, [length])
        return Rows(cache, [length])

    rows = begun(350)
    for length in (90, 300, 90):
        rows.join(begun(length))
    assert 4 * plan.bytes_at(350) <= rows.held_bytes() <= 1.02 * 4 * plan.bytes_at(350)
    rows.keep([1, 3])
    assert 2 * plan.bytes_at(90) <= rows.held_bytes() <= 1.02 * 2 * plan.bytes_at(90)
    assert rows.cache.get_seq_length() == 90 and rows.mask() is None


def test_quantised_rows_are_rounded_as_if_alone() -> None:
    """To the bit: each is quantised when it would be alone, also where padded rows join."""
    pytest.importorskip("optimum.quanto")
    network = build(tiny("llama"))
    plan = ragged_plan(network, length=N, even=30, most_picks=6).quantized(4, newest=3)
    texts = [tokens(n + ANSWER, seed=n) for n in LENGTHS]

    def begun(index: int) -> Rows:
        cache = plan.cache(network)
        logits_in_pieces(network, texts[index][:, : LENGTHS[index]], cache, [LENGTHS[index]])
        return Rows(cache, [LENGTHS[index]])

    together, alone = begun(0), [begun(index) for index in range(len(texts))]
    for index in (1, 2, 3):
        together.join(begun(index))
        step(network, together, texts)
        for row in range(index + 1):
            step(network, alone[row], texts[row:])
    together.keep([0, 2, 3])
    step(network, together, [texts[0], *texts[2:]])
    for place, index in enumerate((0, 2, 3)):
        step(network, alone[index], texts[index:])
        for mine, own in zip(together.cache.layers, alone[index].cache.layers, strict=True):
            for joined, store in zip(mine.stores, own.stores, strict=True):
                held, expected = joined.held()[0][place], store.held()[0][0]
                assert (held[:, : expected.shape[1]] - expected).abs().max() < 1e-5
    assert together.held_bytes() == sum(alone[index].held_bytes() for index in (0, 2, 3))
    twice = together.cache.layers[0].stores[0]
    twice.select_rows(torch.tensor([1, 1, 0]))
    assert twice.rows[0] is not twice.rows[1] and torch.equal(twice.held()[0][0], twice.held()[0][1])
