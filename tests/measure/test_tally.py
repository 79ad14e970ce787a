"""One prompt's tally against sums over the full attention matrix of the eager implementation."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from tiny_models import TINY, Tiny, build, eager_weights, tokens

from ropescope.errors import CaptureError, MeasurementError
from ropescope.measure.protocol import FixedLength
from ropescope.measure.tally import LayerTally, PromptTally
from ropescope.network.capture import capture_rows
from ropescope.network.prefill import prefill

LENGTH = 128
PROTOCOL = FixedLength(length=LENGTH, rows=12, sinks=3)
ROWS = PROTOCOL.positions(np.random.default_rng(5))


def tally(tiny: Tiny, n_tokens: int = LENGTH, chunk: int | None = None) -> list[LayerTally]:
    model = build(tiny)
    prompt = PromptTally(PROTOCOL, ROWS, n_tokens)
    with capture_rows(model, prompt.wanted, prompt):
        prefill(model, tokens(n_tokens), chunk or n_tokens)
    return prompt.layers()


@pytest.mark.parametrize("model_type", ["llama", "gemma2", "bloom", "mistral", "llama4_text"])
@pytest.mark.parametrize("chunk", [None, 50])
def test_bins_equal_sums_over_the_matrix(model_type: str, chunk: int | None) -> None:
    tiny = next(tiny for tiny in TINY if tiny.model_type == model_type)
    weights, _ = eager_weights(tiny, tokens(LENGTH))
    edges = PROTOCOL.edges
    for layer, found in enumerate(tally(tiny, chunk=chunk)):
        matrix = weights[layer].double().numpy()
        for b, (low, high) in enumerate(pairwise(edges)):
            cells = [
                (row, row - d)
                for row in ROWS
                for d in range(low, high)
                if row - d >= PROTOCOL.sinks and (matrix[:, row, row - d] > 0).any()
            ]
            expected = sum(matrix[:, row, key] for row, key in cells) / len(ROWS) if cells else np.zeros(4)
            np.testing.assert_allclose(found.mass[:, b], expected, atol=2e-6)
            assert found.cells[b] == len(cells)
        np.testing.assert_allclose(
            found.sink_mass, matrix[:, ROWS, : PROTOCOL.sinks].sum(axis=2).mean(axis=1), atol=2e-6
        )
        np.testing.assert_allclose(found.mass.sum(axis=1) + found.sink_mass, 1.0, atol=1e-5)


def test_sink_logits_complete_the_mass() -> None:
    tiny = next(tiny for tiny in TINY if tiny.model_type == "gpt_oss")
    for layer in tally(tiny):
        assert (layer.sink_logit_mass > 0).all()
        np.testing.assert_allclose(layer.mass.sum(axis=1) + layer.sink_mass + layer.sink_logit_mass, 1.0, atol=1e-5)


def test_legacy_cells_equal_the_published_way() -> None:
    """The published way runs a sequence of d + 50 tokens for each distance and reads its last row at key 49."""
    tiny, n_tokens = TINY[0], 160
    found = tally(tiny, n_tokens)
    ids = tokens(n_tokens)
    distances = (10, 20, 30, 50, 100)
    for slot, distance in enumerate(distances):
        weights, _ = eager_weights(tiny, ids[:, : distance + 50])
        for layer, full in enumerate(weights):
            np.testing.assert_allclose(found[layer].legacy[:, slot], full[:, -1, 49].numpy(), atol=2e-6)
    assert found[0].legacy.shape[1] == len(distances)


def test_nan_names_the_layer() -> None:
    model = build(TINY[0])
    with torch.no_grad():
        model.model.layers[1].self_attn.k_proj.weight[0, 0] = float("nan")
    prompt = PromptTally(PROTOCOL, ROWS, LENGTH)
    with (
        pytest.raises(CaptureError, match=r"Layer 1 .*not a number \(heads 0"),
        capture_rows(model, prompt.wanted, prompt),
    ):
        prefill(model, tokens(LENGTH), LENGTH)


def test_a_prompt_too_short_is_refused() -> None:
    model = build(TINY[0])
    prompt = PromptTally(PROTOCOL, ROWS, LENGTH)
    with capture_rows(model, prompt.wanted, prompt):
        prefill(model, tokens(110), 110)
    with pytest.raises(MeasurementError, match="ended before"):
        prompt.layers()
