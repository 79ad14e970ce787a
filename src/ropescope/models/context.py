"""Context: the lengths a model's files state, each with the field that states it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

STATED_AS_EXTENDED: Final = frozenset({"llama3", "longrope"})
"""Rules whose files state the extended length itself; their factors are no ratio of lengths."""


@dataclass(frozen=True, slots=True)
class Context:
    """How many tokens of context, in three meanings that are kept apart.

    `configured` is what the files state as the model's length. `trained` is the length before its positions were
    scaled, where the files tell it, else `configured` (None where that is known to be the scaled length). `extended` is
    what the scaling `rule` gives: factor × trained for linear, dynamic and yarn, `configured` for llama3 and longrope;
    None without a rule. Each comes with the field it was read from ("" where there is none).
    """

    configured: int | None = None
    configured_field: str = ""
    trained: int | None = None
    trained_field: str = ""
    extended: int | None = None
    extended_field: str = ""
    rule: str = ""
    factor: float | None = None

    @property
    def longest(self) -> int | None:
        """The longest length that the files claim."""
        known = [length for length in (self.configured, self.extended) if length is not None]
        return max(known, default=None)


def context_of(
    configured: int | None,
    field: str,
    scaling: Mapping[str, Any] | None,
    original: int | None,
    original_field: str,
    *,
    scaled_already: bool = False,
) -> Context:
    """The Context of a model with `configured` tokens stated in `field`, RoPE `scaling` (None without) and the
    `original` length before it, where `original_field` states one. `scaled_already`: `configured` counts the scaled
    length, whatever the rule."""
    if scaling is None and original in (None, configured):
        return Context(configured, field, configured, field)
    rule = str((scaling or {}).get("rope_type", ""))
    trained, trained_field = (original, original_field) if original is not None else (configured, field)
    factor = (scaling or {}).get("factor")
    number = float(factor) if isinstance(factor, int | float) and not isinstance(factor, bool) else None
    if scaled_already and original is None:
        return Context(configured, field, None, "", configured, field, rule, number)
    if rule in STATED_AS_EXTENDED or number is None or trained is None:
        return Context(configured, field, trained, trained_field, configured, field, rule, number)
    return Context(
        configured, field, trained, trained_field, round(trained * number), f"{trained_field} × factor", rule, number
    )
