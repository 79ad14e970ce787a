"""Text in columns for a terminal of any width: text folds, numbers never do.

Columns are told apart by two spaces and a rule of hyphens, so that a table reads the same in a pipe, a log or a font
without box-drawing characters. When the numbers alone are wider than the terminal, the table is cut into blocks of
columns, each beginning with the first column again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

GAP = 2
NARROWEST = 12
"""The width in characters below which a text column is not folded further."""


def table_lines(
    head: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool], width: int, console: Console
) -> list[Text]:
    """The lines of a table at most `width` wide (wider only if a single number is): heading, rule, rows."""
    from rich.text import Text

    columns = [[head[i], *(row[i] for row in rows)] for i in range(len(head))]
    lines: list[Text] = []
    for block in _blocks(columns, numeric, width):
        widths = _fit([_widest(columns[i]) for i in block], [numeric[i] for i in block], width)
        right = [numeric[i] for i in block]
        if lines:
            lines.append(Text())
        lines += row_lines([Text(head[i], "bold") for i in block], widths, right, console)
        lines.append(Text((" " * GAP).join("-" * size for size in widths), "dim"))
        for row in rows:
            lines += row_lines([Text(row[i]) for i in block], widths, right, console)
    return lines


def row_lines(cells: Sequence[Text], widths: Sequence[int], right: Sequence[bool], console: Console) -> list[Text]:
    """One row, each cell folded to its width; without spaces at the ends of lines."""
    from rich.text import Text

    folded = [list(cell.wrap(console, max(size, 1))) for cell, size in zip(cells, widths, strict=True)]
    lines = []
    for level in range(max((len(cell) for cell in folded), default=0)):
        line = Text()
        for cell, size, to_the_right in zip(folded, widths, right, strict=True):
            part = cell[level] if level < len(cell) else Text()
            part.rstrip()
            space = " " * max(0, size - part.cell_len)
            line.append_text(Text.assemble(space, part) if to_the_right else Text.assemble(part, space))
            line.append(" " * GAP)
        line.rstrip()
        lines.append(line)
    return lines


def wrapped(text: Text, width: int, console: Console, *, indent: str = "", first: Text | None = None) -> list[Text]:
    """`text` wrapped to `width`, every line behind `indent`, the first behind `first` if that is given."""
    from rich.text import Text

    lines = []
    for i, line in enumerate(text.wrap(console, max(width - len(indent), NARROWEST))):
        line.rstrip()
        lines.append(Text.assemble(first if first is not None and i == 0 else indent, line))
    return lines


def _widest(cells: Sequence[str]) -> int:
    from rich.cells import cell_len

    return max((cell_len(cell) for cell in cells), default=0)


def _least(cells: Sequence[str], numeric: bool) -> int:
    natural = _widest(cells)
    return natural if numeric else min(natural, NARROWEST)


def _blocks(columns: Sequence[Sequence[str]], numeric: Sequence[bool], width: int) -> list[list[int]]:
    least = [_least(column, right) for column, right in zip(columns, numeric, strict=True)]
    blocks: list[list[int]] = [[]]
    for i, size in enumerate(least):
        used = sum(least[j] + GAP for j in blocks[-1])
        if len(blocks[-1]) > (0 if len(blocks) == 1 else 1) and used + size > width:
            blocks.append([0])
        blocks[-1].append(i)
    return blocks


def _fit(natural: Sequence[int], numeric: Sequence[bool], width: int) -> list[int]:
    """The widths of columns: text columns give way, the widest first, until the row fits."""
    widths = list(natural)
    surplus = sum(widths) + GAP * (len(widths) - 1) - width
    while surplus > 0:
        foldable = [i for i, fixed in enumerate(numeric) if not fixed and widths[i] > NARROWEST]
        if not foldable:
            break
        widths[max(foldable, key=lambda i: widths[i])] -= 1
        surplus -= 1
    return widths
