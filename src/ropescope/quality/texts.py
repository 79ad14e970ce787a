"""Texts to score a model on, and others to tune on, that never share a passage.

All come with Python and the packages that measuring needs, so that a score can be had without a download: documentation
(prose), source code, and tables. The language reference, which `ropescope measure` reads by default, is for calibration.
A text's name says where it is from; other versions of Python or of a package give other texts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ropescope.errors import MeasurementError
from ropescope.quality import prose, source_code, tables

Kind = Literal["prose", "code", "table", "own"]
KINDS: tuple[Kind, ...] = ("prose", "code", "table")
_CHARACTERS_PER_TOKEN = 8
"""More characters than a token of these texts has in any common tokenizer (prose 4.5, code 3, tables 2)."""
_WINDOWS = 64
"""Texts that one source gives at most."""
_MOST_OWN = 64 << 20
"""Characters of a file of the user's that are halved: of a longer one, its beginning."""


@dataclass(frozen=True, slots=True)
class Text:
    """A passage: `tokens` are ids, with the tokenizer's own beginning-of-text token first where it sets one."""

    kind: Kind
    name: str
    tokens: tuple[int, ...] = field(repr=False)


@dataclass(slots=True)
class _Source:
    kind: Kind
    name: str
    read: Callable[[int], str]
    """At least so many characters of it, or all there are."""
    _ids: list[int] = field(default_factory=list)
    _characters: int = -1

    def window(self, tokenizer: Any, n_tokens: int, index: int) -> tuple[int, ...]:
        """The tokens of a window, or as many as there are."""
        prefix = beginning(tokenizer)
        body = n_tokens - len(prefix)
        characters = (index + 1) * body * _CHARACTERS_PER_TOKEN
        while characters > self._characters and len(self._ids) < (index + 1) * body:
            text = self.read(characters)[:characters]  # a whole book takes a second to turn into tokens
            # What is shorter than was asked for is all there is.
            self._characters = characters if len(text) >= characters else sys.maxsize
            self._ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
            characters *= 4  # a text of the user's may have longer tokens
        return (*prefix, *self._ids[index * body : (index + 1) * body])


def held_out_texts(
    tokenizer: Any, n_tokens: int, per_kind: int, *, files: Sequence[Path] = (), column: str = "text"
) -> list[Text]:
    """Texts of `n_tokens` to score on, the kinds in turn, at most `per_kind` of each.

    With `files`, the second half of each is what is scored, as the kind "own", and nothing else (`column`: their field
    of text, where they have fields). Sixteen texts of each
    kind are there at 8,256 tokens; longer ones are fewer. Raises MeasurementError where there is none of that length.
    """
    sources = _own(files, column, second=True) if files else _held_out()
    return _texts(tokenizer, n_tokens, per_kind, sources)


