"""Synthetic text whose mutual information falls as a known power of the distance.

Tokens are the leaves of an endless binary tree. Each node takes its parent's symbol with probability λ, and a symbol drawn
evenly from the alphabet otherwise; text is a window of leaves at a random place. Two leaves whose nearest common ancestor is
h levels up share its symbol unchanged with probability λ^{2h}, and h grows with the logarithm of their distance, so their
mutual information falls as a power of it (Lin and Tegmark 2017, Entropy 19(7) 299, arXiv 1606.06737, section III).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ropescope.errors import DomainError
from ropescope.measure.prompts import Corpus, Tokens

Array = NDArray[np.float64]
_LEVELS = 40


@dataclass(frozen=True, slots=True)
class BranchingText:
    """The process: `keep` is λ, `symbols` the size of the alphabet."""

    keep: float
    symbols: int = 64

    @classmethod
    def with_exponent(cls, alpha: float, d_min: int, d_max: int, symbols: int = 64) -> BranchingText:
        """The process whose mutual information falls with exponent `alpha` from d_min to d_max (see `exponent`).

        Raises DomainError for an exponent that no λ gives there.
        """
        low, high = 0.5, 1 - 1e-6
        if not cls(high, symbols).exponent(d_min, d_max) < alpha < cls(low, symbols).exponent(d_min, d_max):
            raise DomainError(f"alpha = {alpha} cannot be had between d = {d_min} and {d_max}: give 0.01 to 2.")
        keep = brentq(lambda keep: cls(keep, symbols).exponent(d_min, d_max) - alpha, low, high, xtol=1e-10)
        return cls(float(keep), symbols)

    def correlation(self, distance: NDArray[np.int64]) -> Array:
        """ρ(d) for each d ≥ 1: the probability that two tokens at that distance hold the same ancestor's symbol unchanged.

        Two leaves d apart lie in one block of 2^h with probability max(0, 1 − d/2^h), over all places of the window.
        """
        levels = np.arange(_LEVELS + 1)
        together = np.maximum(0.0, 1.0 - np.asarray(distance, dtype=np.float64)[:, None] / 2.0**levels)
        meets = np.diff(together, axis=1, prepend=0.0)
        return np.asarray(meets @ self.keep ** (2 * levels))

    def mutual_information(self, distance: NDArray[np.int64]) -> Array:
        """I(d) in nats between two tokens at each distance, exact for the process."""
        q = self.symbols
        # The two tokens are equal with probability (1 + ρ(q − 1))/q, and any other pair is as likely as any.
        rho = self.correlation(distance)
        equal = (1 + rho * (q - 1)) / q
        return np.asarray(equal * np.log1p(rho * (q - 1)) + (1 - equal) * np.log1p(-rho))

    def exponent(self, d_min: int, d_max: int) -> float:
        """The exponent α of I(d) ∝ d^−α between two distances: least squares in log–log, even in ln d."""
        distance = np.unique(np.round(np.geomspace(d_min, d_max, 200)).astype(np.int64))
        return float(-np.polyfit(np.log(distance), np.log(self.mutual_information(distance)), 1)[0])

    def window(self, n_tokens: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """[n_tokens] symbols 0 … symbols − 1 of a window at a random place of a new tree."""
        first = int(rng.integers(0, 2**_LEVELS - n_tokens))
        last = first + n_tokens - 1
        values = rng.integers(0, self.symbols, size=1)
        for level in range(_LEVELS - 1, -1, -1):
            nodes = np.arange(first >> level, (last >> level) + 1)
            inherited = values[(nodes >> 1) - (first >> (level + 1))]
            fresh = rng.integers(0, self.symbols, size=len(nodes))
            values = np.where(rng.random(len(nodes)) < self.keep, inherited, fresh)
        return values


def branching_corpus(
    text: BranchingText, vocabulary: Tokens, prefix: tuple[int, ...], n_tokens: int, prompts: int, seed: int, about: str
) -> Corpus:
    """A corpus of `prompts` windows, each of a tree of its own; its symbols are tokens drawn from `vocabulary`.

    Raises DomainError when the vocabulary is smaller than the alphabet.
    """
    if len(vocabulary) < text.symbols:
        raise DomainError(f"The vocabulary holds {len(vocabulary)} tokens, fewer than the {text.symbols} symbols.")
    rng = np.random.default_rng([seed, text.symbols, round(text.keep * 1e9)])
    alphabet = rng.choice(vocabulary, size=text.symbols, replace=False)
    body = n_tokens - len(prefix)
    stream = alphabet[np.concatenate([text.window(body, rng) for _ in range(prompts)])]
    return Corpus(
        name="synthetic",
        about=about,
        sha256=hashlib.sha256(stream.tobytes()).hexdigest(),
        seed=seed,
        prefix=prefix,
        stream=stream,
        window_tokens=n_tokens,
    )
