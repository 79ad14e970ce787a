"""Rows of the atlas as Arrow tables, with the types that the dataclasses state."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ropescope.errors import FormatError, MissingExtraError
from ropescope.evidence.atlas.row import AtlasHead, AtlasLayer, AtlasPoint, AtlasRow

Nested = type[AtlasLayer] | type[AtlasHead] | type[AtlasPoint]
Described = type[AtlasRow] | Nested

NESTED: Final[Mapping[str, Nested]] = {"layers": AtlasLayer, "heads": AtlasHead, "curve": AtlasPoint}
"""Fields of a row that are tables of their own."""

KEYS: Final = ("profile_sha256", "model", "protocol")
"""The columns by which a layer, a head or a point belongs to its row."""


def kind_of(item: dataclasses.Field[Any]) -> str:
    """The type of a column, as Arrow and `datasets` name it: string, int64, float64 or bool."""
    return {"str": "string", "int": "int64", "float": "float64", "bool": "bool"}[str(item.type).removesuffix(" | None")]


def arrow_schema(of: Described, *, nested: bool = True) -> Any:
    """The Arrow schema of a row, a layer, a head or a point; `nested=False` leaves these three out of a row.

    It follows from the dataclass alone, so that a column is typed where every value is null.
    """
    arrow = pyarrow()
    fields = []
    for item in dataclasses.fields(of):
        if item.name in NESTED:
            if nested:
                fields.append((item.name, arrow.list_(arrow.struct(arrow_schema(NESTED[item.name])))))
            continue
        fields.append((item.name, arrow.type_for_alias(kind_of(item))))
    return arrow.schema(fields)


def row_table(rows: Sequence[AtlasRow], *, nested: bool = True) -> Any:
    """`rows` as an Arrow table, one row each."""
    return pyarrow().Table.from_pylist([dataclasses.asdict(row) for row in rows], arrow_schema(AtlasRow, nested=nested))


def nested_schema(name: str) -> Any:
    """The Arrow schema of the layers, heads or curves of all rows in one table."""
    arrow = pyarrow()
    return arrow.schema(
        [(key, arrow.string()) for key in KEYS] + [(item.name, item.type) for item in arrow_schema(NESTED[name])]
    )


def nested_table(rows: Sequence[AtlasRow], name: str) -> Any:
    """The layers, heads or curves of all `rows` as one table, each line with the key and the name of its row."""
    lines = [
        {**{key: getattr(row, key) for key in KEYS}, **dataclasses.asdict(item)}
        for row in rows
        for item in getattr(row, name)
    ]
    return pyarrow().Table.from_pylist(lines, nested_schema(name))


def parquet_bytes(table: Any) -> bytes:
    """`table` as the content of a Parquet file."""
    from pyarrow import parquet

    buffer = io.BytesIO()
    with parquet.ParquetWriter(buffer, table.schema, compression="zstd") as file:
        # Readers that take the first group's size as theirs (`datasets`) fail on a group of no rows, and not on no group.
        if table.num_rows:
            file.write_table(table)
    return buffer.getvalue()


def read_parquet(data: bytes, name: str) -> Any:
    """The Arrow table in `data`, the content of the file `name`. Raises FormatError for what is no Parquet file."""
    arrow = pyarrow()
    from pyarrow import parquet

    try:
        return parquet.read_table(io.BytesIO(data))
    except (OSError, arrow.ArrowException) as error:
        raise FormatError(f"{name} is no Parquet file that can be read.") from error


def pyarrow() -> Any:
    """The module. Raises MissingExtraError where it is not installed."""
    try:
        import pyarrow
    except ImportError as error:
        raise MissingExtraError(
            "The atlas needs pyarrow, which is not installed: pip install 'ropescope[measure]'."
        ) from error
    return pyarrow
