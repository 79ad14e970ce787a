"""What a layer keeps of a sequence, and how many bytes that is: the cache, counted exactly.

A cache is rows of bytes: a row for each token, for each compressed entry, for each sequence. `LayerCache.rows` counts the
rows and `row_bytes` sizes them, both as transformers holds them; an engine that allocates or stores otherwise counts and
sizes its own (`checks.serving.memory.cache`), and whoever reads a part of them counts what it reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ropescope.errors import DomainError

BLOCK: Final = 32

BLOCK_BYTES: Final[Mapping[str, int]] = {
    "f32": 4 * BLOCK,
    "f16": 2 * BLOCK,
    "bf16": 2 * BLOCK,
    "fp8": BLOCK,
    # llama.cpp's blocks: 32 numbers, and one or two half-precision scales.
    "q8_0": 34,
    "q5_1": 24,
    "q5_0": 22,
    "q4_1": 20,
    "q4_0": 18,
    "iq4_nl": 18,
}
"""Types a cache can hold, and the bytes that 32 numbers take in each."""

BLOCK_TYPES: Final = frozenset({"q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"})


@dataclass(frozen=True, slots=True)
class Rows:
    """One number for each part of a layer's cache: how many rows of it there are, or how many bytes one row takes.

    `tokens` hold keys and values, `index` what an indexer scores, `entries` stand for several tokens each and
    `entry_index` is what an indexer scores of those; `waiting` tokens are not compressed yet, `overlap` is kept once there
    is an entry, and `states` are the constant parts, one a sequence.
    """

    tokens: int = 0
    index: int = 0
    entries: int = 0
    entry_index: int = 0
    waiting: int = 0
    overlap: int = 0
    states: int = 0

    def of(self, row_bytes: Rows) -> int:
        """The bytes of so many rows that take `row_bytes` each."""
        each = row_bytes
        return (
            self.tokens * each.tokens
            + self.index * each.index
            + self.entries * each.entries
            + self.entry_index * each.entry_index
            + self.waiting * each.waiting
            + self.overlap * each.overlap
            + self.states * each.states
        )


@dataclass(frozen=True, slots=True)
class LayerCache:
    """What one layer keeps of one sequence, counted in elements.

    Each token adds `key_elements` and `value_elements` (all KV heads together; under multi-head latent attention the
    latent and the rotary key that all heads share) and, under sparse attention, `index_elements` for the indexer.
    `tokens_held` is how many tokens stay at most (None: all of them). `state_elements` is the constant part of a
    convolution, state space or linear attention, held in the type of the cache; `recurrent_elements` is the constant
    part that is held in float32 whatever that type is.

    Where tokens are compressed, `tokens_per_entry` of them become one entry of `entry_elements`, and of
    `entry_index_elements` for the indexer; until then each waits with `waiting_elements`, and once there is an entry,
    `overlap_elements` are kept for the next.
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
    entry_index_elements: int = 0

    @property
    def elements_per_token(self) -> int:
        """What a token adds while none is dropped or compressed."""
        return self.key_elements + self.value_elements + self.index_elements

    @property
    def growth_elements(self) -> float:
        """What a token adds on average in a long sequence, when every window is full."""
        growth = float(self.elements_per_token) if self.tokens_held is None else 0.0
        if self.tokens_per_entry is None:
            return growth
        return growth + (self.entry_elements + self.entry_index_elements) / self.tokens_per_entry

    def tokens(self, length: int) -> int:
        """How many of `length` tokens are held."""
        return length if self.tokens_held is None else min(length, self.tokens_held)

    def most_bytes(self, length: int, row_bytes: Rows) -> int:
        """The most bytes that a sequence holds on its way to `length` tokens: where tokens wait to be compressed, a
        little more just before an entry is made of them than after."""
        reached = self.rows(length).of(row_bytes)
        if self.tokens_per_entry is None or length < self.tokens_per_entry:
            return reached
        before = length // self.tokens_per_entry * self.tokens_per_entry - 1
        return max(reached, self.rows(before).of(row_bytes))

    def rows(self, length: int) -> Rows:
        """How many rows of each part a sequence of `length` tokens has."""
        held = self.tokens(length)
        if self.tokens_per_entry is None:
            return Rows(tokens=held, index=held, states=1)
        entries, waiting = divmod(length, self.tokens_per_entry)
        return Rows(held, held, entries, entries, waiting, min(entries, 1), 1)


def compressed_cache(elements: int, index_elements: int, rate: int, window_tokens: int) -> LayerCache:
    """The cache of a layer over a window of tokens of `elements` numbers (keys and values are the same ones) and entries
    that stand for `rate` older tokens each. With an indexer, whose keys have `index_elements`, entries overlap."""
    both = elements + index_elements
    # A waiting token keeps its numbers and their gates; overlapping entries need both twice, and the last window stays.
    return LayerCache(
        key_elements=elements,
        tokens_held=max(1, window_tokens - 1),
        tokens_per_entry=rate,
        entry_elements=elements,
        waiting_elements=both * (4 if index_elements else 2),
        overlap_elements=2 * both * rate if index_elements else 0,
        entry_index_elements=index_elements,
    )


def block_bytes(kind: str) -> int:
    """The bytes of 32 numbers of a cache type. Raises DomainError naming the types there are."""
    try:
        return BLOCK_BYTES[kind]
    except KeyError:
        raise DomainError(f"{kind!r} is no cache type: give one of {', '.join(BLOCK_BYTES)}.") from None


def plain_bytes(elements: int, kind: str) -> int:
    """The bytes of so many numbers. Raises DomainError for an unknown type, and where its blocks do not divide them."""
    n_bytes = block_bytes(kind)
    if kind in BLOCK_TYPES and elements % BLOCK:
        raise DomainError(
            f"a token's {elements} elements are no multiple of {BLOCK}: {kind} cannot hold this cache; choose f16 or bf16."
        )
    return elements * n_bytes // BLOCK


def row_bytes(cache: LayerCache, key_type: str, value_type: str, state_type: str) -> Rows:
    """The bytes of a row of each part. Keys and compressed entries are of `key_type`, values of `value_type`; all that
    follows the model's type is of `state_type`, the indexer's keys among it. Raises DomainError as `plain_bytes`."""
    return Rows(
        tokens=plain_bytes(cache.key_elements, key_type) + plain_bytes(cache.value_elements, value_type),
        index=plain_bytes(cache.index_elements, state_type),
        entries=plain_bytes(cache.entry_elements, key_type),
        entry_index=plain_bytes(cache.entry_index_elements, state_type),
        waiting=plain_bytes(cache.waiting_elements, state_type),
        overlap=plain_bytes(cache.overlap_elements, state_type),
        states=plain_bytes(cache.state_elements, state_type) + plain_bytes(cache.recurrent_elements, "f32"),
    )


def cache_bytes(
    caches: Iterable[LayerCache],
    length: int,
    *,
    key_type: str = "bf16",
    value_type: str | None = None,
    state_type: str = "bf16",
) -> int:
    """The bytes that `caches` hold of one sequence of `length` tokens.

    It is what a transformers cache holds after a forward pass over `length` tokens: a sliding layer then keeps one
    token less than its window, since the next token joins it. `value_type` defaults to `key_type`; `state_type` is the
    type of what follows the model's type (`row_bytes`). Raises DomainError for an unknown type, a negative length, or a
    block type whose blocks do not divide a layer's keys or values.
    """
    if length < 0:
        raise DomainError(f"length is {length}: a sequence has no fewer than 0 tokens.")
    return sum(
        cache.rows(length).of(row_bytes(cache, key_type, value_type or key_type, state_type)) for cache in caches
    )
