"""Checks a kept file that is given in the place of a model. Only a profile can be planned from; any other file is refused before
other inputs are checked against it."""

from __future__ import annotations

from pathlib import Path

from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.errors import FormatError, InputError
from ropescope.models.json_file import parse_json


def check_kept(path: Path) -> None:
    """Raise InputError for a file that is not a profile: a finished plan, other JSON, or one that is empty or damaged."""
    with path.open("rb") as file:
        head = file.read(4)
    if not head:
        raise InputError("source", f"`source` {path.name} is empty: make it again, or name the model in its place.")
    if path.suffix.lower() == ".json" and head != b"PAR1":
        raise InputError("source", _told_of_json(path))
    if path.suffix.lower() == ".parquet" and not _is_whole(path):
        raise InputError(
            "source",
            f"`source` {path.name} is damaged (not a complete Parquet file): make it again, or name the model in its place.",
        )


def _told_of_json(path: Path) -> str:
    try:
        data = parse_json(path.read_bytes(), path.name)
    except FormatError as error:
        cause = str(error).partition(": ")[0]
        return f"`source` {path.name} is damaged ({cause}): make it again, or name the model in its place."
    if not isinstance(data, dict):
        return (
            f"`source` {path.name} holds a JSON {type(data).__name__}, which is neither a plan nor a profile: make it again, or "
            "name the model in its place."
        )
    if data.get("schema") != KVPlan.expected_schema:
        return f"`source` {path.name} is not a measured profile, which is a Parquet file: name a profile or a model."
    try:
        plan = KVPlan.from_dict(data)
    except FormatError as error:
        return f"`source` {path.name} is damaged ({str(error).rstrip('.')}): make it again, or name the model in its place."
    return (
        f"{path.name} is a finished plan for {plan.model}: name the model in its place. With `engine` that gives the best plan "
        "that the engine carries out and its setting; `compress evaluate` scores a finished plan."
    )


def _is_whole(path: Path) -> bool:
    """Whether a Parquet file begins and ends as one does: what was cut short has no end."""
    with path.open("rb") as file:
        begins = file.read(4)
        size = file.seek(0, 2)
        file.seek(max(0, size - 4))
        return size >= 12 and begins == file.read(4) == b"PAR1"
