"""How many tokens each block takes: by a tokenizer, in proportion to a count that is given, or four characters to a token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ropescope.checks.prompts.caching.blocks import Prompt
from ropescope.errors import InputError
from ropescope.report.report import Basis

CHARACTERS_PER_TOKEN: Final = 4.0
"""A rule of thumb for English text; code, JSON and other languages take more tokens, and so do newer tokenizers."""

ESTIMATE_FACTOR: Final = 1.5
"""An estimate may be off by this factor: nearer to a minimum than that, it decides nothing."""


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts the tokens of a text, and says how."""

    count: Callable[[str], float]
    basis: Basis
    source: str

    def ends(self, prompt: Prompt) -> tuple[int, ...]:
        """How many tokens the prompt has at the end of each block."""
        total, found = 0.0, []
        for block in prompt.blocks:
            total += self.count(block.text) if block.counted else 0
            found.append(round(total))
        return tuple(found)

    def unsure(self, tokens: int, minimum: int) -> bool:
        """Whether `tokens` is an estimate too near to `minimum` to say on which side it lies."""
        return self.basis == "assumed" and minimum / ESTIMATE_FACTOR < tokens < minimum * ESTIMATE_FACTOR


def counter_of(prompt: Prompt, tokens: int | None, tokenizer: str | None) -> Counter:
    """The counter for `prompt` and for an edit of it: `tokens` is what the whole of `prompt` takes, `tokenizer` a model's source.

    Raises InputError where both are given, the source has no tokenizer.json, or `prompt` has no text to spread `tokens` over.
    """
    if tokens is not None and tokenizer is not None:
        raise InputError("tokens", "`tokens` and `tokenizer` both say how long the prompt is: give one of them.")
    if tokenizer is not None:
        from ropescope.models.loadable import encoder_of
        from ropescope.models.source import resolve

        encode = encoder_of(resolve(tokenizer, fetch=False))
        if encode is None:
            raise InputError(
                "tokenizer",
                f"`tokenizer` {tokenizer} gives no counts: it takes a folder or Hub id with a tokenizer.json, and pip install "
                "'ropescope[tokenizers]'.",
            )
        return Counter(
            lambda text: len(encode(text)), "measured", f"the tokenizer of {tokenizer}, without the provider's template"
        )
    if tokens is not None:
        characters = sum(len(block.text) for block in prompt.blocks if block.counted)
        if not characters:
            raise InputError("tokens", "`tokens` cannot be spread over the request: it holds no text.")
        return Counter(lambda text: len(text) * tokens / characters, "config", "`tokens`, spread by characters")
    return Counter(
        lambda text: len(text) / CHARACTERS_PER_TOKEN,
        "assumed",
        f"{CHARACTERS_PER_TOKEN:g} characters a token; `tokens` or `tokenizer` counts them",
    )
