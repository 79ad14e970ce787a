"""Whether a field is named as an answer or as reasoning: by the words of its name, of which the last says what it is."""

from __future__ import annotations

import re
from typing import Final, Literal

Kind = Literal["answer", "reasoning"]

REASONING: Final = frozenset(
    "reasoning reason reasons rationale explanation explanations thought thoughts thinking analysis justification scratchpad cot "
    "deliberation why".split()
)
ANSWER: Final = frozenset(
    "answer answers verdict decision prediction conclusion classification label choice selection score rating grade result output "
    "response recommendation diagnosis outcome".split()
)
PHRASES: Final[dict[tuple[str, ...], Kind]] = {
    ("chain", "of", "thought"): "reasoning",
    ("step", "by", "step"): "reasoning",
    ("train", "of", "thought"): "reasoning",
}
FILLERS: Final = frozenset(
    "text texts content string str value step steps process summary notes note trace field letter list detail details section "
    "body".split()
)
"""Words behind the one that counts: reasoning_steps is reasoning, reason_code is a code."""

_BEFORE: Final = frozenset("for of behind to about by on in".split())
_PARTS: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")


def parts(name: str) -> tuple[str, ...]:
    """The words of a name in snake_case, camelCase or kebab-case, in small letters."""
    return tuple(part.lower() for part in _PARTS.findall(name))


def kind_of(name: str, answers: frozenset[str], reasonings: frozenset[str]) -> Kind | None:
    """What a field of that name is, None for neither. `answers` and `reasonings` are names that the user called so."""
    if name in answers:
        return "answer"
    if name in reasonings:
        return "reasoning"
    words = parts(name)
    for phrase, kind in PHRASES.items():
        if any(words[at : at + len(phrase)] == phrase for at in range(len(words))):
            return kind
    head = next((at for at, word in enumerate(words) if at and word in _BEFORE), len(words))
    kept = list(words[:head])
    while len(kept) > 1 and kept[-1] in FILLERS:
        kept.pop()
    if not kept:
        return None
    return "reasoning" if kept[-1] in REASONING else "answer" if kept[-1] in ANSWER else None
