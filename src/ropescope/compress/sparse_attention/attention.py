"""Attention in blocks by the rule of BLASST: a block of keys whose scores lie far below the best so far is left out.

Yuan et al., BLASST, arXiv 2512.12087: keys come in blocks, from the first on, to tiles of queries, as in FlashAttention. Each
query carries the largest score m that it has seen. A block whose largest score lies below m + ln λ for every query of the
tile is skipped: no exponential of it is taken, its values are not read, and m stays as it is.

What that can cost: every weight that is left out is less than λ times the largest, so the skipped keys of a query hold less
than λ·n of what the kept ones hold, where n counts them. This is plain torch, in fp32: it really leaves the work out, but
it is no kernel, and makes no claim of speed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ropescope.compress.cache.attend import Scoring

NONE = float("-inf")

Watch = Callable[[Tensor], None]
"""Is given, for visible (query tile, key block) pairs of all heads, the gap in nats: how far the best of their rows lies above
the largest score before the block. A pair is skipped if its gap is below ln λ."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """The rule for one call. log_threshold: ln λ, −∞ to skip nothing. queries, keys: rows of a tile, keys of a block."""

    log_threshold: float = NONE
    queries: int = 128
    keys: int = 128


def attend_in_blocks(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    causal: bool,
    scoring: Scoring,
    blocks: Blocks,
    watch: Watch | None = None,
) -> tuple[Tensor, Tensor]:
    """Output [batch, heads, queries, value dim], and [2] how many (tile, block) pairs of all heads are visible, and skipped.

    query: [batch, heads, queries, dim]; key, value: [batch, KV heads, keys, dim]. mask: [1 or batch, 1, queries, keys], bool
    (True: seen) or added to the scores; without one all is seen, or, if `causal`, what is not ahead of the query, the last
    query being at the last key. A single query is a tile of its own in each of its heads.
    """
    if query.shape[2] == 1:
        return _one_query(query, key, value, mask, scoring, blocks, watch)
    return _Tiled(query, key, value, mask, causal, scoring, blocks, watch).run()


def _scores(products: Tensor, scoring: Scoring) -> Tensor:
    scores = products * scoring.scale
    return scores if scoring.softcap is None else torch.tanh(scores / scoring.softcap) * scoring.softcap


def _masked(scores: Tensor, mask: Tensor) -> Tensor:
    return scores.masked_fill(~mask, NONE) if mask.dtype == torch.bool else scores + mask.float()


def _divided(total: Tensor, weight: Tensor, largest: Tensor, sinks: Tensor | None) -> Tensor:
    """total / (weight + what a learned sink takes), all relative to exp(largest); nothing where a query saw nothing."""
    if sinks is not None:
        above = torch.maximum(largest, sinks)
        shift = torch.exp(largest - above)
        total, weight = total * shift[..., None], weight * shift + torch.exp(sinks - above)
    return torch.where(weight[..., None] > 0, total / weight[..., None], 0.0)


def _one_query(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scoring: Scoring,
    blocks: Blocks,
    watch: Watch | None,
) -> tuple[Tensor, Tensor]:
    """All blocks at once, which is the same: a skipped block never holds the largest score."""
    batch, heads, _, dim = query.shape
    n_kv, n_keys = key.shape[1:3]
    rows = query.reshape(batch, n_kv, heads // n_kv, dim)
    scores = _scores(rows.float() @ key.float().transpose(2, 3), scoring)
    if mask is not None:
        scores = _masked(scores, mask)
    padded = F.pad(scores, (0, -n_keys % blocks.keys), value=NONE).view(*scores.shape[:3], -1, blocks.keys)
    best = padded.amax(dim=4)
    before = F.pad(best.cummax(dim=3).values, (1, -1), value=NONE)
    visible = best > NONE
    kept = visible & (best >= before + blocks.log_threshold)
    if watch is not None:
        watch((best - before)[visible])
    padded = padded.masked_fill(~kept[..., None], NONE).flatten(3)[..., :n_keys]
    largest = padded.amax(dim=3).clamp(min=torch.finfo(padded.dtype).min)
    weights = torch.exp(padded - largest[..., None])
    sinks = None if scoring.sinks is None else scoring.sinks.float().view(n_kv, -1)
    output = _divided(weights @ value.float(), weights.sum(dim=3), largest, sinks)
    return output.reshape(batch, heads, 1, -1).to(value.dtype), _counts(visible, kept)


def _counts(visible: Tensor, kept: Tensor) -> Tensor:
    seen = visible.sum()
    return torch.stack([seen, seen - kept.sum()])


class _Tiled:
    """Many queries: blocks of keys come in turn to all tiles of queries that see them.

    Rows lie as [batch, KV heads, tiles, group, rows of a tile]: those of consecutive tiles stand together.
    """

    def __init__(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None,
        causal: bool,
        scoring: Scoring,
        blocks: Blocks,
        watch: Watch | None,
    ) -> None:
        batch, heads, self.n_queries, dim = query.shape
        self.key, self.value, self.scoring, self.blocks, self.watch = key, value, scoring, blocks, watch
        self.n_kv, self.n_keys = key.shape[1:3]
        self.rows = min(blocks.queries, self.n_queries)
        lacking = -self.n_queries % self.rows
        group = heads // self.n_kv
        tiles = F.pad(query, (0, 0, 0, lacking)).view(batch, self.n_kv, group, -1, self.rows, dim)
        self.query = tiles.transpose(2, 3).contiguous()
        self.n_tiles = self.query.shape[2]
        self.is_real = (
            torch.arange(self.n_tiles * self.rows, device=query.device).view(-1, 1, self.rows) < self.n_queries
        )
        self.mask = None
        if mask is not None:
            padding = False if mask.dtype == torch.bool else 0.0
            padded = F.pad(mask, (0, 0, 0, lacking), value=padding)
            self.mask = padded.view(mask.shape[0], 1, self.n_tiles, 1, self.rows, mask.shape[3])
        self.causal = causal and mask is None
        shape = self.query.shape[:5]
        self.largest = query.new_full(shape, NONE, dtype=torch.float32)
        self.weight = torch.zeros_like(self.largest)
        self.total = query.new_zeros((*shape, value.shape[3]), dtype=torch.float32)
        self.counted = torch.zeros(2, dtype=torch.long, device=query.device)

    def run(self) -> tuple[Tensor, Tensor]:
        for start in range(0, self.n_keys, self.blocks.keys):
            self._take(start, min(start + self.blocks.keys, self.n_keys))
        sinks = None
        if self.scoring.sinks is not None:
            sinks = self.scoring.sinks.float().view(self.n_kv, 1, -1, 1)
        output = _divided(self.total, self.weight, self.largest.clamp(min=torch.finfo(torch.float32).min), sinks)
        whole = output.transpose(2, 3).flatten(3, 4).flatten(1, 2)[:, :, : self.n_queries]
        return whole.to(self.value.dtype), self.counted

    def _seeing(self, start: int, stop: int) -> slice:
        """The tiles from the first to the last that may see any of these keys."""
        if self.mask is None:
            ahead = start - (self.n_keys - self.n_queries) if self.causal else 0
            return slice(max(0, ahead) // self.rows, self.n_tiles)
        if self.mask.dtype != torch.bool:
            return slice(0, self.n_tiles)
        seen = torch.nonzero(self.mask[..., start:stop].any(dim=-1).any(dim=-1).flatten(1).any(dim=0))[:, 0].tolist()
        return slice(seen[0], seen[-1] + 1) if seen else slice(0, 0)

    def _visible_scores(self, tiles: slice, start: int, stop: int) -> Tensor:
        """[batch, KV heads, tiles, group, rows, keys of the block], −∞ for what a query does not see."""
        query = self.query[:, :, tiles]
        keys = self.key[:, :, start:stop].float().transpose(2, 3)
        scores = _scores(query.flatten(2, 4).float() @ keys, self.scoring).view(*query.shape[:5], stop - start)
        if self.mask is not None:
            return _masked(scores, self.mask[:, :, tiles, :, :, start:stop])
        if self.causal:
            # Only tiles that the diagonal crosses have something to hide.
            offset = self.n_keys - self.n_queries
            crossed = min(-(-(stop - offset) // self.rows), self.n_tiles) - tiles.start
            if crossed > 0:
                place = offset + torch.arange(tiles.start * self.rows, (tiles.start + crossed) * self.rows)
                sees = place.to(scores.device).view(-1, 1, self.rows, 1) >= torch.arange(
                    start, stop, device=scores.device
                )
                scores[:, :, :crossed].masked_fill_(~sees, NONE)
        return scores

    def _take(self, start: int, stop: int) -> None:
        tiles = self._seeing(start, stop)
        if tiles.start >= tiles.stop:
            return
        scores = self._visible_scores(tiles, start, stop)
        largest, weight, total = self.largest[:, :, tiles], self.weight[:, :, tiles], self.total[:, :, tiles]
        best = scores.amax(dim=5)
        there = (best > NONE) & self.is_real[tiles]
        visible = there.any(dim=4)
        kept = (there & (best >= largest + self.blocks.log_threshold)).any(dim=4)
        if self.watch is not None:
            gap = torch.where(there, best - largest, NONE)
            self.watch(gap.amax(dim=4)[visible])
        self.counted += _counts(visible, kept)
        before, best = largest[kept], best[kept]
        after = torch.maximum(before, best)
        # A row of a kept tile may see nothing of the block, and have seen nothing before.
        finite = after.clamp(min=torch.finfo(after.dtype).min)
        weights = torch.exp(scores[kept] - finite[..., None])
        fade = torch.exp(before - finite)
        values = self.value[:, :, None, None, start:stop].float()
        values = values.expand(-1, -1, kept.shape[2], kept.shape[3], -1, -1)[kept]
        largest[kept] = after
        weight[kept] = weight[kept] * fade + weights.sum(dim=2)
        total[kept] = total[kept] * fade[..., None] + weights @ values
