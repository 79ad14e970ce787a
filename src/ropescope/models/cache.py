"""What a layer keeps of a sequence, and how many bytes that is: the cache, counted exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ropescope.errors import DomainError

BLOCK: Final = 32

BLOCK_BYTES: Final[Mapping[str, int]] = {
    "f32": 4 * BLOCK, "f16": 2 * BLOCK, "bf16": 2 * BLOCK, "fp8": BLOCK,
    # llama.cpp's blocks: 32 numbers, and one or two half-precision scales.
    "q8_0": 34, "q5_1": 24, "q5_0": 22, "q4_1": 20, "q4_0": 18, "iq4_nl": 18,
}  # fmt: skip
"""Types a cache can hold, and the bytes that 32 numbers take in each."""

BLOCK_TYPES: Final = frozenset({"q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"})


@dataclass(frozen=True, slots=True)
class LayerCache:
    """What one layer keeps of one sequence, counted in elements.

    Each token adds `key_elements` and `value_elements` (all KV heads together; under multi-head latent attention the
    latent and the rotary key that all heads share) and, under sparse attention, `index_elements` for the indexer.
    `tokens_held` is how many tokens stay at most (None: all of them). `state_elements` is the constant part of a
    convolution, state space or linear attention, held in the type of the cache; `recurrent_elements` is the constant
    part that is held in float32 whatever that type is.

    Where tokens are compressed, `tokens_per_entry` of them become one entry of `entry_elements`; until then each waits
    with `waiting_elements`, and once there is an entry, `overlap_elements` are kept for the next.
    """

    key_elements: int = 0
    value_elements: int = 0
    index_elements: int = 0
    tokens_held: int | None = None
    state_elements: int = 0
    recurrent_elements: int = 0
    tokens_per_entry: int | None = None
    entry_elements: int = 0
    waiting_elements: int = 0
    overlap_elements: int = 0

    @property
    def elements_per_token(self) -> int:
        """What a token adds while none is dropped or compressed."""
        return self.key_elements + self.value_elements + self.index_elements

    @property
    def growth_elements(self) -> float:
        """What a token adds on average in a long sequence, when every window is full."""
        growth = float(self.elements_per_token) if self.tokens_held is None else 0.0
        return growth if self.tokens_per_entry is None else growth + self.entry_elements / self.tokens_per_entry

    def tokens(self, length: int) -> int:
        """How many of `length` tokens are held."""
        return length if self.tokens_held is None else min(length, self.tokens_held)


def block_bytes(kind: str) -> int:
    """The bytes of 32 numbers of a cache type. Raises DomainError naming the types there are."""
    try:
        return BLOCK_BYTES[kind]
    except KeyError:
        raise DomainError(f"{kind!r} is no cache type: give one of {', '.join(BLOCK_BYTES)}.") from None


def cache_bytes(
    caches: Iterable[LayerCache], length: int, *, key_type: str = "bf16", value_type: str | None = None,
    state_type: str = "bf16",
) -> int:  # fmt: skip
    """The bytes that `caches` hold of one sequence of `length` tokens.

    It is what a transformers cache holds after a forward pass over `length` tokens: a sliding layer then keeps one
    token less than its window, since the next token joins it. `value_type` defaults to `key_type`; `state_type` is the
    type of the constant states that follow the model's type. Raises DomainError for an unknown type, a negative length,
    or a block type whose blocks do not divide a layer's keys or values.
    """
    if length < 0:
        raise DomainError(f"length is {length}: a sequence has no fewer than 0 tokens.")
    value_type = value_type or key_type
    key, value, state = block_bytes(key_type), block_bytes(value_type), block_bytes(state_type)
    total = 0  # in 32nds of a byte, so that every type is a whole number
    for cache in caches:
        for elements, kind in ((cache.key_elements, key_type), (cache.value_elements, value_type)):
            if kind in BLOCK_TYPES and elements % BLOCK:
                raise DomainError(
                    f"a token's {elements} elements are no multiple of {BLOCK}: {kind} cannot hold this cache; "
                    "choose f16 or bf16."
                )
        # An indexer keeps its keys in the type of the states: no engine offers to quantise them.
        token = cache.key_elements * key + cache.value_elements * value + cache.index_elements * state
        total += cache.tokens(length) * token + cache.state_elements * state
        total += 4 * BLOCK * cache.recurrent_elements
        if cache.tokens_per_entry is not None:
            entries, waiting = divmod(length, cache.tokens_per_entry)
            total += entries * cache.entry_elements * key + waiting * cache.waiting_elements * state
            total += cache.overlap_elements * state if entries else 0
    return total // BLOCK
