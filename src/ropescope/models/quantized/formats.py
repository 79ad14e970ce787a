"""How one matrix is stored once it is quantised: its numbers, the scales of each block, and what else lies beside them.

The layouts are those of the checkpoints: compressed-tensors 0.20, GPTQModel, AutoAWQ, ModelOpt, bitsandbytes, and the
fine-grained FP8 of DeepSeek.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True)
class Format:
    """A quantised matrix of `rows` outputs and `columns` inputs.

    A number has `bits`. A block of `block_rows` × `block_columns` numbers (0: all of them) shares a scale of
    `scale_bytes`, and a zero point of `zero_bits`. `row_bytes` and `column_bytes` are held for each output and input,
    `fixed_bytes` once. `word_bits` is the width of the integers that hold the numbers of a row (0: packed without gaps).
    """

    bits: float
    block_rows: int = 1
    block_columns: int = 0
    scale_bytes: float = 0
    zero_bits: float = 0
    row_bytes: int = 0
    column_bytes: int = 0
    fixed_bytes: int = 0
    word_bits: int = 0

    def n_bytes(self, rows: int, columns: int) -> int:
        """The bytes of a matrix of this shape, with everything that helps to unpack it."""
        blocks = ceil(rows / (self.block_rows or rows)) * ceil(columns / (self.block_columns or columns))
        per_word = int(self.word_bits // self.bits) if self.word_bits else 0
        numbers = rows * ceil(columns / per_word) * self.word_bits / 8 if per_word else rows * columns * self.bits / 8
        helpers = blocks * (self.scale_bytes + self.zero_bits / 8)
        return ceil(numbers) + ceil(helpers) + rows * self.row_bytes + columns * self.column_bytes + self.fixed_bytes


@dataclass(frozen=True, slots=True)
class BlocksOf(Format):
    """bitsandbytes in 4 bits: the matrix is one line of blocks of `block` numbers, whose scales (`double`) are quantised
    in turn, 256 of them to a block. Beside them lie the tables of both codes."""

    block: int = 64
    double: bool = False

    def n_bytes(self, rows: int, columns: int) -> int:
        numbers = rows * columns
        blocks = ceil(numbers / self.block)
        scales = blocks + 4 * ceil(blocks / 256) + 4 * 256 if self.double else 4 * blocks
        return ceil(numbers * self.bits / 8) + scales + 4 * 16


def plain(bits: float, scale_bytes: float = 0) -> Format:
    """One scale for the whole matrix."""
    return Format(bits, block_rows=0, block_columns=0, scale_bytes=scale_bytes)


def nvfp4(group: int = 16, input_scale: bool = True) -> Format:
    """NVFP4: an FP8 scale for 16 numbers, a 32-bit scale of those, and one of the inputs."""
    return Format(4, block_columns=group, scale_bytes=1, fixed_bytes=8 if input_scale else 4)


def mx(bits: float, group: int = 32) -> Format:
    """OCP microscaling: an 8-bit exponent for 32 numbers."""
    return Format(bits, block_columns=group, scale_bytes=1)


def gptq(bits: int, group: int) -> Format:
    """GPTQModel: zero points are held for symmetric weights as well, and the group of each input in 32 bits."""
    return Format(bits, block_columns=max(group, 0), scale_bytes=2, zero_bits=bits, column_bytes=4)


def awq(bits: int, group: int) -> Format:
    """AutoAWQ."""
    return Format(bits, block_columns=max(group, 0), scale_bytes=2, zero_bits=bits)
