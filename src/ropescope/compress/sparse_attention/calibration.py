"""How BLASST's thresholds are found: the a of λ = a / L at which a wanted share of the blocks is skipped on given texts.

A pair of a query tile and a key block is skipped where its gap (the best score of its rows above the largest before it) lies
below ln λ = ln a − ln L. So one pass that counts gap + ln L tells the share skipped at every a, and its quantile is the a.
Skipping changes what later layers get: the counts are made again at the a found, until the share is what was asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from ropescope.compress.sparse_attention.attention import Watch
from ropescope.compress.sparse_attention.context import BlasstRun, Phase, blasst
from ropescope.errors import PlanError

LOWEST, STEP, BINS = -40.0, 0.01, 6000
"""The counts of gap + ln L: from e^−40 on, in steps of a hundredth of a nat."""

ROUNDS = 4
CLOSE = 0.01
"""The share that is skipped is to come this close to the one asked for, in at most so many rounds."""


@dataclass(frozen=True, slots=True)
class TextThreshold:
    """One text of `length` tokens: the λ that skips the wanted share of it (None if not even λ = 1 does), and the share that
    the common a skips."""

    length: int
    threshold: float | None
    skipped: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The a of one phase for a wanted share of skipped pairs, and the share it skips over all texts.

    slope: of ln λ over ln L, from text to text; the rule λ = a / L supposes −1. None with texts of one length.
    """

    phase: Phase
    wanted: float
    a: float
    skipped: float
    slope: float | None
    texts: tuple[TextThreshold, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def calibrate_blasst(
    model: Any,
    texts: Sequence[Tensor | Sequence[int]],
    skip: float,
    *,
    decode_tokens: int = 16,
    tile_queries: int = 128,
    block_keys: int = 128,
) -> dict[Phase, Calibration]:
    """The thresholds for which `skip` of the visible pairs of query tiles and key blocks is skipped, by phase.

    texts: token ids, best of several lengths up to the one that is meant; the last `decode_tokens` of each are fed one by
    one, which calibrates decoding. Use: `blasst(model, a={phase: found.a for phase, found in …items()})`.

    Raises PlanError for a share outside (0, 1), too short texts, or a share that even λ = 1 does not skip.
    """
    if not 0 < skip < 1:
        raise PlanError(f"A share of {skip:g} of the blocks cannot be skipped: give one between 0 and 1.")
    ids = [torch.as_tensor(text).reshape(1, -1).to(model.device) for text in texts]
    if not ids or decode_tokens < 1 or min(text.shape[1] for text in ids) < decode_tokens + 2 * block_keys:
        raise PlanError(
            f"Calibration takes texts of at least {decode_tokens + 2 * block_keys:,} tokens: two blocks of keys, and "
            f"{decode_tokens} tokens to decode."
        )
    found: dict[Phase, float] = {"prefill": 0.0, "decode": 0.0}
    for made in range(ROUNDS + 1):
        counts, runs = [], []
        for text in ids:
            with _counting(model, found, tile_queries, block_keys) as (counted, run):
                _read(model, text, decode_tokens)
            counts.append(counted)
            runs.append(run)
        if made == ROUNDS or all(abs(_share(runs, phase) - skip) < CLOSE for phase in found):
            break
        for phase in found:
            # Every text counts alike, however many pairs it has.
            together = sum((_shares(counted[phase]) for counted in counts), torch.zeros(BINS, dtype=torch.float64))
            log, most = _quantile(together / len(counts), skip)
            if log is None:
                raise PlanError(
                    f"No threshold skips {skip:.0%} of the blocks in {phase} of these texts: at λ = 1 it is {most:.0%}. Give a "
                    "lower share, longer texts, or smaller blocks."
                )
            found[phase] = math.exp(log)
    lengths = [text.shape[1] for text in ids]
    return {phase: _calibration(phase, skip, found[phase], lengths, decode_tokens, counts, runs) for phase in found}


def _calibration(
    phase: Phase,
    skip: float,
    a: float,
    lengths: list[int],
    decode_tokens: int,
    counts: list[dict[Phase, Tensor]],
    runs: list[BlasstRun],
) -> Calibration:
    texts, points = [], []
    for counted, n, run in zip(counts, lengths, runs, strict=True):
        log, _ = _quantile(_shares(counted[phase]), skip)
        keys = n - decode_tokens if phase == "prefill" else n
        if log is not None:
            points.append((math.log(keys), log - math.log(keys)))
        texts.append(TextThreshold(n, None if log is None else math.exp(log) / keys, run.skipped(phase)))
    return Calibration(phase, skip, a, _share(runs, phase), _slope(points), tuple(texts))


def _slope(points: list[tuple[float, float]]) -> float | None:
    """The least-squares slope of y over x; None if all x are alike."""
    if not points:
        return None
    middle_x, middle_y = sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    if spread < 1e-12:
        return None
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread


def _share(runs: list[BlasstRun], phase: Phase) -> float:
    return sum(run.skipped(phase) for run in runs) / len(runs)


def _read(model: Any, text: Tensor, decode_tokens: int) -> None:
    first = text.shape[1] - decode_tokens
    with torch.inference_mode():
        # One token's logits are enough: all of them would be tokens × vocabulary.
        cache = model(text[:, :first], use_cache=True, logits_to_keep=1).past_key_values
        for i in range(first, text.shape[1]):
            model(text[:, i : i + 1], past_key_values=cache, use_cache=True)


@contextmanager
def _counting(
    model: Any, a: dict[Phase, float], tile_queries: int, block_keys: int
) -> Iterator[tuple[dict[Phase, Tensor], BlasstRun]]:
    """Within the context, the gap of every visible pair is counted: phase → [BINS], those that no λ skips in the last."""
    counts: dict[Phase, Tensor] = {phase: torch.zeros(BINS, dtype=torch.long) for phase in a}

    def watch(phase: Phase, keys: int) -> Watch:
        def count(gaps: Tensor) -> None:
            place = ((gaps + math.log(keys) - LOWEST) / STEP).clamp(0, BINS - 1)
            place = torch.where(gaps < 0, place, BINS - 1).long()
            counts[phase] += torch.bincount(place, minlength=BINS).cpu()

        return count

    with blasst(model, a=a, tile_queries=tile_queries, block_keys=block_keys, watch=watch) as run:
        yield counts, run


def _shares(counts: Tensor) -> Tensor:
    return counts.double() / counts.sum()


def _quantile(shares: Tensor, share: float) -> tuple[float | None, float]:
    """ln a at which `share` of the pairs is skipped, whose shares by bin are given, and the most that any a skips."""
    below = shares[:-1].cumsum(0)
    most = float(below[-1])
    return (None if most < share else LOWEST + STEP * (int(torch.searchsorted(below, share)) + 1)), most
