"""Messages as templates: the literal text between their places, and where a sentence has it.

A message of several sentences is known sentence by sentence as well, where its translation has as many.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Final, NamedTuple

PLACE: Final = re.compile(r"\{(\d+|before|after)\}")
WORD: Final = re.compile(r"[A-Za-z]+")
SENTENCES: Final = re.compile(r"((?<=[.!?]) )")
_ASKED: Final = re.compile(r"(?<=[.!?]) ")
_LEADING: Final = re.compile("^ *(\\{\\d+\\} +)*(?=[A-Z\u0080-\uffff])")
"""Whole sentences before one."""

_TOLD: Final = re.compile(r"(?<=[.!?]) |(?<=[。！？])(?=.)")
MOST_WAYS: Final = 24
"""Ways in which one text is a template."""

_ENDING: Final = re.compile("[a-z]{1,3}")


class Template(NamedTuple):
    """A message: the literal text between its places, the names of the places, and its translation in the same way."""

    literals: tuple[str, ...]
    places: tuple[str, ...]
    said: tuple[str, ...]

    @property
    def rank(self) -> tuple[int, bool]:
        """Less for a template that is tried earlier: the more of it is literal, and a whole one before a fragment."""
        return -sum(map(len, self.literals)), "before" in self.places or "after" in self.places

    @property
    def preposition(self) -> bool:
        """Whether it is as short as "{0} of {1}": that is found in lists and names as well."""
        return self.letters < 4

    def has(self, breaks: re.Pattern[str]) -> bool:
        """Whether its literal text has such a break."""
        return any(breaks.search(literal) for literal in self.literals)

    @property
    def letters(self) -> int:
        """How many letters its literal text has."""
        return sum(character.isalpha() for literal in self.literals for character in literal)


def templates(messages: Mapping[str, str]) -> list[Template]:
    """The templates of all messages that are translated, and of their sentences."""
    whole = {english: said for english, said in messages.items() if said}
    parts = dict(chain.from_iterable(_parted(*both) for both in whole.items()))
    parts |= {one.strip(): said.strip() for one, said in whole.items() if one.startswith(" ") and one.endswith(".")}
    parts |= {one[2:]: said.lstrip(";； ") for one, said in whole.items() if one.startswith("; ") and one[2] != "{"}
    return [_template(english, said) for english, said in {**parts, **whole}.items()]


def _parted(english: str, said: str) -> Iterator[tuple[str, str]]:
    """(sentence, its translation) of a message of several; none where they do not correspond."""
    asked, told = _ASKED.split(english), _TOLD.split(said)
    if len(asked) != len(told):
        return
    parts = [_alone(*both) for both in zip(asked, told, strict=True)]
    if all(set(PLACE.findall(one)) == set(PLACE.findall(other)) for one, other in parts):
        yield from (both for both in parts if WORD.search(PLACE.sub("", both[0])))


def _alone(one: str, other: str) -> tuple[str, str]:
    """A sentence and its translation without the whole sentences that are put before it."""
    before = _LEADING.match(one)
    if before is None:
        return one, other
    places = len(PLACE.findall(before[0]))
    return one[before.end() :], re.sub(rf"^ *(\{{\d+\}} *){{{places}}}", "", other)


def _template(english: str, said: str) -> Template:
    if english.startswith((" ", ",", ";")):  # a fragment, which stands beside something: that is a place, too
        english, said = "{before}" + english, "{before}" + said
    if english.endswith(" "):
        english, said = english + "{after}", said + "{after}"
    pieces, told = PLACE.split(english), PLACE.split(said)
    literal = tuple(piece if number % 2 else _written(piece) for number, piece in enumerate(told))
    return Template(tuple(map(_written, pieces[::2])), tuple(pieces[1::2]), literal)


def key_words(one: Template) -> list[str]:
    """The whole words of its literal text: such as stand at a place may be parts of words."""
    found: list[str] = []
    for number, literal in enumerate(one.literals):
        for match in WORD.finditer(literal):
            open_left = match.start() == 0 and number > 0
            open_right = match.end() == len(literal) and number < len(one.literals) - 1
            if not open_left and not open_right:
                found.append(match[0])
    return found


def matches(literals: tuple[str, ...], text: str) -> Iterator[tuple[str, ...]]:
    """What stands at the places, if `text` has all literals in order: the places as short as can be from the left, then from the
    right."""
    inner = _inner(literals, text)
    if inner is not None:
        sides = (side(literals[1:-1], inner) for side in (_from_left, _from_right, _at_sentences))
        yield from _standing(literals, (one for one in sides if one is not None))


def ways(literals: tuple[str, ...], text: str) -> Iterator[tuple[str, ...]]:
    """As `matches`, in any way that cuts no brackets; at most `MOST_WAYS`."""
    inner = _inner(literals, text)
    if inner is not None and len(literals) > 2:
        yield from _standing(literals, islice(_ways(literals[1:-1], inner), MOST_WAYS))


def _inner(literals: tuple[str, ...], text: str) -> str | None:
    """`text` without the first and the last literal; None where it does not have them."""
    first, last = literals[0], literals[-1]
    if not text.startswith(first):
        other = turned(first, str.lower) if first[:1].isupper() else turned(first, str.upper)
        if not first or not text.startswith(other):
            return None
    if not text.endswith(last) or len(text) < len(first) + len(last):
        return None
    return text[len(first) : len(text) - len(last)]


def _standing(literals: tuple[str, ...], found: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Each of them once, where all parts may stand there."""
    seen = set()
    for parts in found:
        if parts not in seen and all(map(_stands, literals, parts, literals[1:])):
            seen.add(parts)
            yield parts


