"""How a number is written: the same in a terminal, in Markdown and on a page.

Integers are grouped (131,072), floats have four significant digits, an absent value is a dash. Anything else
(NaN, infinity) is refused: a report that shows it would look like an answer.
"""

from __future__ import annotations

import math

from ropescope.errors import ReportError
from ropescope.report.report import Column, Fact, Scalar
from ropescope.report.text import plain

ABSENT = "–"
SIGNIFICANT_DIGITS = 4


def number(value: Scalar, spec: str = "", *, name: str = "a value") -> str:
    """`value` as text: a number by `spec` (a `format()` spec) or by the rules above, text as it is, None as a dash.

    Raises ReportError, naming `name`, for NaN and infinity, and for a `spec` that does not fit the number.
    """
    if value is None:
        return ABSENT
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and not math.isfinite(value):
        raise ReportError(f"{plain(name)} is {value}: a report shows finite numbers only; use None for an absent one.")
    if spec:
        try:
            return format(value, spec)
        except (ValueError, OverflowError) as error:
            raise ReportError(f"{plain(name)}: the format {spec!r} does not fit {value!r} ({error}).") from error
    return f"{value:,}" if isinstance(value, int) else _float(value)


def interval(low: float, high: float, *, name: str = "an interval") -> str:
    """`[low, high]`, both ends with as many decimals as give the width two significant digits; up to two more for a small
    end."""
    ends = (number(low, name=name), number(high, name=name))
    width = abs(high - low)
    if math.isfinite(width) and width > 0 and min(abs(low), abs(high)) < 1000:
        least = max(0, 1 - math.floor(math.log10(width)))
        # A wide interval must not turn a small end into a zero that it is not: two more decimals may show it.
        most = min(least + 2, 8) if least else 0
        for decimals in range(least, most + 1):
            fixed = tuple(f"{end + 0.0:,.{decimals}f}" for end in (low, high))
            if all(float(text.replace(",", "")) != 0 or end == 0 for text, end in zip(fixed, (low, high), strict=True)):
                ends = (fixed[0], fixed[1])
                break
    return f"[{ends[0]}, {ends[1]}]"


def with_unit(text: str, unit: str) -> str:
    """`text` and its unit: `8,192 tokens`, `12 %`; a dash has no unit."""
    unit = plain(unit)
    return f"{text} {unit}" if unit and text != ABSENT else text


def fact_value(fact: Fact) -> str:
    """The value of a fact with its unit. Raises ReportError if it is NaN or infinite."""
    return with_unit(number(fact.value, name=f"the fact {fact.name!r}"), fact.unit)


def fact_interval(fact: Fact) -> str:
    """The interval of a fact as `[low, high]`, empty if it has none. Raises ReportError if an end is not finite."""
    return "" if fact.interval is None else interval(*fact.interval, name=f"the interval of {fact.name!r}")


def cell(value: Scalar, column: Column) -> str:
    """A value of a table as text. Raises ReportError if it is NaN or infinite, or if the format does not fit."""
    return number(value, column.format, name=f"the column {column.name!r}")


def heading(column: Column) -> str:
    """The heading of a column with its unit: `window (tokens)`."""
    return f"{plain(column.name)} ({plain(column.unit)})" if column.unit else plain(column.name)


def is_numeric(value: Scalar) -> bool:
    """Whether a value reads as a number and so stands to the right of its column."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def numeric_columns(columns: tuple[Column, ...], rows: tuple[tuple[Scalar, ...], ...]) -> list[bool]:
    """For each column, whether all its present values are numbers (and there is one at least)."""
    present = [[row[i] for row in rows if row[i] is not None] for i in range(len(columns))]
    return [bool(values) and all(is_numeric(value) for value in values) for values in present]


def _float(value: float) -> str:
    size = abs(value)
    if size == 0:
        return "0"
    if 1000 <= size < 1e15:
        return f"{value:,.0f}"
    if 1e-4 <= size < 1000:
        text = f"{value:.{SIGNIFICANT_DIGITS}g}"
        return "1,000" if text == "1000" else "-1,000" if text == "-1000" else text
    mantissa, exponent = f"{value:.{SIGNIFICANT_DIGITS - 1}e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def binary_size(n_bytes: float) -> str:
    """A size in binary units (1 GiB = 2³⁰ bytes), three significant digits and never fewer than whole units."""
    for unit, size in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if n_bytes >= size:
            value = n_bytes / size
            return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"
    return f"{n_bytes:,.0f} bytes"
