"""What each language costs by each tokenizer: premiums against a baseline language, ratios against the first tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ropescope.checks.reading.tokens.counting import Tokenizer
from ropescope.checks.reading.tokens.parallel import ParallelText
from ropescope.errors import InputError
from ropescope.quality.intervals import Interval, ratio_of_sums


@dataclass(frozen=True, slots=True)
class Cost:
    """One language by one tokenizer.

    `premium` is tokens / tokens of the baseline language, None without one; `against` is tokens / tokens of the first
    tokenizer on the same text, None for that one. `counts` are the tokens of each part.
    """

    tokenizer: str
    language: str
    counts: tuple[int, ...] = field(repr=False)
    n_bytes: int
    unknown: int
    premium: Interval | None
    against: Interval | None = None

    @property
    def n_tokens(self) -> int:
        """Of the whole text, without special tokens."""
        return sum(self.counts)


def costs_of(
    tokenizers: Sequence[Tokenizer], text: ParallelText, codes: Sequence[str], base: str | None
) -> tuple[Cost, ...]:
    """The cost of each language by each tokenizer. Raises InputError for a language that shares no part with `base`."""
    found: list[Cost] = []
    wanted = dict.fromkeys((*codes, base or codes[0]))
    for tokenizer in tokenizers:
        counted = {code: tokenizer.count(tuple(text.parts[code].values())) for code in wanted}
        by_part = {code: dict(zip(text.parts[code], counts, strict=True)) for code, counts in counted.items()}
        for number, code in enumerate(codes):
            shared = sorted(by_part[code].keys() & by_part[base or code].keys())
            if not shared:
                raise InputError("languages", f"`languages`: {code} and {base} have none of the {text.unit} in common.")
            counts = tuple(by_part[code][part] for part in shared)
            ours = tuple(text.parts[code][part] for part in shared)
            premium = None if base is None else ratio_of_sums(counts, [by_part[base][part] for part in shared])
            against = None if tokenizer is tokenizers[0] else ratio_of_sums(counts, found[number].counts)
            n_bytes = sum(len(part.encode()) for part in ours)
            found.append(Cost(tokenizer.name, code, counts, n_bytes, sum(tokenizer.unknown(ours)), premium, against))
    return tuple(found)
