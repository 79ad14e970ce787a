"""What the rows behind a cut still see, by tokens kept and by the share of them that are picks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ropescope.compress.plan.picks import MIN_WINDOW, split

KNOTS_PER_OCTAVE = 2


class Cuts:
    """Cuts at token `at` of prompts of `length` tokens, read in `rows` behind it.

    kept: the tokens behind the sinks that are kept, from 1 to all of them.
    """

    def __init__(self, at: int, length: int, sinks: int, rows: Sequence[int]) -> None:
        self.at, self.length, self.sinks, self.rows = at, length, sinks, rows
        self.kept = _knots(at - sinks)
        self._in_windows: dict[tuple[float, torch.device], Tensor] = {}

    def seen(self, importance: Tensor, share: float) -> Tensor:
        """[knots, rows, keys] which keys each row sees, 1.0 or 0.0; importance: [keys before the cut] that picks go by."""
        seen = self._seen_in_windows(share, importance.device).float()
        for knot, kept in enumerate(self.kept.tolist()):
            window, picks = split(kept, share)
            if picks:
                candidates = importance[self.sinks : self.at - window]
                chosen = candidates.topk(min(picks, len(candidates))).indices + self.sinks
                seen[knot].index_fill_(1, chosen, 1.0)
        return seen

    def _seen_in_windows(self, share: float, device: torch.device) -> Tensor:
        """[knots, rows, keys] bool: what sinks and windows show, the same for all heads."""
        made = self._in_windows.get((share, device))
        if made is None:
            key = torch.arange(self.length, device=device)
            row = torch.tensor(list(self.rows), device=device)[:, None]
            windows = torch.tensor([split(kept, share)[0] for kept in self.kept.tolist()], device=device)
            made = (key <= row) & ((key < self.sinks) | (row - key < windows[:, None, None]))
            self._in_windows[share, device] = made
        return made


def _knots(reach: int) -> NDArray[np.int64]:
    """Tokens kept at which errors are measured: 1, 2, 4, 8, then KNOTS_PER_OCTAVE to each octave, and all."""
    octaves = np.arange(np.log2(MIN_WINDOW), np.log2(reach), 1 / KNOTS_PER_OCTAVE)
    return np.unique(
        np.concatenate([2.0 ** np.arange(0, np.log2(MIN_WINDOW)), np.round(2.0**octaves), [reach]])
    ).astype(np.int64)
