"""The restated methods keep what their authors' code in kvpress keeps, and what follows from their definitions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from planned_models import tiny
from tiny_models import build, tokens

from ropescope.compress.evaluate.methods.method import Method, Prefilled
from ropescope.compress.evaluate.methods.restated import (
    RESTATED,
    TOVA,
    KeyDiff,
    Knorm,
    PyramidKV,
    RandomTokens,
    SnapKV,
    attention_of_last,
)
from ropescope.compress.evaluate.scoring.harness import prefill
from ropescope.errors import EvaluationError
from ropescope.models.opening import open as open_model

N = 200


@pytest.fixture(scope="module")
def filled() -> Prefilled:
    network = build(tiny("llama"))
    return prefill(network, open_model(network.config.to_dict()), tokens(N))


PRESSES = {
    SnapKV: "SnapKVPress",
    PyramidKV: "PyramidKVPress",
    TOVA: "TOVAPress",
    Knorm: "KnormPress",
    KeyDiff: "KeyDiffPress",
}


@pytest.mark.parametrize("method", PRESSES, ids=lambda method: method.__name__)
@pytest.mark.parametrize("budget", [0.125, 0.35, 0.6])
def test_what_is_kept_is_what_kvpress_keeps(filled: Prefilled, method: Any, budget: float) -> None:
    kvpress = pytest.importorskip("kvpress", reason="kvpress is not installed: pip install 'ropescope[peers]'")
    press = getattr(kvpress, PRESSES[method])(compression_ratio=1 - budget)
    for layer, kept in enumerate(method().keep(filled, budget)):
        keys, values = filled.keys(layer)[None], filled.values(layer)[None]
        given = {"position_embeddings": filled.position_embeddings}
        left, _ = press.compress(filled.modules[layer], filled.hidden[layer], keys, values, None, given)
        assert kept is not None
        ours = [sorted(map(tuple, head[chosen].tolist())) for head, chosen in zip(keys[0], kept, strict=True)]
        assert ours == [sorted(map(tuple, head.tolist())) for head in left[0]]


def test_attention_of_the_last_queries_is_that_of_the_model(filled: Prefilled) -> None:
    with torch.no_grad():
        seen = build(tiny("llama"))(filled.tokens, output_attentions=True).attentions
    for layer, weights in enumerate(seen):
        ours = attention_of_last(filled, layer, 64).reshape(4, 64, N)
        assert torch.allclose(ours, weights[0, :, -64:], atol=1e-6)


@pytest.mark.parametrize("method", RESTATED, ids=lambda method: method.name)
def test_every_method_keeps_what_its_budget_allows(filled: Prefilled, method: Method) -> None:
    assert isinstance(method, Method)
    counts = [int(kept.sum()) for kept in method.keep(filled, 0.4) if kept is not None]
    assert sum(counts) == 3 * 2 * 80
    assert method.keep(filled, 0.4)[1].equal(method.keep(filled, 0.4)[1])  # type: ignore[union-attr, arg-type]


def test_the_pyramid_falls_from_the_first_layer_to_the_last() -> None:
    network = build(tiny("llama"))
    long = prefill(network, open_model(network.config.to_dict()), tokens(1000))
    # max = 2·500 − 25 = 975, cut to 1000 − 64 = 936, min = 64; the steps between are even.
    assert [PyramidKV().count(long, layer, 0.5) for layer in range(3)] == [936, 500, 64]
    assert [PyramidKV().count(long, layer, 0.3) for layer in range(3)] == [300, 300, 300]  # the last would get 15


def test_random_tokens_differ_by_seed_layer_and_head(filled: Prefilled) -> None:
    first, other = RandomTokens().keep(filled, 0.3), RandomTokens(seed=1).keep(filled, 0.3)
    assert first[0] is not None and first[1] is not None and other[0] is not None
    assert not first[0].equal(other[0]) and not first[0].equal(first[1]) and not first[0][0].equal(first[0][1])


def test_less_than_a_token_is_refused(filled: Prefilled) -> None:
    with pytest.raises(EvaluationError, match=r"0\.40% of 200 tokens is less than one token a head"):
        Knorm().keep(filled, 0.004)
