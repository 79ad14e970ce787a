"""Losses, against the cross-entropy of transformers' own logits, for models that treat their logits in many ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tiny_models import KEPT_IN_CACHES, carries_states
from tiny_networks import network_of
from torch.overrides import TorchFunctionMode

from ropescope.errors import MeasurementError
from ropescope.quality import loss
from ropescope.quality.loss import bands_of, losses_by_band, prefill, token_losses, windowed_losses

# A soft-cap, scales, a decoder within a decoder, tied and untied output, sliding windows, states beside keys, experts.
FAMILIES = (
    "llama", "gemma2", "cohere", "granite", "opt", "gpt2", "modernbert-decoder", "llama4_text", "mistral",
    "gpt_oss", "bloom", "phimoe",
)  # fmt: skip
HYBRIDS = ("falcon_h1", "qwen3_next")
CHUNKS = (
    *((family, 17) for family in FAMILIES),
    *(pytest.param(family, 17, marks=carries_states) for family in HYBRIDS),
    *(pytest.param(family, 60, marks=() if family in ("llama", "gemma2") else pytest.mark.long) for family in FAMILIES),
    *(pytest.param(family, 60, marks=(carries_states, pytest.mark.long)) for family in HYBRIDS),
)


def expected(network: Any, ids: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        logits = network(ids[None]).logits[0, :-1].float()
    return F.cross_entropy(logits, ids[1:], reduction="none")


def ids_of(n_tokens: int) -> torch.Tensor:
    return torch.randint(3, 96, (n_tokens,), generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(("family", "chunk"), CHUNKS)
def test_losses_are_the_cross_entropy_of_the_models_logits(
    family: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss, "_BLOCK_NUMBERS", 96 * 7)  # several blocks to a chunk
    network, ids = network_of(family, torch.float32), ids_of(60)
    torch.testing.assert_close(token_losses(network, ids, chunk=chunk), expected(network, ids), atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("skip", [0, 1, 16, 17, 43, 58])
def test_skip_leaves_out_the_first(skip: int) -> None:
    network, ids = network_of("llama", torch.float32), ids_of(60)
    found = token_losses(network, ids, skip=skip, chunk=17)
    assert found.dtype == torch.float32 and found.shape == (59 - skip,)
    torch.testing.assert_close(found, expected(network, ids)[skip:], atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("kept", [0, 1])
@pytest.mark.parametrize("window", [8, 21, 59, 60, 200])
def test_a_window_is_all_that_is_seen(window: int, kept: int) -> None:
    """Token by token: the logits of transformers for what is shown, and nothing else."""
    network, ids = network_of("llama", torch.float32), ids_of(60)
    found = windowed_losses(network, ids, window, kept=kept, chunk=17)
    whole = expected(network, ids)
    torch.testing.assert_close(found[: window - 1], whole[: window - 1], atol=2e-5, rtol=1e-5)
    step = window // 4
    for token in range(window, 60):
        end = min(window + step * ((token - window) // step + 1), 60)  # where the window ends that this token is in
        shown = torch.cat([ids[:kept], ids[end - window + kept : token + 1]])
        assert len(shown) > 3 * window // 4
        torch.testing.assert_close(found[token - 1], expected(network, shown)[-1], atol=2e-5, rtol=1e-5)


def test_on_a_filled_cache() -> None:
    network, ids = network_of("llama", torch.float32), ids_of(60)
    cache = prefill(network, ids[:40], chunk=16)
    assert cache.get_seq_length() == 40
    found = token_losses(network, ids[None, 40:], cache=cache)
    torch.testing.assert_close(found, expected(network, ids)[40:], atol=2e-5, rtol=1e-5)


def test_the_network_is_as_before() -> None:
    network, ids = network_of("llama", torch.float32), ids_of(20)
    before = network(ids[None]).logits
    token_losses(network, ids)
    assert "forward" not in vars(network.model)
    assert torch.equal(network(ids[None]).logits, before)


class Largest(TorchFunctionMode):
    """The most positions that any tensor over the vocabulary has, and the most numbers of any tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = 0

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor) and made.dim() >= 2 and made.shape[-1] == 96 and made.shape[0] == 1:
            self.positions = max(self.positions, made.shape[-2])
        return made


def test_no_more_logits_than_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss, "_BLOCK_NUMBERS", 96 * 8)
    network = network_of("llama", torch.float32)
    with Largest() as seen:
        token_losses(network, ids_of(120))
    assert seen.positions == 8
    with Largest() as seen:
        prefill(network, ids_of(120))
    assert seen.positions == 0


def test_bands() -> None:
    losses = torch.arange(1.0, 10.0)  # of positions 1 … 9: each is its own position
    assert losses_by_band(losses, [(0, 4), (4, 8), (8, 10)]) == [2.0, 5.5, 8.5]
    assert losses_by_band(losses[4:], [(6, 8)], first=5) == [6.5]
    assert bands_of(10, 4) == [(0, 4), (4, 8), (8, 10)]
    with pytest.raises(MeasurementError, match="not the band 8 to 10"):
        losses_by_band(losses, [(8, 11)])
    with pytest.raises(MeasurementError):
        losses_by_band(losses[4:], [(0, 8)], first=5)


def test_what_cannot_be_scored_is_said() -> None:
    network = network_of("llama", torch.float32)
    with pytest.raises(MeasurementError, match="none to score"):
        token_losses(network, ids_of(5), skip=4)
    with pytest.raises(MeasurementError, match="no single sequence"):
        token_losses(network, ids_of(6).view(2, 3))
    with pytest.raises(MeasurementError, match="let it through whole"):
        token_losses(network_of("mamba", torch.float32), ids_of(40), chunk=16)


@pytest.mark.skipif(KEPT_IN_CACHES, reason="this transformers carries states, which a test above holds it to")
@pytest.mark.parametrize("family", ["falcon_h1", "qwen3_next", "lfm2"])
def test_states_that_are_not_carried_are_no_cache(family: str) -> None:
    network = network_of(family, torch.float32)
    with pytest.raises(MeasurementError, match="let it through whole"):
        token_losses(network, ids_of(40), chunk=16)
    torch.testing.assert_close(token_losses(network, ids_of(40)), expected(network, ids_of(40)), atol=2e-5, rtol=1e-5)
    if family != "falcon_h1":  # it returns no cache at all
        with pytest.raises(MeasurementError, match=r"install 5\.18 or newer"):
            prefill(network, ids_of(40))
