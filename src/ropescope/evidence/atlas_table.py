"""Rows of the atlas as Arrow tables, with the types that the dataclasses state."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from typing import Any

from ropescope.errors import MissingExtraError
from ropescope.evidence.atlas_row import AtlasLayer, AtlasPoint, AtlasRow

NESTED: dict[str, type[AtlasLayer] | type[AtlasPoint]] = {"layers": AtlasLayer, "curve": AtlasPoint}
"""Fields of a row that are tables of their own."""

Described = type[AtlasRow] | type[AtlasLayer] | type[AtlasPoint]


def arrow_schema(of: Described, *, nested: bool = True) -> Any:
    """The Arrow schema of a row, a layer or a point; `nested=False` leaves layers and curve out."""
    arrow = pyarrow()
    fields = []
    for item in dataclasses.fields(of):
        if item.name in NESTED:
            if nested:
                fields.append((item.name, arrow.list_(arrow.struct(arrow_schema(NESTED[item.name])))))
            continue
        kind = str(item.type).removesuffix(" | None")
        fields.append(
            (
                item.name,
                {"str": arrow.string(), "int": arrow.int64(), "float": arrow.float64(), "bool": arrow.bool_()}[kind],
            )
        )
    return arrow.schema(fields)


def row_table(rows: Sequence[AtlasRow], *, nested: bool = True) -> Any:
    """`rows` as an Arrow table, one row each."""
    return pyarrow().Table.from_pylist([dataclasses.asdict(row) for row in rows], arrow_schema(AtlasRow, nested=nested))


def nested_table(rows: Sequence[AtlasRow], name: str) -> Any:
    """The layers or the curves of all `rows` as one table, each line with the key and the name of its row."""
    arrow = pyarrow()
    keys = ("profile_sha256", "model", "protocol")
    schema = arrow.schema(
        [(key, arrow.string()) for key in keys] + [(item.name, item.type) for item in arrow_schema(NESTED[name])]
    )
    lines = [
        {**{key: getattr(row, key) for key in keys}, **dataclasses.asdict(item)}
        for row in rows
        for item in getattr(row, name)
    ]
    return arrow.Table.from_pylist(lines, schema)


def parquet_bytes(table: Any) -> bytes:
    """`table` as the content of a Parquet file."""
    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def pyarrow() -> Any:
    """The module. Raises MissingExtraError where it is not installed."""
    try:
        import pyarrow
    except ImportError as error:
        raise MissingExtraError("The atlas is a Parquet file: pip install 'ropescope[measure]'.") from error
    return pyarrow
