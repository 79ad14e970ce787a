"""Readers of attention rows: single cells, and prefix matching on patterns built by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny_models import TINY, build, eager_weights, tokens

from ropescope.evidence.experiments.context import ExperimentContext
from ropescope.evidence.experiments.experiment import Setting
from ropescope.evidence.experiments.readers import CellReader, PrefixMatching, repeated_tokens
from ropescope.network.capture import capture_rows
from ropescope.network.rows import AttentionRows


def rows(
    weights: torch.Tensor, positions: list[int], *, start: int = 0, call: int = 0, key_start: int = 0
) -> AttentionRows:
    """Rows of a hand-built pattern [heads, rows, keys]; `start` is the first head of four."""
    return AttentionRows(
        call=call,
        layer=call,
        heads=slice(start, start + weights.shape[0]),
        n_heads=4,
        positions=torch.tensor(positions),
        key_start=key_start,
        weights=weights,
        entropy=torch.zeros(weights.shape[:2]),
        sink_logit=None,
        reach=None,
    )


def test_a_perfect_induction_head_scores_one() -> None:
    """s of 8 tokens twice: the query at 8 + i attends to i + 1, what followed the present token the first time."""
    n, positions = 8, list(range(8, 16))
    pattern = torch.zeros(4, n, 16)
    for i, position in enumerate(positions):
        pattern[0, i, position - n + 1] = 1.0  # induction
        pattern[1, i, position - n] = 1.0  # the same token before: a duplicate-token head, no induction
        pattern[2, i, : position + 1] = 1 / (position + 1)  # uniform
        pattern[3, i, position - n + 1] = 1.0 if i % 2 else 0.0  # every other row
    reader = PrefixMatching(n - 1)
    # Heads come in blocks, rows in parts, as the capture gives them.
    for block in (slice(0, 2), slice(2, 4)):
        for part in (slice(0, 5), slice(5, 8)):
            reader(rows(pattern[block, part], positions[part], start=block.start))
    expected = [1.0, 0.0, np.mean([1 / (p + 1) for p in positions]), 0.5]
    np.testing.assert_allclose(reader.scores(), [expected], rtol=1e-6)


def test_keys_before_a_window_have_no_weight() -> None:
    pattern = torch.full((4, 2, 6), 1 / 6)
    reader = PrefixMatching(7)
    reader(rows(pattern, [14, 15], key_start=8))  # keys 7 and 8 are wanted; the layer keeps 8 … 13
    np.testing.assert_allclose(reader.scores(), [[1 / 12] * 4], rtol=1e-6)


def test_scores_of_a_model_are_those_of_its_eager_attention() -> None:
    tiny = TINY[0]
    ids = torch.cat([tokens(24), tokens(24)], dim=1)
    reader = PrefixMatching(23)
    model = build(tiny)
    with torch.inference_mode(), capture_rows(model, range(24, 48), reader):
        model(ids)
    weights, _ = eager_weights(tiny, ids)
    expected = [[float(layer[h].diagonal(-23)[1:].mean()) for h in range(4)] for layer in weights]
    np.testing.assert_allclose(reader.scores(), expected, atol=2e-6)


def test_repeated_tokens() -> None:
    made = repeated_tokens(np.arange(50, 90), (1,), 30, 0, 0)
    assert made[0] == 1 and len(made) == 61
    np.testing.assert_array_equal(made[1:31], made[31:])
    assert len(set(made[1:31].tolist())) == 30  # all different: one earlier occurrence each
    assert (made != repeated_tokens(np.arange(50, 90), (1,), 30, 0, 1)).any()


@pytest.mark.parametrize("model_type", ["llama", "mistral"])
def test_cells_are_those_of_eager_attention(model_type: str) -> None:
    tiny = next(tiny for tiny in TINY if tiny.model_type == model_type)  # mistral: a sliding window of 24
    cells = [(40, 3), (40, 30), (12, 3), (63, 50), (63, 0)]
    ids = tokens(64)
    weights, _ = eager_weights(tiny, ids)
    reader = CellReader(cells)
    model = build(tiny)
    with torch.inference_mode(), capture_rows(model, [query for query, _ in cells], reader):
        model(ids)
    expected = [float(np.mean([layer[:, q, k].mean().item() for layer in weights])) for q, k in cells]
    np.testing.assert_allclose(reader.mean(), expected, atol=2e-6)
    assert (reader.mean()[[0, 4]] == 0).all() == (model_type == "mistral")


def test_offset_fifty_is_the_published_protocol(sharp_folder: Path) -> None:
    """The cells read here at c = 50 are those that the instrument tallies on the same prompts."""
    setting = Setting(prompts=4, length=512, corpus="random", dtype="float32")
    context = ExperimentContext((str(sharp_folder),), setting)
    profile = context.measure("measured")
    distances = [d for d in profile.legacy_distances if d >= 30]
    cells = [(d + 49, 49) for d in distances]
    corpus = context.corpus()
    readers = context.read(
        "read", [corpus.prompt(i, 512) for i in range(4)], [q for q, _ in cells], lambda: CellReader(cells)
    )
    expected: NDArray[np.float64] = np.nanmean(profile.legacy.astype(np.float64), axis=(1, 2))[:, -len(distances) :]
    np.testing.assert_allclose([reader.mean() for reader in readers], expected, rtol=1e-5)
