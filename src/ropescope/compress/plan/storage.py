"""How a planned cache stores what it keeps: in the model's type, or quantised but for the newest tokens."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

from ropescope.errors import PlanError
from ropescope.models.cache import block_bytes

GROUP = 64
"""Numbers that share a scale and an offset at most, as transformers' quantised caches have it."""

_WHOLE = {"f32": 4, "f16": 2, "bf16": 2}


@dataclass(frozen=True, slots=True)
class Storage:
    """Keys and values in `bits` bits, as transformers' QuantoQuantizedLayer quantises them; tokens that came since they were
    last quantised stay in the model's type, up to `newest` of them and a quarter of a head's window.

    Scale and offset are those of a group of one token's numbers in one head, so that no token depends on another.
    Raises PlanError for bits that cannot be had.
    """

    bits: int
    newest: int = 64

    def __post_init__(self) -> None:
        if self.bits not in (2, 4):
            raise PlanError(f"Keys and values cannot be quantised to {self.bits} bits: give 4 or 2.")
        if self.newest < 1:
            raise PlanError(f"newest is {self.newest}: at least one token stays in the model's type.")

    def group(self, dim: int) -> int:
        """How many of a head's `dim` numbers share a scale. Raises PlanError where that is too few to be worth it."""
        found = gcd(dim, GROUP)
        if found < 8:
            raise PlanError(
                f"A head of {dim} numbers cannot be cut into groups of 8 or more: do not quantise this cache."
            )
        return found

    def newest_of(self, window: int) -> int:
        """How many tokens of a head stay in the model's type at most."""
        return max(1, min(self.newest, window // 4))

    def head_bytes(self, tokens: int, window: int, dim: int, kind: str) -> int:
        """The bytes of the keys, or the values, of one head that keeps `tokens` tokens, the type of the model being `kind`."""
        if kind not in _WHOLE:
            raise PlanError(f"A cache of {kind} is quantised already: plan with `cache_type` bf16, f16 or f32.")
        number = block_bytes(kind) // 32
        scales = 2 * number * dim // self.group(dim)
        return tokens * (-(-self.bits * dim // 8) + scales) + self.newest_of(window) * dim * number
