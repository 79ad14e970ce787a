"""What a layer keeps of a sequence, and how many bytes that is: the cache, counted exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from ropescope.errors import DomainError

BYTES_PER_ELEMENT: Final[Mapping[str, Fraction]] = {
    "f32": Fraction(4), "f16": Fraction(2), "bf16": Fraction(2), "fp8": Fraction(1),
    # llama.cpp's blocks of 32: the numbers, and one or two half-precision scales.
    "q8_0": Fraction(34, 32), "q5_1": Fraction(24, 32), "q5_0": Fraction(22, 32),
    "q4_1": Fraction(20, 32), "q4_0": Fraction(18, 32), "iq4_nl": Fraction(18, 32),
}  # fmt: skip
"""Types a cache can hold, and the bytes of one element (block types: of one element's share of a block)."""

BLOCK: Final = 32
BLOCK_TYPES: Final = frozenset({"q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"})


@dataclass(frozen=True, slots=True)
class LayerCache:
    """What one layer keeps of one sequence, counted in elements.

    Each token adds `key_elements` and `value_elements` (all KV heads together; under multi-head latent attention the
    latent and the rotary key that all heads share) and, under sparse attention, `index_elements` for the indexer.
    `tokens_held` is how many tokens stay at most (None: all of them). `state_elements` is the constant part of a
    convolution, state space or linear attention, held in the type of the cache; `recurrent_elements` is the constant
    part that is held in float32 whatever that type is.
    """

    key_elements: int = 0
    value_elements: int = 0
    index_elements: int = 0
    tokens_held: int | None = None
    state_elements: int = 0
    recurrent_elements: int = 0

    @property
    def elements_per_token(self) -> int:
        """What a token adds while none is dropped."""
        return self.key_elements + self.value_elements + self.index_elements

    def tokens(self, length: int) -> int:
        """How many of `length` tokens are held."""
        return length if self.tokens_held is None else min(length, self.tokens_held)


def element_bytes(kind: str) -> Fraction:
    """The bytes of one element of a cache type. Raises DomainError naming the types there are."""
    try:
        return BYTES_PER_ELEMENT[kind]
    except KeyError:
        raise DomainError(f"{kind!r} is no cache type: give one of {', '.join(BYTES_PER_ELEMENT)}.") from None


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
    key, value, state = element_bytes(key_type), element_bytes(value_type or key_type), element_bytes(state_type)
    total = Fraction(0)
    for cache in caches:
        for elements, kind in ((cache.key_elements, key_type), (cache.value_elements, value_type or key_type)):
            if kind in BLOCK_TYPES and elements % BLOCK:
                raise DomainError(
                    f"a token's {elements} elements are no multiple of {BLOCK}: {kind} cannot hold this cache; "
                    "choose f16 or bf16."
                )
        tokens = cache.tokens(length)
        total += tokens * (cache.key_elements * key + cache.value_elements * value)
        # An indexer keeps its keys in the type of the states: no engine offers to quantise them.
        total += tokens * cache.index_elements * state
        total += cache.state_elements * state + 4 * cache.recurrent_elements
    return int(total)
