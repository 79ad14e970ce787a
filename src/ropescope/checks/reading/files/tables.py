"""The tables of weight files: models, what lies beside them, and formats that are not read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from ropescope.checks.fit_choices import in_words
from ropescope.checks.reading.files.weight_files import WeightFile
from ropescope.checks.serving.devices.device import GIB
from ropescope.checks.serving.fitting.fit import Fit
from ropescope.questions.names import few
from ropescope.report.numbers import binary_size
from ropescope.report.report import Column, Scalar, Table


def model_table(models: Sequence[WeightFile], fits: Mapping[str, Fit]) -> Table | None:
    """A row a model, without the columns that no row fills."""
    columns = [
        Column("file"),
        Column("parts", "", ",d"),
        Column("bytes", "", ",d"),
        Column("mix"),
        Column("types"),
        Column("bits a weight", "", ".2f"),
        Column("imatrix"),
        Column("template"),
        *((Column("total", "GiB", ",.2f"), Column("longest context", "tokens", ",d"), Column("fits")) if fits else ()),
    ]
    rows = [(*_row(one), *(_fit_cells(fits.get(one.files[0])) if fits else ())) for one in models]
    kept = [place for place in range(len(columns)) if any(row[place] is not None for row in rows)]
    if not rows:
        return None
    return Table(
        "Models, largest first",
        tuple(columns[place] for place in kept),
        tuple(tuple(row[place] for place in kept) for row in rows),
        note="Bytes: of the files. Types: of their tensors. Template: the start of the SHA-256 of the chat template.",
    )


def _row(one: WeightFile) -> tuple[Scalar, ...]:
    stated = one.imatrix or ("not stated" if one.quantised and not one.problem else None)
    return (
        one.files[0],
        len(one.files) if len(one.files) > 1 else None,
        one.n_bytes,
        one.mix or None,
        types_in_words(one),
        one.bits,
        stated,
        None if one.template is None else short_hash(one.template),
    )


def _fit_cells(made: Fit | None) -> tuple[Scalar, ...]:
    if made is None:
        return None, None, "not counted"
    return made.demand.total / GIB, made.longest_context, in_words(made)


def beside_table(beside: Sequence[WeightFile]) -> Table | None:
    """A row for each projector, draft, adapter, …"""
    if not beside:
        return None
    columns = (Column("file"), Column("kind"), Column("bytes", "", ",d"), Column("types"))
    rows = tuple((one.files[0], one.kind, one.n_bytes, types_in_words(one)) for one in beside)
    return Table("Beside the models", columns, rows)


def other_table(others: Mapping[str, Sequence[str]], sizes: Mapping[str, int]) -> Table | None:
    """A row for each format that is not read."""
    if not others:
        return None
    columns = (Column("format"), Column("files", "", ",d"), Column("bytes", "", ",d"), Column("first"))
    rows = tuple((kind, len(names), sum(sizes[name] for name in names), names[0]) for kind, names in others.items())
    return Table("Formats that are not read here", columns, rows)


def types_in_words(one: WeightFile) -> str:
    """The number types that most bytes are in, with their bytes."""
    if one.problem:
        return "not read"
    largest = sorted(one.by_type.items(), key=lambda entry: -entry[1])
    return few([f"{kind} {binary_size(n_bytes)}" for kind, n_bytes in largest], 4)


def format_of(one: WeightFile) -> str:
    """GGUF or safetensors."""
    return "GGUF" if one.files[0].lower().endswith(".gguf") else "safetensors"


def short_hash(text: str) -> str:
    """The first eight digits of the SHA-256 of a text, in hex: enough to see two templates differ."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