def calibration_texts(
    tokenizer: Any, n_tokens: int, count: int, *, files: Sequence[Path] = (), column: str = "text"
) -> list[Text]:
    """Up to `count` texts of `n_tokens` to tune on, the kinds in turn; with `files`, from the first half of each.

    None shares a passage with the held-out texts. Raises MeasurementError where there is none of that length.
    """
    if files:
        return _texts(tokenizer, n_tokens, count, _own(files, column, second=False))
    found = _texts(tokenizer, n_tokens, -(-count // len(KINDS)), _calibration())
    return (found if len(found) >= count else _texts(tokenizer, n_tokens, count, _calibration()))[:count]


def _texts(tokenizer: Any, n_tokens: int, per_kind: int, sources: list[_Source]) -> list[Text]:
    if n_tokens < 2 or per_kind < 1:
        raise MeasurementError(f"{per_kind} texts of {n_tokens} tokens: ask for at least one, of at least 2 tokens.")
    by_kind: dict[Kind, list[_Source]] = {}
    for source in sources:
        by_kind.setdefault(source.kind, []).append(source)
    found = [_of_one_kind(tokenizer, n_tokens, per_kind, alike) for alike in by_kind.values()]
    in_turn = [texts[i] for i in range(per_kind) for texts in found if i < len(texts)]
    if not in_turn:
        raise MeasurementError(
            f"No text has {n_tokens:,} tokens: give longer ones (`text`), or ask for a shorter length."
        )
    return in_turn


def _of_one_kind(tokenizer: Any, n_tokens: int, most: int, sources: list[_Source]) -> list[Text]:
    """The first window of every source, then the second of every source, …: few texts are of many sources."""
    found: list[Text] = []
    left, short = list(sources), []
    for window in range(_WINDOWS):
        for source in list(left):
            if len(found) == most:
                return found
            ids = source.window(tokenizer, n_tokens, window)
            if len(ids) == n_tokens:
                name = source.name if window == 0 else f"{source.name}, part {window + 1}"
                found.append(Text(source.kind, name, ids))
                continue
            left.remove(source)
            if window == 0:
                short.append((source.name, ids))
    names: list[str] = []
    joined: list[int] = []
    for name, ids in short:  # sources that are too short one by one
        names.append(name)
        joined += ids[len(beginning(tokenizer)) if joined else 0 :]
        if len(joined) >= n_tokens and len(found) < most:
            found.append(Text(sources[0].kind, " and ".join(names), tuple(joined[:n_tokens])))
            names, joined = [], []
    return found


def beginning(tokenizer: Any) -> tuple[int, ...]:
    """The beginning-of-text token, if the tokenizer itself sets one; such models are trained to have it as their sink."""
    if tokenizer.bos_token_id is None:
        return ()
    ids = tokenizer("a")["input_ids"]
    return (tokenizer.bos_token_id,) if ids and ids[0] == tokenizer.bos_token_id else ()


def _held_out() -> list[_Source]:
    return [
        *(_Source("prose", f"documentation of {place}", _documentation(place)) for place in prose.HELD_OUT),
        *(_Source("code", name, _module(name)) for name in source_code.HELD_OUT),
        *(_Source("table", name, _table(rows)) for name, rows in tables.HELD_OUT.items()),
    ]


def _calibration() -> list[_Source]:
    return [
        _Source("prose", "Python language reference", lambda _: prose.language_reference()),
        *(_Source("prose", f"documentation of {place}", _documentation(place)) for place in prose.CALIBRATION),
        *(_Source("code", name, _module(name)) for name in source_code.CALIBRATION),
        *(_Source("table", name, _table(rows)) for name, rows in tables.CALIBRATION.items()),
    ]


def _own(files: Sequence[Path], column: str, *, second: bool) -> list[_Source]:
    from ropescope.models.text_files import read_pieces

    found = []
    for path in files:
        text = _beginning_of(read_pieces([path], column=column))
        middle = text.rfind(" ", 0, len(text) // 2 + 1) + 1
        half = text[middle:] if second else text[:middle]
        found.append(_Source("own", path.name, lambda n, half=half: half[:n]))  # type: ignore[misc]
    return found


def _beginning_of(pieces: Iterator[str]) -> str:
    taken: list[str] = []
    room = _MOST_OWN
    while room > 0 and (piece := next(pieces, None)) is not None:
        taken.append(piece[:room])
        room -= len(piece)
    return "".join(taken)


def _documentation(place: str) -> Callable[[int], str]:
    return lambda characters: _joined(prose.documentation(place), "\n\n", characters)


def _module(name: str) -> Callable[[int], str]:
    return lambda _: source_code.module_text(name)


def _table(rows: Callable[[], Iterator[str]]) -> Callable[[int], str]:
    return lambda characters: _joined(rows(), "\n", characters)


def _joined(parts: Iterable[str], between: str, characters: int) -> str:
    taken: list[str] = []
    length = 0
    for part in parts:
        taken.append(part)
        length += len(part) + len(between)
        if length >= characters:
            break
    return between.join(taken)
