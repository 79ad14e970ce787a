"""How large the trial is. One dial, `size`, sets width, depth, length, vocabulary, batch and tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HEAD_DIM: Final = 32


@dataclass(frozen=True, slots=True)
class Size:
    """A decoder and its training. width: of the hidden states. length: context in tokens. vocabulary: tokens of the BPE.
    batch: sequences in a step. tokens: seen in a run, the same in every run. prompts: measured at each checkpoint."""

    name: str
    width: int
    layers: int
    length: int
    vocabulary: int
    batch: int
    tokens: int
    prompts: int

    @property
    def heads(self) -> int:
        """Attention heads, each of 32 dimensions."""
        return self.width // HEAD_DIM

    @property
    def mlp(self) -> int:
        """Width of the gated MLP: 8/3 of the width, as a multiple of 32."""
        return max(HEAD_DIM, 8 * self.width // 3 // HEAD_DIM * HEAD_DIM)

    @property
    def steps(self) -> int:
        """Optimiser steps in a run."""
        return self.tokens // (self.batch * self.length)

    @property
    def parameters(self) -> int:
        """Weights of a decoder whose input and output embeddings are one."""
        a_layer = 4 * self.width**2 + 3 * self.width * self.mlp + 2 * self.width
        return self.vocabulary * self.width + self.layers * a_layer + self.width

    def step_at(self, share: float) -> int:
        """The step after which `share` of the tokens were seen."""
        return round(share * self.steps)


SIZES: Final = {
    size.name: size
    for size in (
        Size("toy", width=32, layers=2, length=256, vocabulary=320, batch=4, tokens=40_960, prompts=4),
        Size("tiny", width=96, layers=3, length=512, vocabulary=1024, batch=2, tokens=614_400, prompts=16),
        Size("small", width=256, layers=6, length=1024, vocabulary=2048, batch=16, tokens=5_242_880, prompts=16),
        Size("medium", width=384, layers=8, length=2048, vocabulary=2048, batch=16, tokens=20_971_520, prompts=16),
    )
}
"""toy ends in seconds and says nothing of attention. medium sees the text four times (arXiv 2305.16264: about as good as
new text)."""

CHECKPOINTS: Final = (0.0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
"""Shares of the tokens after which a run is measured. The first is the random-weights control."""
