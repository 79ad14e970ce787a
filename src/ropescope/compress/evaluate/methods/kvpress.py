"""Published methods as their authors wrote them: what a kvpress press scores and keeps, told as masks.

A press is asked with the hidden states, keys, values and positions of one full prefill, layer by layer, as its own hooks
would ask it. Both its `score` and its `compress` run unchanged; `compress` is handed the numbers of the tokens in place of
their keys, so what it gathers says what it keeps.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ropescope.compress.evaluate.methods.method import Prefilled
from ropescope.compress.kvpress.library import kvpress
from ropescope.errors import EvaluationError

SAFE = 1e-9
"""Added to a budget: presses truncate the tokens they keep, and 100 × (1 − (1 − 0.57)) is a little less than 57."""


@dataclass(frozen=True)
class KvpressMethod:
    """A method of kvpress. `paper`: its arXiv number, empty for a baseline. `make`: from the package and the share of the
    tokens that goes to a press with its authors' defaults. `looks_at_text` as in `Method`. `needs_hidden`: whether it looks
    at queries, which kvpress computes anew from hidden states, for the models it knows."""

    name: str
    paper: str
    make: Callable[[Any, float], Any]
    looks_at_text: bool = True
    needs_hidden: bool = False

    def keep(self, filled: Prefilled, budget: float) -> list[Tensor | None]:
        """As `Method.keep`. Raises MissingExtraError without kvpress, EvaluationError where the press cannot be run."""
        if not 0 < budget <= 1:
            raise EvaluationError(f"A budget of {budget:.0%} cannot be had: give more than 0 % and at most 100 %.")
        library = kvpress()
        if self.needs_hidden and not isinstance(filled.network, library.SUPPORTED_MODELS):
            known = ", ".join(sorted(cls.__name__ for cls in library.SUPPORTED_MODELS))
            raise EvaluationError(
                f"{self.name} of kvpress looks at queries, which it can compute for {known}, not for "
                f"{type(filled.network).__name__}."
            )
        press = self.make(library, max(0.0, 1 - budget - SAFE))
        press.post_init_from_model(filled.network)
        kept: list[Tensor | None] = [None] * filled.n_layers
        with torch.no_grad(), _own_random_numbers(filled):
            for layer in filled.planned:
                with _as_kvpress_prepares(filled.modules[layer], filled.network):
                    try:
                        kept[layer] = _kept(library, press, filled, layer)
                    except (AssertionError, NotImplementedError, AttributeError) as error:
                        raise EvaluationError(
                            f"{self.name} of kvpress cannot be run on {filled.n_tokens:,} tokens of "
                            f"{type(filled.network).__name__}: {error}."
                        ) from error
        return kept


def _kept(library: Any, press: Any, filled: Prefilled, layer: int) -> Tensor:
    """Bool [KV heads, tokens] of one layer."""
    module, keys, values = filled.modules[layer], filled.keys(layer)[None], filled.values(layer)[None]
    given = {"position_embeddings": filled.position_embeddings}
    hidden = filled.hidden.get(layer)
    if isinstance(press, library.ScorerPress):
        scores = press.score(module, hidden, keys, values, None, given)
        scored = copy.copy(press)
        scored.score = lambda *_: scores
        numbers = torch.arange(keys.shape[2], device=keys.device)[None, None, :, None].expand(keys.shape)
        left, _ = scored.compress(module, hidden, numbers, numbers, None, given)
        chosen = torch.zeros(keys.shape[1:3], dtype=torch.bool, device=keys.device)
        return chosen.scatter_(1, left[0, :, :, 0], True)
    press.compress(module, hidden, keys, values, None, given)
    chosen = torch.ones(keys.shape[1:3], dtype=torch.bool, device=keys.device)
    if module.masked_key_indices is not None:
        _, heads, places = module.masked_key_indices
        chosen[heads, places] = False
    return chosen


@contextmanager
def _as_kvpress_prepares(module: nn.Module, network: Any) -> Iterator[None]:
    """What a press finds on an attention module; gone afterwards, so that no later pass masks keys."""
    had_rotary, masked = hasattr(module, "rotary_emb"), getattr(module, "masked_key_indices", None)
    if not had_rotary and hasattr(network.base_model, "rotary_emb"):
        module.rotary_emb = network.base_model.rotary_emb
    module.masked_key_indices = None  # type: ignore[assignment]
    try:
        yield
    finally:
        module.masked_key_indices = masked  # type: ignore[assignment]
        if not had_rotary and hasattr(module, "rotary_emb"):
            del module.rotary_emb


@contextmanager
def _own_random_numbers(filled: Prefilled) -> Iterator[None]:
    """The random press draws from torch's own generator: the same for the same text, and nobody else's numbers change."""
    device = filled.tokens.device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed_of(filled.tokens))
        yield


def seed_of(tokens: Tensor) -> int:
    """The seed of the random press for a text."""
    places = torch.arange(1, tokens.numel() + 1, device=tokens.device)
    return int((tokens.flatten() * places).sum()) % (1 << 62)


def _press(name: str) -> Callable[[Any, float], Any]:
    return lambda library, ratio: getattr(library, name)(compression_ratio=ratio)


KVPRESS_METHODS: Mapping[str, KvpressMethod] = {
    "snapkv": KvpressMethod("SnapKV", "2404.14469", _press("SnapKVPress"), needs_hidden=True),
    "pyramidkv": KvpressMethod("PyramidKV", "2406.02069", _press("PyramidKVPress"), needs_hidden=True),
    "streamingllm": KvpressMethod("StreamingLLM", "2309.17453", _press("StreamingLLMPress"), looks_at_text=False),
    "tova": KvpressMethod("TOVA", "2401.06104", _press("TOVAPress"), needs_hidden=True),
    "expected-attention": KvpressMethod(
        "Expected attention", "2510.00636", _press("ExpectedAttentionPress"), needs_hidden=True
    ),
    "knorm": KvpressMethod("Knorm", "2406.11430", _press("KnormPress")),
    "keydiff": KvpressMethod("KeyDiff", "2504.15364", _press("KeyDiffPress")),
    "adakv": KvpressMethod(
        "AdaKV (SnapKV)",
        "2407.11550",
        lambda library, ratio: library.AdaKVPress(library.SnapKVPress(compression_ratio=ratio)),
        needs_hidden=True,
    ),
    "random": KvpressMethod("random", "", _press("RandomPress"), looks_at_text=False),
}
"""The methods by the names that users write."""
