"""A dataset that was published from an atlas, back into rows: nothing is taken that its card, its schema or arithmetic deny."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ropescope.errors import DomainError, FormatError
from ropescope.evidence.atlas.dataset import CARD, CONFIGS, SCHEMA, card_data, data_path, is_ours
from ropescope.evidence.atlas.row import AtlasRow
from ropescope.evidence.atlas.table import KEYS, NESTED, arrow_schema, nested_schema, read_parquet
from ropescope.measure.protocol import LEGACY_DISTANCES, LEGACY_OFFSET
from ropescope.theory.nulls import uniform_null_exponent

Read = Callable[[str], bytes]
"""The bytes of a file of the dataset by its path in it."""

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_ORDERED: Final = (
    ("gamma_low", "gamma_high"),
    ("control_low", "control_high"),
    ("d50", "d90"),
    ("d90", "d99"),
    ("d_min", "d_max"),
)
_MOST_GAMMA: Final = 20.0
_MOST_TOKENS: Final = 2**31


def dataset_rows(read: Read, name: str, origin: str) -> tuple[AtlasRow, ...]:
    """The rows of the dataset `name`, whose files `read` gives. `origin` is noted in rows that were measured there.

    Raises FormatError for a card that ropescope did not write, another version's schema, a file that the card does not name, and a
    value that cannot be.
    """
    data = card_data(read(CARD).decode("utf-8", "replace"))
    if not is_ours(data):
        raise FormatError(f"{name} was not published from an atlas: its card has no tag of one.")
    stated = data.get("ropescope")
    stated = stated if isinstance(stated, Mapping) else {}
    if stated.get("schema") != SCHEMA:
        raise FormatError(
            f"{name} has the schema {stated.get('schema')!r}; this version reads {SCHEMA!r}: update one of the two."
        )
    hashes = stated.get("sha256")
    hashes = hashes if isinstance(hashes, Mapping) else {}
    tables = {config: _table(read, config, hashes, name) for config in ("measurements", *CONFIGS)}
    inner: dict[tuple[str, str], dict[str, list[dict[str, Any]]]] = {}
    for row in tables["measurements"]:
        if _key(row) in inner:
            raise FormatError(f"{name} has a reading of {row['model']!r} twice: it cannot be told which one counts.")
        inner[_key(row)] = {of: [] for of in NESTED}
    for config, of in CONFIGS.items():
        for line in tables[config]:
            if _key(line) not in inner:
                raise FormatError(f"{name}: `{config}` has a line of a profile that `measurements` lacks.")
            inner[_key(line)][of].append({column: value for column, value in line.items() if column not in KEYS})
    found = []
    for row in tables["measurements"]:
        try:
            made = AtlasRow.from_dict({**row, **inner[_key(row)]})
        except (KeyError, TypeError) as error:
            raise FormatError(f"{name}: a row of {row.get('model')!r} is incomplete ({error}).") from error
        _require_possible(made, name)
        found.append(dataclasses.replace(made, origin=made.origin or origin))
    return tuple(found)


def _table(read: Read, config: str, hashes: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The lines of a config: the very file that the card names, with the very columns of the schema."""
    path = data_path(config)
    data = read(path)
    if hashlib.sha256(data).hexdigest() != hashes.get(path):
        raise FormatError(
            f"{name}: {path} is not the file that the card names (SHA-256): it was changed after it was published."
        )
    wanted = arrow_schema(AtlasRow, nested=False) if config == "measurements" else nested_schema(CONFIGS[config])
    table = read_parquet(data, f"{name}: {path}")
    if not table.schema.equals(wanted, check_metadata=False):
        raise FormatError(f"{name}: {path} has other columns or types than {SCHEMA}.")
    lines: list[dict[str, Any]] = table.to_pylist()
    return lines


def _key(line: Mapping[str, Any]) -> tuple[str, str]:
    return (str(line["profile_sha256"]), str(line["protocol"]))


def _require_possible(row: AtlasRow, name: str) -> None:
    """Raise FormatError naming the column whose value cannot be."""

    def refuse(column: str, value: Any) -> FormatError:
        return FormatError(
            f"{name}: `{column}` of {row.model!r} is {value!r}, which cannot be: nothing of the dataset was added."
        )

    if not _SHA256.fullmatch(row.profile_sha256 or ""):
        raise refuse("profile_sha256", row.profile_sha256)
    for column, allowed in (("protocol", ("fixed", "legacy")), ("basis", ("measured", "published"))):
        if getattr(row, column) not in allowed:
            raise refuse(column, getattr(row, column))
    parts: tuple[Any, ...] = (row, *row.layers, *row.heads, *row.curve)
    for part in parts:
        for item in dataclasses.fields(part):
            value = getattr(part, item.name)
            if value is None and not str(item.type).endswith("None"):
                raise refuse(item.name, None)
            if isinstance(value, float) and not math.isfinite(value):
                raise refuse(item.name, value)
            if isinstance(value, int | float) and not isinstance(value, bool) and not _within(item.name, value):
                raise refuse(item.name, value)
        for low, high in _ORDERED:
            least, most = getattr(part, low, None), getattr(part, high, None)
            if least is not None and most is not None and least > most:
                raise refuse(low, least)
    try:
        null = _null(row)
    except DomainError as error:
        raise refuse("curve", [point.distance for point in row.curve][:5]) from error
    if abs(row.gamma_null - null) > 1e-6:
        raise refuse("gamma_null", row.gamma_null)


def _within(column: str, value: float) -> bool:
    if column.startswith(("gamma", "control")):
        return abs(value) <= _MOST_GAMMA
    if column in ("sink_mass", "weight", "low", "high"):
        return -1e-9 <= value <= 1 + 1e-6
    if column == "r2":
        return value <= 1 + 1e-9
    return 0 <= value <= (2**63 if column in ("seed", "rope_theta") else _MOST_TOKENS)


def _null(row: AtlasRow) -> float:
    """What uniform attention reads at the distances of a row: they are known of a legacy one by its curve, or by the protocol."""
    if row.protocol == "fixed":
        return 0.0
    known: Sequence[float] = [point.distance for point in row.curve] or LEGACY_DISTANCES
    fitted = tuple(float(d) for d in known if row.d_min <= d <= (row.d_max or _MOST_TOKENS))
    return uniform_null_exponent(fitted, LEGACY_OFFSET).gamma if len(fitted) > 1 else row.gamma_null