def _stands(before: str, part: str, after: str) -> bool:
    """Whether `part` may stand there: beside a letter, only an ending, or what begins and ends with none; no new sentence goes on
    with a letter."""
    if before == "." and part[:1].isalpha():
        return False
    if before[-1:].isascii() and before[-1:].isalpha() and part[:1].isalpha() and _ENDING.fullmatch(part) is None:
        return False
    return not (after[:1].isascii() and after[:1].isalpha() and part[-1:].isalpha() and _ENDING.fullmatch(part) is None)


def _from_left(literals: tuple[str, ...], text: str) -> tuple[str, ...] | None:
    parts = []
    for literal in literals:
        before, between, text = text.partition(literal)
        if not between:
            return None
        parts.append(before)
    return (*parts, text)


def _from_right(literals: tuple[str, ...], text: str) -> tuple[str, ...] | None:
    parts = []
    for literal in reversed(literals):
        text, between, after = text.rpartition(literal)
        if not between:
            return None
        parts.append(after)
    return (text, *reversed(parts))


def _at_sentences(literals: tuple[str, ...], text: str) -> tuple[str, ...] | None:
    """As from the left, but two places side by side are two sentences."""
    if " " not in literals:
        return None
    parts = []
    for literal in literals:
        before, between, text = text.partition(". " if literal == " " else literal)
        if not between:
            return None
        parts.append(f"{before}." if literal == " " else before)
    return (*parts, text)


def _ways(literals: tuple[str, ...], text: str) -> Iterator[tuple[str, ...]]:
    """Every way to have the literals in order, of which no place cuts brackets."""
    if not literals:
        if _closed(text):
            yield (text,)
        return
    at = text.find(literals[0])
    while at >= 0:
        if _closed(text[:at]) and not (literals[0] == " " and text[:at].endswith(",")):
            for rest in _ways(literals[1:], text[at + len(literals[0]) :]):
                yield (text[:at], *rest)
        at = text.find(literals[0], at + 1)


def uncut(pieces: Sequence[str]) -> list[str]:
    """Pieces and what stood between them, where no piece cuts brackets."""
    found = [pieces[0]]
    for between, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        if _closed(found[-1]):
            found += [between, piece]
        else:
            found[-1] += between + piece
    return found


def _closed(text: str) -> bool:
    return text.count("(") == text.count(")") and text.count("[") == text.count("]")


def turned(text: str, change: Callable[[str], str]) -> str:
    return change(text[:1]) + text[1:]


def _written(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")
