"""How much of each test item stands in a corpus: the longest run of its words whose every n words in a row are there.

ConTAM (arXiv:2411.03923) compares ways to call an item contaminated by what models gain from it: the longest contaminated
substring did best, and n above 8 or a least number of occurrences missed items. Here a token is a word in lower case, or one
character of Chinese, Japanese or Korean; the share is the words of the longest run over the words of the item. The corpus is
read once, piece by piece; what is kept are the n-grams of the items.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

MOST_TOKENS: Final = 2_000_000
"""Words of all items together: their n-grams take some 330 bytes each."""

_CJK: Final = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_TOKEN: Final = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+")
_LONGEST_WORD: Final = 1000


def tokens(text: str) -> list[str]:
    """The words of a text: NFKC, lower case, without punctuation; each character of CJK by itself."""
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).lower())


@dataclass(frozen=True, slots=True)
class Match:
    """The longest run of an item: where it starts and ends in its words, how many words of it are in the corpus.

    size: the words of the item. source: where the first n words of the run were found first, "" without a run.
    """

    start: int
    end: int
    matched: int
    size: int
    source: str

    @property
    def share(self) -> float:
        """Matched words over all of the item."""
        return self.matched / self.size


class Index:
    """The n-grams of items, and which of them were seen."""

    def __init__(self, items: Sequence[Sequence[str]], n: int) -> None:
        self.n = n
        self._words: dict[str, int] = {}
        self._grams: dict[tuple[int, ...], int] = {}
        self._items = [self._numbered(item) for item in items]
        self._sizes = [len(item) for item in items]
        self._where = array("q", [-1]) * len(self._grams)
        self._sources: list[str] = []
        self.n_tokens = 0
        """Words of the corpus so far."""

    def _numbered(self, item: Sequence[str]) -> array[int]:
        ids = [self._words.setdefault(word, len(self._words)) for word in item]
        grams = zip(*(ids[at:] for at in range(self.n)), strict=False)
        return array("q", [self._grams.setdefault(gram, len(self._grams)) for gram in grams])

    def read(self, text: Iterable[str], source: str) -> None:
        """Look for the n-grams in one text of the corpus, which is given in pieces."""
        number = len(self._sources)
        self._sources.append(source)
        known: Callable[[str], int | None] = self._words.get
        before: list[int | None] = []
        for found in _token_pieces(text):
            self.n_tokens += len(found)
            ids = [*before, *map(known, found)]
            for gram in zip(*(ids[at:] for at in range(self.n)), strict=False):
                place = self._grams.get(gram)
                if place is not None and self._where[place] < 0:
                    self._where[place] = number
            before = ids[-self.n + 1 :] if self.n > 1 else []

    def matches(self, skips: int = 0) -> list[Match]:
        """The longest run of each item; `skips` words within it may differ."""
        return [self._longest(grams, size, skips) for grams, size in zip(self._items, self._sizes, strict=True)]

    def _longest(self, grams: array[int], size: int, skips: int) -> Match:
        runs: list[tuple[int, int]] = []  # words from, and up to
        for at, gram in enumerate(grams):
            if self._where[gram] < 0:
                continue
            if at and self._where[grams[at - 1]] >= 0:
                runs[-1] = (runs[-1][0], at + self.n)
            else:
                runs.append((at, at + self.n))
        best = Match(0, 0, 0, size, "")
        for first, (start, end) in enumerate(runs):
            left, stop = skips, end
            matched = end - start
            for start_after, end_after in runs[first + 1 :]:
                gap = max(1, start_after - stop)
                if gap > left:
                    break
                left -= gap
                matched += end_after - max(start_after, stop)
                stop = end_after
            if matched > best.matched:
                best = Match(start, stop, matched, size, self._sources[self._where[grams[start]]])
        return best


def _token_pieces(text: Iterable[str]) -> Iterator[list[str]]:
    """The words of a text in pieces; a word that two pieces share is one."""
    rest = ""
    for piece in text:
        held = rest + piece
        cut = max(held.rfind(space) for space in " \n\t") + 1
        if len(held) - cut > _LONGEST_WORD:
            cut = len(held)
        rest = held[cut:]
        yield tokens(held[:cut])
    if rest:
        yield tokens(rest)
