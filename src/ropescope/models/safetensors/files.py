"""Which safetensors files hold a model's weights, and what their headers list."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ropescope.errors import FormatError
from ropescope.models.config.fields import short
from ropescope.models.gguf_names import MOST_PARTS
from ropescope.models.model_files import ModelFiles, is_plain_name
from ropescope.models.safetensors.header import (
    LENGTH_BYTES,
    SafetensorsHeader,
    StoredTensor,
    header_length,
    parse_header,
)
from ropescope.questions.names import few

ENDING: Final = ".safetensors"
SINGLE: Final = "model.safetensors"
INDEX: Final = "model.safetensors.index.json"
FIRST_READ: Final = 64 << 10
"""Bytes of the first read of a file; most headers are shorter, and then it is the only one."""

_PART: Final = re.compile(r"(.+)-(\d{5})-of-(\d{5,6})\.safetensors", re.DOTALL)


@dataclass(frozen=True, slots=True)
class StoredWeights:
    """The tensors of a model's files. `source` names the file, or the index and how many files it lists."""

    tensors: tuple[StoredTensor, ...]
    n_files: int
    source: str


def stored_weights(files: ModelFiles, only: str | None = None) -> tuple[StoredWeights | None, tuple[str, ...]]:
    """(the weights, notes); (None, why) where the files are incomplete, in another format, or several sets of them.

    `only` names one file to read; where that is part of a set, the set is read. Raises FormatError for a damaged file
    or an index that names a path, SourceError for a file that cannot be read.
    """
    names = files.names()
    wanted, source, why, listed = _wanted(files, names, only)
    if not wanted:
        return None, (why,) if why else ()
    if missing := [name for name in wanted if name not in names]:
        return None, (f"{_missing(wanted, missing)}, so their headers were not read: download them to {files.where}.",)
    headers = files.map(lambda name: read_header(files, name), wanted)
    tensors = tuple(tensor for header in headers for tensor in header.tensors)
    if len(wanted) > 1 and len({tensor.name for tensor in tensors}) != len(tensors):
        raise FormatError(
            f"{files.where}: two of the files of {source} hold a tensor of the same name: download again."
        )
    return StoredWeights(tensors, len(wanted), source), _torn(source, listed, {tensor.name for tensor in tensors})


def _torn(source: str, listed: frozenset[str], held: set[str]) -> tuple[str, ...]:
    """What to say of tensors that an index lists and its files lack."""
    missing = sorted(listed - held)
    if not missing:
        return ()
    shown = few([short(name) for name in missing], 3)
    return (
        f"{source} names {len(missing):,} of its {len(listed):,} tensors that the files lack ({shown}): the weights are "
        "incomplete, and parameters and bytes are too few. Download the files again.",
    )


def why_incomplete(files: ModelFiles) -> str:
    """Why the weights of a model cannot be loaded, by the names of its files alone; "" where they are there."""
    names = files.names()
    wanted, _, why, _ = _wanted(files, names, None)
    if not wanted:
        return why or f"no {ENDING} file is in {files.where}."
    missing = [name for name in wanted if name not in names]
    return f"{_missing(wanted, missing)}: download them to {files.where}." if missing else ""


def _missing(wanted: Sequence[str], missing: Sequence[str]) -> str:
    return f"of the {len(wanted)} files that hold the weights, {len(missing)} are missing ({few(missing, 3)})"


def read_header(files: ModelFiles, name: str) -> SafetensorsHeader:
    """The header of one file. Raises SourceError, FormatError."""
    label = files.label(name)
    with files.beginning(name) as file:
        first = file.read(0, FIRST_READ)
        length = header_length(first, file.size, label)
        raw = first[LENGTH_BYTES : LENGTH_BYTES + length]
        while len(raw) < length:
            more = file.read(LENGTH_BYTES + len(raw), length - len(raw))
            if not more:
                raise FormatError(
                    f"{label} ended inside its header (offset {LENGTH_BYTES + len(raw)}): download it again."
                )
            raw += more
        header = parse_header(raw, file.size, label)
        file.keep(LENGTH_BYTES + length)
    return header


def _wanted(files: ModelFiles, names: frozenset[str], only: str | None) -> tuple[list[str], str, str, frozenset[str]]:
    """(the files to read, what names them, why there are none, the tensors that an index says they hold)."""
    none: frozenset[str] = frozenset()
    ours = sorted(name for name in names if name.endswith(ENDING) and "/" not in name)
    if only is not None:
        listed, tensors = index_of(files, INDEX) if INDEX in names else ([], none)
        if only in listed:
            return listed, f"{INDEX} ({len(listed)} files)", "", tensors
        return set_of(only), only, "", none
    if SINGLE in ours:  # before the index, as transformers has it
        return [SINGLE], SINGLE, "", none
    indices = [INDEX] if INDEX in names else sorted(name for name in names if name.endswith(ENDING + ".index.json"))
    if len(indices) == 1:
        listed, tensors = index_of(files, indices[0])
        return listed, f"{indices[0]} ({len(listed)} files)", "", tensors
    sets = {tuple(set_of(name)) for name in ours if not name.startswith("consolidated")} or {tuple(ours)}
    if len(sets) == 1 and (found := list(next(iter(sets)))):
        return found, found[0] if len(found) == 1 else f"{found[0]} … ({len(found)} files)", "", none
    return [], "", _why_none(names, ours), none


def set_of(name: str) -> list[str]:
    """All the parts of the set that `name` belongs to."""
    match = _PART.fullmatch(name)
    if match is None or not 0 < int(match[2]) <= int(match[3]) <= MOST_PARTS:
        return [name]
    return [f"{match[1]}-{part:05d}-of-{match[3]}{ENDING}" for part in range(1, int(match[3]) + 1)]


def _why_none(names: frozenset[str], ours: list[str]) -> str:
    if len(ours) > 1:
        return (
            f"{len(ours)} safetensors files and no index lie here, so no parameters were counted: give one of them "
            f"({', '.join(ours[:4])}{', …' if len(ours) > 4 else ''})."
        )
    if any(name.endswith(".gguf") for name in names):
        return "the weights are GGUF files, and none of them was read: give the one you mean."
    if any(name.endswith((".bin", ".pt", ".pth")) for name in names):
        return (
            "the weights are pickled (.bin, .pt), which is never read, so they were left: convert them to safetensors."
        )
    return ""


def require_index_beside(files: ModelFiles) -> None:
    """Raise FormatError where an index names files that do not lie beside it: what loads weights would follow a path."""
    names = files.names()
    if INDEX in names and SINGLE not in names:
        index_of(files, INDEX)


def index_of(files: ModelFiles, name: str) -> tuple[list[str], frozenset[str]]:
    """(the files that an index lists, each once; the tensors). Raises FormatError for a name that is not a file beside it."""
    label = files.label(name)
    found: Mapping[str, Any] = files.json(name) or {}
    listed = found.get("weight_map")
    if not isinstance(listed, dict) or not listed:
        raise FormatError(f"{label}: weight_map is {short(listed)}: it must say for each tensor which file holds it.")
    if set(map(type, listed.values())) != {str}:
        tensor = next(key for key, value in listed.items() if not isinstance(value, str))
        raise FormatError(f"{label}: weight_map.{short(tensor)} is {short(listed[tensor])}: it must name a file.")
    distinct: list[str] = sorted(set(listed.values()))
    for value in distinct:
        if not is_plain_name(value) or not value.endswith(ENDING):
            raise FormatError(
                f"{label}: weight_map names {short(value)}, which is no {ENDING} file beside it: a path is not followed."
            )
    return distinct, frozenset(listed)
