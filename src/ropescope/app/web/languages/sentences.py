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
from ropescope.app.web.languages.joins import bracketed, closed, joined, stopped
from ropescope.app.web.languages.templates import (
    SENTENCES,
    WORD,
    Template,
    key_words,
    matches,
    templates,
    turned,
    uncut,
    ways,
)
from ropescope.questions.registry import known

LONGEST: Final = 4000
"""Characters; a longer text is no sentence of ours, and stays as it is."""

DEEPEST: Final = 10
"""Clauses within clauses."""

MOST_STEPS: Final = 2000
"""Parts of one text that are looked up, whatever it holds."""

MOST_KEPT: Final = 20_000
""" Texts that are remembered with their translation."""

_ENGLISH: Final = re.compile(r"(?<![\w`'\"./@:=<|-])[A-Za-z][a-z]+(?![\w`\"/@=_[(-]|[.:]\w)")
_QUOTED: Final = re.compile(r"`[^`]*`|'[^' ][^']*'|\"[^\"]*\"|“[^”]*”")
_NAME: Final = re.compile(r"\S*\w[_./@-]\w\S*")
"""A single word with such a sign in it: a file, a field or a name, which has no parts to be looked up."""

_INSIDE: Final = re.compile(r"(.*?)( ?)\(([^()]*|(?:[^()]*\([^()]*\))*[^()]*)\)([^()]*)")
_FORMULA: Final = re.compile("[Σ√≥≤∫²]")
_WORDS: Final = re.compile(r"[\w.+-]+(?:, [\w.+-]+)*(?: or [\w.+-]+)?")
_BEFORE_WORDS: Final = (" must be ", "There are ", "Did you mean ", "Methods: auto, ", "Engines: ")
"""What stands before words that an input takes: those are the same in every language."""

_CLAUSES: Final = re.compile("( · |; | — )")
_COLON: Final = re.compile("(: )")
_BREAKS: Final = (
    re.compile(r"(, and |, or |, | \+ )"),
    re.compile("( and | or )"),
)
"""Where a clause may be put together from several messages, the widest breaks first."""

MOST_TOGETHER: Final = 9
"""Sentences of one message, and the spaces between them."""

SHORT: Final = 5
"""Letters; a message with fewer, such as "{0} {1}: {2} of {3}.", does not reach over several sentences or clauses."""

