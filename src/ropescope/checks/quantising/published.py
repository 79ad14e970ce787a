"""Published figures of what quantisations cost: llama.cpp's table of perplexity and divergence, and benchmark recoveries."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from ropescope.checks.serving.weights.files import plain_stem
from ropescope.checks.serving.weights.precisions import gguf_bits, precision_names
from ropescope.errors import InputError
from ropescope.models.gguf_names import mix_of
from ropescope.questions.names import nearest, shown
from ropescope.report.dated import dated

PARAMETERS: Final = {"Llama-3-8B": 8_030_261_248, "Llama-2-7B": 6_738_415_616, "Llama-2-70B": 68_976_648_192}
"""Of the published models, by their config."""
_CHECKPOINT: Final = re.compile(r"-quantized\.(w\d+a\d+)$", re.IGNORECASE)
_PERHAPS: Final = ("size_gib", "ppl", "delta_ppl_se", "kld", "kld_se", "same_top", "same_top_se")
"""Columns with gaps."""
_SYNONYMS: Final = {"W8A8": "W8A8-INT", "FP16": "F16", "BFLOAT16": "BF16", "FLOAT16": "F16"}


@dataclass(frozen=True, slots=True)
class Cost:
    """One row: a base model in a format of llama.cpp, on Wikitext-2. `imatrix` names the text of the importance matrix, ""
    without one. `same_top` is in percent; None where a number is not published."""

    model: str
    format: str
    imatrix: str
    size_gib: float | None
    base_ppl: float
    ppl: float | None
    delta_ppl: float
    delta_ppl_se: float | None
    kld: float | None
    kld_se: float | None
    same_top: float | None
    same_top_se: float | None
    n_tokens: int | None
    date: str
    note: str
    source: str

    @property
    def added_share(self) -> float:
        """The added perplexity as a share of that of the original."""
        return self.delta_ppl / self.base_ppl

    @property
    def bits(self) -> float | None:
        """Bits a weight: of the stated size, else of llama.cpp's table for Llama-3.1-8B."""
        if self.size_gib is not None:
            return self.size_gib * 2**30 * 8 / PARAMETERS[self.model]
        return gguf_bits().get(self.format)

    @property
    def cited(self) -> str:
        """Source and date, as a report names them."""
        return _cited(self.source, self.date)


@dataclass(frozen=True, slots=True)
class Recovery:
    """The score of a quantised checkpoint as a percentage of the original's, by the makers of the checkpoint."""

    model: str
    format: str
    benchmark: str
    percent: float
    date: str
    source: str

    @property
    def cited(self) -> str:
        """Source and date."""
        return _cited(self.source, self.date)


@cache
def costs() -> tuple[Cost, ...]:
    """Every published row, for each model from the least divergence to the most."""
    return tuple(
        Cost(
            model=row["model"],
            format=row["format"],
            imatrix=row["imatrix"],
            date=row["date"],
            note=row["note"],
            source=row["source"],
            base_ppl=float(row["base_ppl"]),
            delta_ppl=float(row["delta_ppl"]),
            n_tokens=int(row["n_tokens"]) if row["n_tokens"] else None,
            **{name: float(row[name]) if row[name] else None for name in _PERHAPS},
        )
        for row in _read("perplexity.csv")
    )


@cache
def recoveries() -> tuple[Recovery, ...]:
    """Every published recovery."""
    return tuple(
        Recovery(
            row["model"], row["format"], row["benchmark"], float(row["recovery_percent"]), row["date"], row["source"]
        )
        for row in _read("recovery.csv")
    )


def published_model(names: Iterable[str]) -> str | None:
    """The published model that one of `names` (a Hub id, a file, a title) is called like; an instruct model is not its base."""
    known = {model.lower(): model for model in (*(row.model for row in costs()), *(one.model for one in recoveries()))}
    return next((known[key] for name in names if (key := _key(name)) in known), None)


def format_in(name: str) -> str | None:
    """The format that the name of a file or checkpoint states."""
    if match := _CHECKPOINT.search(name):
        return read_format(match[1])
    return mix_of(name) or None if name.lower().endswith(".gguf") else None


def read_format(text: str) -> str:
    """A format as the tables write it. Raises InputError for a word that names none."""
    wanted = text.strip().upper()
    wanted = _SYNONYMS.get(wanted, wanted)
    names = {name.upper(): name for name in (*precision_names(), *formats()) if name != "stored"}
    if wanted not in names:
        near = nearest(wanted, names.values(), n=3)
        listed = f"the nearest are {', '.join(near)}" if near else f"there are {', '.join(names.values())}"
        raise InputError("format", f"`format` {shown(text)} names no quantisation that is known here: {listed}.")
    return names[wanted]


def formats() -> tuple[str, ...]:
    """The formats that have a figure."""
    return tuple(dict.fromkeys([*(row.format for row in costs()), *(one.format for one in recoveries())]))


def _key(name: str) -> str:
    last = _CHECKPOINT.sub("", name.strip().partition("@")[0].rstrip("/").rpartition("/")[2])
    plain = re.sub(r"[\s_-]+", "-", plain_stem(last)).lower()
    for suffix in ("-gguf", "-hf"):
        plain = plain.removesuffix(suffix)
    return plain.removeprefix("meta-")


def _cited(source: str, date: str) -> str:
    return ", ".join(filter(None, (source, date, dated(date))))


def _read(name: str) -> list[dict[str, str]]:
    text = files("ropescope.checks.quantising").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
