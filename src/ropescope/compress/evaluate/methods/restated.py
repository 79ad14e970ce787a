"""Published methods that choose tokens by a score, restated from their papers for when kvpress is not installed.

Each is told apart from its authors' code by its name, "SnapKV (restated)". Scores are [KV heads, tokens]; of each head the
best are kept, as many in every head. Settings are the defaults of kvpress: window 64 and kernel 5 (SnapKV, PyramidKV),
β = 20 (PyramidKV). tests/compress/evaluate/methods/test_restated.py compares what they keep with kvpress.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ropescope.compress.evaluate.methods.method import Prefilled
from ropescope.errors import EvaluationError

QUERIES, KERNEL, BETA = 64, 5, 20


@dataclass(frozen=True)
class ScoreMethod:
    """Keeps the tokens with the highest score, equally many in every head of every planned layer."""

    name: ClassVar[str] = ""
    looks_at_text: ClassVar[bool] = True
    needs_hidden: ClassVar[bool] = False

    def score(self, filled: Prefilled, layer: int) -> Tensor:
        """[KV heads, tokens]: the higher, the sooner kept."""
        raise NotImplementedError

    def count(self, filled: Prefilled, layer: int, budget: float) -> int:
        """How many tokens each head of a layer keeps: the whole part, so that no budget is overdrawn."""
        return int(budget * filled.n_tokens + 1e-9)

    def keep(self, filled: Prefilled, budget: float) -> list[Tensor | None]:
        """As `Method.keep`. Raises EvaluationError for a budget of less than one token."""
        kept: list[Tensor | None] = [None] * filled.n_layers
        for layer in filled.planned:
            count = self.count(filled, layer, budget)
            if count < 1:
                raise EvaluationError(
                    f"{budget:.2%} of {filled.n_tokens:,} tokens is less than one token a head: give {self.name} a larger budget."
                )
            kept[layer] = _best(self.score(filled, layer), count)
        return kept


class SnapKV(ScoreMethod):
    """SnapKV (arXiv:2404.14469): the mean attention of the last 64 queries, smoothed over 5 tokens, averaged over the query
    heads of a KV head; the last 64 tokens are always kept."""

    name = "SnapKV (restated)"

    def score(self, filled: Prefilled, layer: int) -> Tensor:
        """[KV heads, tokens] as `ScoreMethod.score`."""
        window = min(QUERIES, filled.n_tokens - 1)
        seen = attention_of_last(filled, layer, window)[..., :-window].mean(dim=2)
        smooth = F.avg_pool1d(seen, KERNEL, stride=1, padding=KERNEL // 2).mean(dim=1)
        return F.pad(smooth, (0, window), value=float(smooth.max()) + 1)


class PyramidKV(SnapKV):
    """PyramidKV (arXiv:2406.02069): SnapKV's scores, with budgets that fall evenly from the first layer to the last."""

    name = "PyramidKV (restated)"

    def count(self, filled: Prefilled, layer: int, budget: float) -> int:
        """The budget of the layer; where the pyramid does not fit (a layer would get less than the window), all alike."""
        n_tokens, mean = filled.n_tokens, budget * filled.n_tokens
        least = mean / BETA
        most = 2 * mean - least
        if most >= n_tokens - QUERIES:
            most = n_tokens - QUERIES
            least = 2 * mean - most
        if not n_tokens >= most >= least >= QUERIES:
            return max(1, round(mean))
        # Steps count all layers of the model, as the authors' do, also where some are not planned.
        return round(most - layer * (most - least) / max(1, filled.n_layers - 1))


class TOVA(ScoreMethod):
    """TOVA (arXiv:2401.06104): the attention of the last query, averaged over all heads of the layer; the last token is
    kept."""

    name = "TOVA (restated)"

    def score(self, filled: Prefilled, layer: int) -> Tensor:
        """[KV heads, tokens] as `ScoreMethod.score`, the same for all heads."""
        seen = attention_of_last(filled, layer, 1)[:, :, 0, :-1].mean(dim=(0, 1))
        return F.pad(seen, (0, 1), value=float(seen.max()) + 1).expand(len(filled.keys(layer)), -1)


class Knorm(ScoreMethod):
    """Knorm (arXiv:2406.11430): keys of a small norm are kept."""

    name = "Knorm (restated)"

    def score(self, filled: Prefilled, layer: int) -> Tensor:
        """[KV heads, tokens] as `ScoreMethod.score`."""
        norm: Tensor = torch.linalg.vector_norm(filled.keys(layer), dim=-1, dtype=torch.float32)
        return -norm


class KeyDiff(ScoreMethod):
    """KeyDiff (arXiv:2504.15364): keys that differ most from the mean key of their head are kept."""

    name = "KeyDiff (restated)"

    def score(self, filled: Prefilled, layer: int) -> Tensor:
        """[KV heads, tokens] as `ScoreMethod.score`."""
        keys = filled.keys(layer).float()
        mean = F.normalize(keys, dim=-1).mean(dim=1, keepdim=True)
        likeness: Tensor = F.cosine_similarity(keys, mean, dim=-1)
        return -likeness


@dataclass(frozen=True)
class RandomTokens(ScoreMethod):
    """Random tokens, drawn for each head by itself: what every method must beat."""

    seed: int = 0
    name: ClassVar[str] = "random tokens"
    looks_at_text: ClassVar[bool] = False

    def score(self, filled: Prefilled, layer: int) -> Tensor:
        """[KV heads, tokens] the same for the same seed, text and layer."""
        keys = filled.keys(layer)
        seed = (self.seed * 1_000_003 + int(filled.tokens.sum()) * 1_009 + layer) % (1 << 62)
        drawn = torch.rand(keys.shape[:2], generator=torch.Generator().manual_seed(seed))
        return drawn.to(keys.device)


RESTATED: tuple[ScoreMethod, ...] = (SnapKV(), PyramidKV(), TOVA(), Knorm(), KeyDiff(), RandomTokens())
"""All of them."""


def attention_of_last(filled: Prefilled, layer: int, window: int) -> Tensor:
    """[KV heads, group, window, tokens] float32: the attention of the last `window` queries of a planned layer."""
    query, key, scoring = filled.queries[layer][:, -window:], filled.keys(layer), filled.scoring[layer]
    # The queries of a group are rows of one product: no key is repeated for them.
    rows = query.reshape(len(key), -1, query.shape[-1])
    logits = (rows @ key.transpose(1, 2)).view(len(key), -1, window, key.shape[1]).float() * scoring.scale
    if scoring.softcap is not None:
        logits = torch.tanh(logits / scoring.softcap) * scoring.softcap
    ahead = torch.ones(window, window, dtype=torch.bool, device=logits.device).triu(1)
    logits[..., -window:].masked_fill_(ahead, float("-inf"))
    if scoring.sinks is not None:
        sinks = scoring.sinks.float().view(len(key), -1, 1, 1).expand(-1, -1, window, 1)
        return torch.cat([logits, sinks], dim=-1).softmax(dim=-1)[..., :-1]
    return logits.softmax(dim=-1)


def _best(score: Tensor, count: int) -> Tensor:
    chosen = score.topk(min(count, score.shape[1]), dim=-1).indices
    return torch.zeros(score.shape, dtype=torch.bool, device=score.device).scatter_(1, chosen, True)
