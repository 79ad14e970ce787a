"""Which published row belongs to a model: by Hub id first, then by a normalised name; what is merely near is named as such.

A name is taken apart into its organisation, its words (`Meta-Llama-3.1-8B` → llama, 3.1, 8b), its tuning (instruct, chat,
base, …), its date and whether it is a converted or quantised copy. Two names are the same when words and tuning are the same.
A base model therefore never gets the row of its instruct model, nor a quantised copy that of the original: those are near.
An API's name without a date (gpt-4o) stands for each dated version, with a note; two dates are two models.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ropescope.published.benchmarks import Row

RENAMED = {"cohereforai": "coherelabs", "thudm": "zai-org"}
"""Organisations that go by another name on the Hub now; the old one leads there."""

MOST_NEAR = 5
MOST_WORDS_APART = 2
"""One word replaced (8b by 70b), or two more (Gradient-1048k): beyond that, another model's score says little."""

_VENDORS = {"meta", "ai21", "c4ai"}  # said by the organisation already: Meta-Llama-3.1 became Llama-3.1, and so on
_FORMATS = {"hf", "v"}
_TUNINGS = {
    "instruct": "instruct",
    "inst": "instruct",
    "chat": "chat",
    "it": "instruct",
    "sft": "sft",
    "dpo": "dpo",
    "thinking": "thinking",
    "reasoning": "reasoning",
    "base": "base",
    "pt": "base",
    "pretrained": "base",
}
_COPY = re.compile(
    r"gguf|ggml|awq|gptq|exl\d?|mlx|bnb|hqq|aqlm|quip|onnx|openvino|unquantized|quantized|dynamic|imatrix|i\d"
    r"|(nv|mx)?fp[48]|nf4|bf16|f(p)?16|u?int\d+|w\d+a\d+|\d+bits?|g\d{2,3}"
)
_DATE = re.compile(r"(?<!\d)(20\d\d)-?([01]\d)-?([0-3]\d)(?!\d)|(?<=-)(00\d)$")
"""A whole date, or the version of a Gemini model; shorter ones (2407, 0528) tell weights apart and stay words."""
_LLAMA_CPP_TYPE = re.compile(r"(?<![a-z0-9])(ud[-_])?(i?q|t?q)\d(_[a-z0-9]+)*(?![a-z0-9])")


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model's name in parts; `words` are sorted, so that `Jamba-1.5-Large` and `Jamba-Large-1.5` are the same."""

    organisation: str
    words: tuple[str, ...]
    tuning: tuple[str, ...]
    copy: tuple[str, ...]
    date: str = ""

    @classmethod
    def of(cls, text: str) -> ModelName:
        """The parts of `org/name`, `org/name@revision` or a bare name, in any case and with any separators."""
        organisation, _, name = text.strip().lower().partition("@")[0].rpartition("/")
        organisation = organisation.rpartition("/")[2]
        dates = [match[0].replace("-", "") for match in _DATE.finditer(name)]
        name = _DATE.sub("", name)
        name = re.sub(r"(?<=claude-\d)-(?=\d-)", ".", name)
        copy = [match[0] for match in _LLAMA_CPP_TYPE.finditer(name)]
        name = _LLAMA_CPP_TYPE.sub(" ", name)
        # internlm2_5 is InternLM 2.5; in llama_3.1_8b the second is a separator.
        name = re.sub(r"(?<=\d)(?<!\.\d)_(?=\d(?![\da-z]))", ".", name)
        words: list[str] = []
        tuning: set[str] = set()
        for part in re.findall(r"[a-z0-9]+(?:\.\d+[a-z]*)*", name):
            if part in _VENDORS:
                continue
            if part in _TUNINGS:
                tuning.add(_TUNINGS[part])
            elif _COPY.fullmatch(part):
                copy.append(part)
            else:
                # phi3 and phi-3 are the same, and so are v0.2 and 0.2; 7b and 8x22b stay whole.
                words += [word for word in re.findall(r"[a-z]+|\d[\da-z.]*", part) if word not in _FORMATS]
        return cls(
            RENAMED.get(organisation, organisation),
            tuple(sorted(words)),
            tuple(sorted(tuning)),
            tuple(sorted(set(copy))),
            "".join(dates[:1]),
        )


