"""What a result says of the number type of its weights. Standard library only: the atlas ranks without torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ropescope.report.report import Fact


def number_type_fact(provenance: Mapping[str, Any], more: str = "") -> Fact:
    """The type that the weights were held in, and why; `more` says what was done in another."""
    source = "; ".join(part for part in (provenance.get("dtype_reason"), more) if part)
    return Fact("number type", str(provenance.get("dtype", "")), basis="config", source=source)


def types_compared(named: Iterable[tuple[str, str | None]]) -> tuple[str, ...]:
    """One sentence where measurements (name, number type) in several types stand side by side; () where they do not."""
    by_type: dict[str, list[str]] = {}
    for name, dtype in named:
        if dtype is not None and name not in by_type.setdefault(dtype, []):
            by_type[dtype].append(name)
    if len(by_type) < 2:
        return ()
    told = "; ".join(f"{dtype}: {', '.join(names)}" for dtype, names in sorted(by_type.items()))
    return (f"The weights were held in different number types ({told}), so small differences may be rounding.",)
