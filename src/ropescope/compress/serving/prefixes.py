"""What prompts begin with, read once: keys and values before any cut, in blocks of tokens, as engines keep them.

A block is found by a hash of all tokens up to its end. The least recently used go where the bytes run out.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

States = list[tuple[Tensor, Tensor]]
"""Keys and values [1, KV heads, tokens, dim] of each layer."""
BLOCK = 64
"""Tokens of a block: what is shared is found in steps of so many."""


class PrefixCache:
    """Blocks of up to `max_bytes` in all. `hits` and `misses` count prompts, `tokens_saved` the tokens that were not read anew."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.hits = self.misses = self.tokens_saved = self.held_bytes = 0
        self._blocks: OrderedDict[bytes, States] = OrderedDict()

    def boundary(self, n_tokens: int) -> int:
        """The tokens of the whole blocks among `n_tokens`."""
        return n_tokens // BLOCK * BLOCK

    def find(self, ids: list[int]) -> States:
        """The states of the longest beginning of `ids` that is kept, empty if there is none."""
        path = []
        for name in _names(ids):
            if name not in self._blocks:
                break
            path.append(name)
        self._use(path)
        self.hits, self.misses = self.hits + bool(path), self.misses + (not path)
        self.tokens_saved += len(path) * BLOCK
        found = [self._blocks[name] for name in path]
        return [
            (torch.cat([keys for keys, _ in parts], dim=2), torch.cat([values for _, values in parts], dim=2))
            for parts in zip(*found, strict=True)
        ]

    def keep(self, ids: list[int], whole: Any) -> None:
        """Take blocks out of a cache that holds `ids` whole, as many from the beginning as have room."""
        path: list[bytes] = []
        size = 0
        for number, name in enumerate(_names(ids)):
            if name not in self._blocks:
                part = slice(number * BLOCK, (number + 1) * BLOCK)
                needed = sum(_bytes(layer.keys[:, :, part], layer.values[:, :, part]) for layer in whole.layers)
                if size + needed > self.max_bytes:
                    break
                self._blocks[name] = [
                    (layer.keys[:, :, part].clone(), layer.values[:, :, part].clone()) for layer in whole.layers
                ]
                self.held_bytes += needed
            size += sum(_bytes(*states) for states in self._blocks[name])
            path.append(name)
        self._use(path)
        while self.held_bytes > self.max_bytes:
            _, gone = self._blocks.popitem(last=False)
            self.held_bytes -= sum(_bytes(*states) for states in gone)

    def _use(self, path: list[bytes]) -> None:
        """The blocks of a prompt, from its beginning: a later one is of no use without those before, so it goes first."""
        for name in reversed(path):
            self._blocks.move_to_end(name)


def _names(ids: list[int]) -> Iterator[bytes]:
    """A hash of all tokens up to the end of each whole block."""
    digest = hashlib.sha256()
    for start in range(0, len(ids) - BLOCK + 1, BLOCK):
        digest.update(array("q", ids[start : start + BLOCK]).tobytes())
        yield digest.digest()


def _bytes(keys: Tensor, values: Tensor) -> int:
    return keys.nbytes + values.nbytes