@dataclass(frozen=True, slots=True)
class Match:
    """A row that belongs to the model asked for. `how`: by its Hub id, or by its name; `note` says what to check."""

    row: Row
    how: Literal["id", "name"]
    note: str = ""


@dataclass(frozen=True, slots=True)
class NearMatch:
    """A row of a related model, and in words how that model differs from the one asked for."""

    row: Row
    difference: str


def find(asked: str, rows: Iterable[Row]) -> tuple[tuple[Match, ...], tuple[NearMatch, ...]]:
    """The rows of the model `asked` (a Hub id or a name), and those of its near relatives, the nearest first.

    With a match by id no other is looked for. An organisation other than the published one makes a match by name, with a
    note: a copy may have been changed.
    """
    rows = tuple(rows)
    plain_id = asked.strip().partition("@")[0].lower()
    by_id = tuple(Match(row, "id") for row in rows if row.hub_id and row.hub_id.lower() == plain_id)
    if by_id:
        return by_id, ()
    name = ModelName.of(asked)
    matches: list[Match] = []
    near: list[tuple[int, NearMatch]] = []
    for row in rows:
        published = ModelName.of(row.label)
        undated = not row.hub_id and not (name.date and published.date)
        same = (name.words, name.tuning, name.copy) == (published.words, published.tuning, published.copy)
        if same and (name.date == published.date or undated):
            matches.append(
                Match(row, "name", _date_note(name, published, row) or _organisation_note(name, published, row))
            )
        elif (distance := _distance(name, published)) is not None:
            near.append((distance, NearMatch(row, _difference(name, published))))
    near.sort(key=lambda item: item[0])
    return tuple(matches), () if matches else tuple(item for _, item in near[:MOST_NEAR])


def _date_note(asked: ModelName, published: ModelName, row: Row) -> str:
    if asked.date == published.date:
        return ""
    if asked.date:
        return f"The {row.benchmark.name} row of {row.label} does not say which dated version was tested."
    return f"{row.label} is a dated version; the name that you gave has no date, so it may be another version now."


def _organisation_note(asked: ModelName, published: ModelName, row: Row) -> str:
    if not asked.organisation or not row.hub_id or asked.organisation == published.organisation:
        return ""
    return (
        f"The {row.benchmark.name} row is of {row.hub_id}; the organisation {asked.organisation} is another, so its copy may have "
        "been changed."
    )


def _distance(asked: ModelName, published: ModelName) -> int | None:
    """0 for the same model tuned otherwise or copied; else how many words differ, if they are few; None for strangers."""
    if asked.words == published.words:
        return 0
    ours, theirs = _apart(asked.words, published.words)
    # Two names are related by a family word that they share (llama, yi), not by a size or a version.
    family = any(word.isalpha() and len(word) > 1 for word in set(asked.words) & set(published.words))
    return len(ours) + len(theirs) if family and len(ours) + len(theirs) <= MOST_WORDS_APART else None


def _apart(asked: tuple[str, ...], published: tuple[str, ...]) -> tuple[list[str], list[str]]:
    ours, theirs = Counter(asked), Counter(published)
    return sorted((ours - theirs).elements()), sorted((theirs - ours).elements())


def _difference(asked: ModelName, published: ModelName) -> str:
    parts = []
    ours, theirs = _apart(asked.words, published.words)
    if ours and theirs:
        parts.append(f"{' '.join(theirs)} instead of {' '.join(ours)}")
    elif theirs:
        parts.append(f"with {' '.join(theirs)} in its name")
    elif ours:
        parts.append(f"without {' '.join(ours)} in its name")
    if asked.date != published.date:
        parts.append(f"{published.date or 'no date'} instead of {asked.date or 'no date'}")
    if asked.tuning != published.tuning:
        theirs_is = f"the {_tuning(published)} model" if published.tuning else "no tuning in its name"
        yours_is = f"yours is the {_tuning(asked)} model" if asked.tuning else "yours has no tuning in its name"
        parts.append(f"{theirs_is}, while {yours_is}")
    if asked.copy and not published.copy:
        parts.append("the original weights, while yours are a converted or quantised copy")
    return "; ".join(parts)


def _tuning(name: ModelName) -> str:
    return " and ".join(name.tuning)
