"""A sentence in another language: found again among the templates that it was made from, and its parts within it.

A message such as "{0} fits {1}." is a template. What stands for {0} is looked up in turn: it may be a clause with a template of its
own, a list of words, or a name or number, which stays as it is. A sentence of which a part is not known stays English as a whole.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from itertools import chain
from typing import Final, NamedTuple

from ropescope.app.web.languages.catalogues import PARTS, messages
from ropescope.questions.registry import known

LONGEST: Final = 4000
"""Characters; a longer text is no sentence of ours, and stays as it is."""

DEEPEST: Final = 8
"""Clauses within clauses."""

MOST_STEPS: Final = 2000
"""Parts of one text that are looked up, whatever it holds."""

MOST_KEPT: Final = 20_000
""" Texts that are remembered with their translation."""

_PLACE: Final = re.compile(r"\{(\d+|before|after)\}")
_WORD: Final = re.compile(r"[A-Za-z]+")
_ENGLISH: Final = re.compile(r"(?<![\w`'\"./@:=-])[A-Za-z][a-z]+(?![\w`\"/@=_[(-]|[.:]\w)")
_WIDE: Final = re.compile(" *([，。：；？、（）]) *")
"""Chinese punctuation, which takes no space beside it."""

_ENDING: Final = re.compile("[a-z]{1,3}")
_QUOTED: Final = re.compile(r"`[^`]*`|'[^' ][^']*'|\"[^\"]*\"|“[^”]*”")
_AFTER: Final = re.compile(r" [A-Z{].*\.", re.S)
_SENTENCES: Final = re.compile(r"((?<=[.!?]) )")
_BREAKS: Final = (
    _SENTENCES,
    re.compile("( · |; | — )"),
    re.compile("(: )"),
    re.compile(r"(, and |, or |, | \+ )"),
    re.compile("( and | or )"),
)
"""Where a sentence may be put together from several messages, the widest breaks first."""

MOST_TOGETHER: Final = 9
"""Sentences of one message, and the spaces between them."""

SHORT: Final = 8
"""Characters; a message with fewer, such as "{0} of {1}", does not reach over several sentences or clauses."""

WHOLE: Final = 2
"""So many of the breaks stand between sentences or clauses."""

NAMES: Final = frozenset(
    "vllm sglang llama ollama transformers gguf safetensors smollm yarn ntk tokens token bytes batch cache nvidia amd intel apple "
    "test prompt prompts tensor linear dynamic alpha rerope config json parquet bf fp int awq gptq "
    "adakv snapkv pyramidkv tova knorm keydiff kvpress cpu cuda peft trl bitsandbytes llmcompressor llguidance outlines xgrammar "
    "torchao hqq eetq diffusers mlx torch jsonschema sympy tiktoken xllamacpp npm pip ropescope acc gamma theta ln min max system "
    "user assistant commit instruct".split()
)
"""Names of engines, formats, methods, metrics and fields, and units: the same in every language."""


@cache
def asked_names() -> frozenset[str]:
    """The words of the names of questions, which are the same in every language."""
    return frozenset(word for name in known() for word in name.split())


class Said(NamedTuple):
    """A text in another language, and how many English words are left in it."""

    text: str
    left: int


class Template(NamedTuple):
    """A message: the literal text between its places, the names of the places, and its translation in the same way."""

    literals: tuple[str, ...]
    places: tuple[str, ...]
    said: tuple[str, ...]

    @property
    def weight(self) -> int:
        """How much of it is literal."""
        return sum(map(len, self.literals))


class Sentences:
    """What a language has for English sentences. `messages` has an empty text for what is not translated yet."""

    def __init__(self, messages: Mapping[str, str]) -> None:
        self.exact: dict[str, str] = {}
        self.templates: dict[str, list[Template]] = {}
        self.vocabulary = (
            {word for english in messages for word in _ENGLISH.findall(english) if word.islower()}
            - NAMES
            - asked_names()
        )
        self._found: dict[str, Said] = {}
        self._steps = 0
        made = [_template(english, said) for english, said in messages.items() if said]
        made += [  # a sentence that is put after others is found without them, too
            _template(english[1:], said[1:]) for english, said in messages.items() if said and _AFTER.fullmatch(english)
        ]
        for one in made:
            if not one.places:
                self.exact[one.literals[0]] = one.said[0]
        often = Counter(word for one in made for word in set(_key_words(one)))
        for one in made:
            if one.places:
                rarest = min(_key_words(one), key=lambda word: (often[word], word), default="")
                self.templates.setdefault(rarest, []).append(one)

    def say(self, text: str) -> Said:
        """`text` in this language as far as it is known."""
        if len(self._found) > MOST_KEPT:
            self._found.clear()
        self._steps = 0
        said = self._said(text, 0)
        return Said(_WIDE.sub(r"\1", said.text), said.left)

    def _said(self, text: str, depth: int) -> Said:
        if not _WORD.search(text) or len(text) > LONGEST:
            return Said(text, 0)
        if text not in self._found:
            self._steps += 1
            found = self._looked_up(text, depth)
            if self._steps > MOST_STEPS or depth >= DEEPEST:
                return found
            self._found[text] = found
        return self._found[text]

    def _looked_up(self, text: str, depth: int) -> Said:
        if (found := self._exact(text)) is not None:
            return Said(found, 0)
        english = Said(text, self.left(text))
        if depth >= DEEPEST or self._steps > MOST_STEPS or _QUOTED.fullmatch(text):
            return english
        for said in chain(self._by_template(text, depth), self._by_pieces(text, depth)):
            if said.left == 0:
                return said
        # A sentence is in one language: what is not known in whole stays English.
        pieces = self._sentences(text, depth)
        return (
            Said("".join(one.text for one in pieces), sum(one.left for one in pieces)) if len(pieces) > 1 else english
        )

    def _sentences(self, text: str, depth: int) -> list[Said]:
        """`text` by its sentences, with the spaces between; several that are one message stay together."""
        pieces = _SENTENCES.split(text)
        found: list[Said] = []
        at = 0
        while at < len(pieces):
            end = at + 1
            for last in range(min(len(pieces), at + MOST_TOGETHER) if len(pieces) > 2 else 0, at + 1, -2):
                together = "".join(pieces[at:last])
                if together != text and (one := self._message(together, depth + 1)) is not None:
                    found.append(one)
                    end = last
                    break
            else:
                found.append(self._said(pieces[at], depth + 1))
            found += [Said(space, 0) for space in pieces[end : end + 1]]
            at = end + 1
        return found

    def _message(self, text: str, depth: int) -> Said | None:
        """`text` as one message, all of it known; None where it is none."""
        if (exact := self._exact(text)) is not None:
            return Said(exact, 0)
        return next((said for said in self._by_template(text, depth) if said.left == 0), None)

    def left(self, text: str) -> int:
        """How many words of `text` are English ones of our messages, names and what is quoted aside."""
        bare = _QUOTED.sub(" ", text)
        return sum(word.lower() in self.vocabulary for word in _ENGLISH.findall(bare))

    def _exact(self, text: str) -> str | None:
        found = self.exact.get(text)
        if found is not None:
            return found
        inner = text.strip()
        if inner != text and (found := self.exact.get(inner)) is not None:
            return text.replace(inner, found)
        for other, change in ((_turned(text, str.upper), str.lower), (_turned(text, str.lower), str.upper)):
            if other != text and (found := self.exact.get(other)) is not None:
                return _turned(found, change)
        return None

    def _by_template(self, text: str, depth: int) -> Iterator[Said]:
        words = _WORD.findall(text)
        either = (_turned(words[0], str.upper), _turned(words[0], str.lower))
        found = [one for word in dict.fromkeys(("", *either, *words)) for one in self.templates.get(word, ())]
        several = any(breaks.search(text) for breaks in _BREAKS[:WHOLE])
        sentence = text.endswith(".")  # a sentence, which a clause cannot be the whole of
        for one in sorted(found, key=lambda one: (sentence and not one.literals[-1].endswith("."), -one.weight)):
            if one.weight < SHORT and several:
                continue
            for parts in _matches(one.literals, text):
                said = {
                    place: self._part(one, number, part, depth)
                    for number, (place, part) in enumerate(zip(one.places, parts, strict=True))
                }
                whole = "".join(said[piece].text if number % 2 else piece for number, piece in enumerate(one.said))
                if one.literals[0] and one.literals[0][0] != text[0]:
                    whole = _turned(whole, str.upper if text[0].isupper() else str.lower)
                yield Said(whole, sum(part.left for part in said.values()))

    def _part(self, one: Template, number: int, part: str, depth: int) -> Said:
        """What stands at a place; between quotes it is a name, and stays."""
        before, after = one.literals[number][-1:], one.literals[number + 1][:1]
        return Said(part, 0) if before == after and before in ("`", "'", '"') else self._said(part, depth + 1)

    def _by_pieces(self, text: str, depth: int) -> Iterator[Said]:
        """`text` put together again from its pieces."""
        for breaks in _BREAKS:
            pieces = breaks.split(text)
            if len(pieces) == 1:
                continue
            whole = breaks is _SENTENCES
            said = self._sentences(text, depth) if whole else [self._said(piece, depth + 1) for piece in pieces]
            left = sum(one.left for one in said)
            yield Said("".join(one.text for one in said), left)
        if (found := self.exact.get(f"{text}.") or self.exact.get(f"{_turned(text, str.upper)}.")) is not None:
            yield Said(found.rstrip(".。"), 0)
        if text.endswith("."):
            said_of = self._said(text[:-1], depth + 1)
            yield Said(f"{said_of.text}.", said_of.left)
        if (inside := re.fullmatch(r"(.*?)( ?)\((.*)\)(\.?)", text)) is not None and (inside[1] or inside[3]):
            outer, inner = self._said(inside[1], depth + 1), self._said(inside[3], depth + 1)
            yield Said(f"{outer.text}{inside[2]}({inner.text}){inside[4]}", outer.left + inner.left)


@lru_cache(maxsize=8)
def sentences(language: str, parts: tuple[str, ...] = PARTS) -> Sentences:
    """What `language` has for the sentences of those parts. Raises InputError for a language that the page does not speak."""
    found: dict[str, str] = {}
    for part in reversed(parts):
        found |= messages(language, part)
    return Sentences(found)


def _template(english: str, said: str) -> Template:
    if english.startswith((" ", ",", ";")):  # a fragment, which stands beside something: that is a place, too
        english, said = "{before}" + english, "{before}" + said
    if english.endswith(" "):
        english, said = english + "{after}", said + "{after}"
    pieces, told = _PLACE.split(english), _PLACE.split(said)
    literal = tuple(piece if number % 2 else _written(piece) for number, piece in enumerate(told))
    return Template(tuple(map(_written, pieces[::2])), tuple(pieces[1::2]), literal)


def _key_words(one: Template) -> list[str]:
    """The whole words of its literal text: such as stand at a place may be parts of words."""
    found: list[str] = []
    for number, literal in enumerate(one.literals):
        for match in _WORD.finditer(literal):
            open_left = match.start() == 0 and number > 0
            open_right = match.end() == len(literal) and number < len(one.literals) - 1
            if not open_left and not open_right:
                found.append(match[0])
    return found


def _matches(literals: tuple[str, ...], text: str) -> Iterator[tuple[str, ...]]:
    """What stands at the places, if `text` has all literals in order: the places as short as can be from the left, then from the
    right."""
    first, last = literals[0], literals[-1]
    if not text.startswith(first):
        turned = _turned(first, str.lower) if first[:1].isupper() else _turned(first, str.upper)
        if not first or not text.startswith(turned):
            return
    if not text.endswith(last) or len(text) < len(first) + len(last):
        return
    inner = text[len(first) : len(text) - len(last)]
    seen = None
    for side in (_from_left, _from_right):
        found = side(literals[1:-1], inner)
        if found is not None and found != seen and all(map(_stands, literals, found, literals[1:])):
            seen = found
            yield found


def _stands(before: str, part: str, after: str) -> bool:
    """Whether `part` may stand there: beside a letter, only an ending, or what begins and ends with none."""
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


def _turned(text: str, change: Callable[[str], str]) -> str:
    return change(text[:1]) + text[1:]


def _written(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")