NAMES: Final = frozenset(
    "vllm sglang llama ollama transformers gguf safetensors smollm yarn ntk tokens token bytes batch cache nvidia amd intel apple "
    "test prompt prompts tensor linear dynamic alpha rerope config json parquet bf fp int awq gptq "
    "adakv snapkv pyramidkv tova knorm keydiff kvpress cpu cuda peft trl bitsandbytes llmcompressor llguidance outlines xgrammar "
    "torchao hqq eetq diffusers mlx torch jsonschema sympy tiktoken xllamacpp npm pip ropescope acc gamma theta ln min max system "
    "user assistant commit instruct messages tool tools train dev true false horizon imprint confidence".split()
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


class Sentences:
    """What a language has for English sentences. `messages` has an empty text for what is not translated yet."""

    def __init__(self, messages: Mapping[str, str]) -> None:
        self.exact: dict[str, str] = {}
        self.templates: dict[str, list[Template]] = {}
        words = {word for english in messages for word in _ENGLISH.findall(english) if word.islower()}
        self.vocabulary = words - NAMES - asked_names() - _kept_words(messages)
        self._found: dict[str, Said] = {}
        self._steps = 0
        made = templates(messages)
        for one in made:
            if not one.places:
                self.exact[one.literals[0]] = one.said[0]
        often = Counter(word for one in made for word in set(key_words(one)))
        for one in made:
            if one.places:
                rarest = min(key_words(one), key=lambda word: (often[word], word), default="")
                self.templates.setdefault(rarest, []).append(one)

    def say(self, text: str) -> Said:
        """`text` in this language as far as it is known."""
        if len(self._found) > MOST_KEPT:
            self._found.clear()
        self._steps = 0
        said = self._said(text, 0)
        return Said(closed(said.text), said.left)

    def _said(self, text: str, depth: int) -> Said:
        if not WORD.search(text) or len(text) > LONGEST:
            return Said(text, 0)
        if text not in self._found:
            self._steps += 1
            found = self._looked_up(text, depth)
            found = found._replace(text=stopped(found.text))
            if self._steps > MOST_STEPS or depth >= DEEPEST:
                return found
            self._found[text] = found
        return self._found[text]

    def _looked_up(self, text: str, depth: int) -> Said:
        if (found := self._exact(text)) is not None:
            return Said(found, 0)
        english = Said(text, self.left(text))
        if depth >= DEEPEST or self._steps > MOST_STEPS or _QUOTED.fullmatch(text) or _NAME.fullmatch(text):
            return english
        for said in self._found_in(text, depth):
            if said.left == 0:
                return said
        # A sentence is in one language: what is not known in whole stays English.
        return self._sentences(text, depth) if SENTENCES.search(text) else english

    def _sentences(self, text: str, depth: int) -> Said:
        """`text` by its sentences; several that are one message stay together."""
        pieces = SENTENCES.split(text)
        found: list[Said] = []
        while pieces:
            longest = min(len(pieces), MOST_TOGETHER)
            together = (("".join(pieces[:last]), last) for last in range(longest - 1 + longest % 2, 1, -2))
            known = ((self._message(one, depth + 1), last) for one, last in together if one != text)
            one, last = next((pair for pair in known if pair[0] is not None), (None, 1))
            found += [one or self._said(pieces[0], depth + 1), *(Said(space, 0) for space in pieces[last : last + 1])]
            pieces = pieces[last + 1 :]
        return Said(joined(one.text for one in found), sum(one.left for one in found))

    def _message(self, text: str, depth: int) -> Said | None:
        """`text` as one message of several sentences, all of it known; None where a part is unknown."""
        if (exact := self._exact(text)) is not None:
            return Said(exact, 0)
        whole = self._by_template(text, depth, lambda one: one.has(SENTENCES))
        return next((said for said in whole if said.left == 0), None)

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
        for other, change in ((turned(text, str.upper), str.lower), (turned(text, str.lower), str.upper)):
            if other != text and (found := self.exact.get(other)) is not None:
                return turned(found, change)
        return None

    def _found_in(self, text: str, depth: int) -> Iterator[Said]:
        """Ways to say `text`, the likeliest first: its sentences, its clauses, as a whole, in smaller pieces."""
        if SENTENCES.search(text):
            yield self._sentences(text, depth)
        elif text.endswith("."):
            yield from self._by_template(text, depth, lambda one: one.literals[-1].endswith("."))
            clause = self._said(text[:-1], depth + 1)
            yield Said(f"{clause.text}.", clause.left)
        inside = _INSIDE.fullmatch(text)
        if inside is not None and self._exact(inside[1]) is not None:
            yield self._bracketed(inside, depth)
        if _FORMULA.search(text):
            yield from self._by_template(text, depth, lambda one: one.letters >= SHORT)
            return
        if _CLAUSES.search(text):
            yield from self._by_template(text, depth, lambda one: one.has(_CLAUSES))
            if len(pieces := uncut(_CLAUSES.split(text))) > 1:
                yield self._pieces(pieces, depth)
        if ": " in text:
            yield from self._by_template(text, depth, lambda one: one.has(_COLON))
            if len(pieces := uncut(_COLON.split(text))) > 1:
                yield self._pieces(pieces, depth)
        yield from self._by_template(text, depth, lambda one: not one.preposition)
        yield from self._by_pieces(text, depth)
        yield from self._by_template(text, depth, lambda one: one.preposition)
        yield from self._by_template(text, depth, lambda one: not one.preposition, ways)

    def _pieces(self, pieces: list[str], depth: int) -> Said:
        said = [self._said(piece, depth + 1) for piece in pieces]
        return Said(joined(one.text for one in said), sum(one.left for one in said))

    def _by_template(
        self,
        text: str,
        depth: int,
        chosen: Callable[[Template], bool],
        matching: Callable[[tuple[str, ...], str], Iterator[tuple[str, ...]]] = matches,
    ) -> Iterator[Said]:
        words = WORD.findall(text)
        either = (turned(words[0], str.upper), turned(words[0], str.lower))
        known = chain.from_iterable(self.templates.get(word, ()) for word in dict.fromkeys(("", *either, *words)))
        found = filter(chosen, known)
        several = SENTENCES.search(text) or _CLAUSES.search(text)
        sentence = text.endswith(".")  # a sentence, which a clause cannot be the whole of
        for one in sorted(found, key=lambda one: (sentence and not one.literals[-1].endswith("."), *one.rank)):
            if several and (
                one.preposition or (one.letters < SHORT and not one.has(SENTENCES) and not one.has(_CLAUSES))
            ):
                continue
            found_parts = matching(one.literals, text)
            if matching is ways:  # such as have a message first
                found_parts = iter(sorted(found_parts, key=lambda parts: -sum(part in self.exact for part in parts)))
            for parts in found_parts:
                if not parts[0] and not one.literals[0] and one.places[0] != "before":
                    continue
                said = {
                    place: self._part(one, number, part, depth)
                    for number, (place, part) in enumerate(zip(one.places, parts, strict=True))
                }
                whole = joined(said[piece].text if number % 2 else piece for number, piece in enumerate(one.said))
                if one.literals[0] and one.literals[0][0] != text[0]:
                    whole = turned(whole, str.upper if text[0].isupper() else str.lower)
                yield Said(whole, sum(part.left for part in said.values()))

    def _part(self, one: Template, number: int, part: str, depth: int) -> Said:
        """What stands at a place. A name between quotes stays, and so do the words of which an input takes one."""
        before, after = one.literals[number], one.literals[number + 1]
        quoted = before[-1:] == after[:1] and before[-1:] in ("`", "'", '"')
        if quoted or (before.endswith("“") and " " not in part):
            return Said(part, 0)
        if before.endswith(_BEFORE_WORDS) and _WORDS.fullmatch(part) and part not in self.exact:
            return Said(part.replace(" or ", self._said(" or ", depth + 1).text), 0)
        return self._said(part, depth + 1)

    def _by_pieces(self, text: str, depth: int) -> Iterator[Said]:
        """`text` put together again from its pieces."""
        for breaks in _BREAKS:
            pieces = uncut(breaks.split(text))
            if len(pieces) > 1:
                yield self._pieces(pieces, depth)
        if (found := self._exact(f"{text}.")) is not None:
            yield Said(found.rstrip(".。"), 0)
        if (inside := _INSIDE.fullmatch(text)) is not None and (inside[1] or not inside[4]):
            yield self._bracketed(inside, depth)
        if not text.endswith("."):  # a sentence without its full stop
            for said in self._by_template(
                f"{text}.", depth, lambda one: one.letters >= SHORT and one.literals[-1].endswith(".")
            ):
                yield Said(said.text.rstrip(".。"), said.left)

    def _bracketed(self, inside: re.Match[str], depth: int) -> Said:
        outer, inner, after = (self._said(inside[number], depth + 1) for number in (1, 3, 4))
        return Said(bracketed(outer.text + inside[2], inner.text, after.text), outer.left + inner.left + after.left)


def _kept_words(messages: Mapping[str, str]) -> set[str]:
    """Words that most translations keep: names, and words that are the same in both languages."""
    all_of: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    for english, said in messages.items():
        if said and said != english:
            words, there = set(_ENGLISH.findall(english)), set(WORD.findall(said))
            all_of.update(words)
            kept.update(words & there)
    return {word for word, n in kept.items() if 2 * n > all_of[word]}


@lru_cache(maxsize=8)
def sentences(language: str, parts: tuple[str, ...] = PARTS) -> Sentences:
    """What `language` has for the sentences of those parts. Raises InputError for a language that the page does not speak."""
    found: dict[str, str] = {}
    for part in reversed(parts):
        found |= messages(language, part)
    return Sentences(found)
