"""Lists of modules in quantisation configs: which matrices an entry speaks of, and which entries speak of none known.

Three manners are met. compressed-tensors takes whole names and, after `re:`, regular expressions; ModelOpt and Quark
take wildcards; transformers takes parts of names and regular expressions from the start of a name.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from typing import Final, Literal

from ropescope.models.counts.parts import layer_of, part_of
from ropescope.models.quantized.matrices import Matrix
from ropescope.questions.names import few

Manner = Literal["names", "parts", "wildcards", "expressions"]
"""names: whole, or an expression after `re:`; parts: components of a name, or an expression from its start; wildcards:
also `*` and `?`; expressions: from the start of a name."""

KEPT: Final = frozenset({"embedding", "norm", "router", "vision", "prediction", "output"})
"""Parts of which a list changes nothing: no quantiser touches them here, or they are no matrix of this model's own."""

MOST_PATTERNS: Final = 1000
MOST_PATTERN: Final = 400
MOST_REPEATS: Final = 3
_OF_DIGITS: Final = re.compile(r"(?:\\d|\[0-9\])[*+]")
_REPEATED_GROUP: Final = re.compile(r"\)[*+{]")
_PLACE: Final = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d{1,6}\..+|\d{1,6})$")
_META: Final = re.compile(r"^re:|\\[.dwsb]|[\^$()\[\]*+?|\\]")
_NO_MATRIX: Final = re.compile(
    r"rotary|conv1d|A_log|dt_bias|modality|multi_modal|^(?:gate|wte|wpe|score|classifier|merger|rope|ln_f|norm)$"
)
_TOWER: Final = re.compile(r"(?:^|[._])(?:vision|visual|audio|image|speech|encoder|mtp)")


class Names:
    """The entries of one list. `count` says how many of the modules a Matrix stands for are meant."""

    def __init__(self, entries: Iterable[object], manner: Manner) -> None:
        self.entries = tuple(dict.fromkeys(entry for entry in entries if isinstance(entry, str) and entry))
        self._met: set[str] = set()
        self._unread: set[str] = set()
        self._places: dict[str, str] = {}
        self._patterns: list[tuple[str, re.Pattern[str]]] = []
        for entry in self.entries:
            self._take(entry, manner)
        self._of_experts = any(".experts." in place for place in self._places)

    def __bool__(self) -> bool:
        return bool(self.entries)

    def count(self, matrix: Matrix) -> int:
        """How many of the `matrix.times` modules an entry speaks of."""
        if not self.entries:
            return 0
        if matrix.times == 1:
            return int(self._speaks(matrix, 0))
        probes = {0, 1, matrix.times - 1}
        answers = {self._speaks(matrix, index) for index in probes}
        if len(answers) == 1 and not self._of_experts:
            return matrix.times * answers.pop()
        return sum(self._speaks(matrix, index) for index in range(matrix.times))

    def unmatched(self, n_layers: int) -> tuple[str, ...]:
        """The entries that spoke of no matrix asked about, and of nothing else that is known to stay as it is."""
        return tuple(
            entry
            for entry in self.entries
            if entry in self._unread or (entry not in self._met and not _is_kept(entry, n_layers))
        )

    def _take(self, entry: str, manner: Manner) -> None:
        named = manner in ("names", "wildcards") and not entry.startswith("re:")
        if (named or manner == "parts") and not _META.search(entry) and (place := _PLACE.search(entry)):
            if not _TOWER.search(entry[: place.start()]):
                self._places[place[1]] = entry
            return
        pattern = _pattern(entry, manner)
        if pattern is None or len(self._patterns) >= MOST_PATTERNS:
            self._unread.add(entry)
        else:
            self._patterns.append((entry, pattern))

    def _speaks(self, matrix: Matrix, index: int) -> bool:
        found = False
        if self._places and matrix.layer is not None:
            place = f"{matrix.layer}.{matrix.name_of(index)}"
            while place:  # a list may name what holds the module
                if (entry := self._places.get(place)) is not None:
                    self._met.add(entry)
                    found = True
                place = place.rpartition(".")[0]
        for entry, pattern in self._patterns:
            if any(_matches(pattern, name) for name in matrix.names(index)):
                self._met.add(entry)
                found = True
        return found


@functools.lru_cache(maxsize=1 << 16)
def _matches(pattern: re.Pattern[str], name: str) -> bool:
    return pattern.match(name) is not None


def _pattern(entry: str, manner: Manner) -> re.Pattern[str] | None:
    """What an entry means for whole names; None for one that is not understood, or could take for ever."""
    if manner in ("names", "wildcards") and entry.startswith("re:"):
        return _safe(entry.removeprefix("re:"))
    if manner == "expressions":
        return _safe(entry)
    if manner == "names":
        return re.compile(re.escape(entry) + r"\Z")
    within = rf"(?:.*\.)?{re.escape(entry)}(?:\.|\Z)"  # whole components, wherever they stand
    if manner == "wildcards":
        return _safe(translate(entry), checked=entry) if set(entry) & set("*?[") else re.compile(within)
    if _META.search(entry):
        return _safe(rf"(?:{entry})(?:(?<=\.)|(?=\.|\Z))", checked=entry)
    return re.compile(within)


def _safe(pattern: str, checked: str | None = None) -> re.Pattern[str] | None:
    text = pattern if checked is None else checked
    # Whoever wrote the file may have wanted a search that never ends.
    repeats = sum(map(_OF_DIGITS.sub("", text).replace("(?", "").count, "*+{?"))  # a number is short
    if len(text) > MOST_PATTERN or repeats > MOST_REPEATS or _REPEATED_GROUP.search(text):
        return None
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return None


def _is_kept(entry: str, n_layers: int) -> bool:
    plain = _META.sub(".", entry).strip(".")
    layer = layer_of(plain)
    return part_of(plain) in KEPT or _NO_MATRIX.search(plain) is not None or (layer is not None and layer >= n_layers)


def shown(entries: Sequence[str]) -> str:
    """The entries as a sentence names them: three at most, each of 60 characters at most."""
    return few([entry if len(entry) <= 60 else f"{entry[:57]}..." for entry in entries], 3)
