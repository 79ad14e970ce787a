"""What may be added to an atlas: a kept profile, a dataset that was published from an atlas, or what another tool measured."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ropescope.errors import FormatError, SourceError
from ropescope.evidence.atlas.dataset import CARD, card_data, is_ours
from ropescope.evidence.atlas.fetched import dataset_rows
from ropescope.evidence.atlas.row import AtlasRow, rows_of
from ropescope.evidence.atlas.table import read_parquet
from ropescope.evidence.atlas.taf import taf_rows
from ropescope.evidence.raw import LANDMARK, RawFiles
from ropescope.local_files import exists, read_bounded
from ropescope.measure.beside import NAME as BESIDE
from ropescope.measure.beside import ggufs_with_profiles, name_beside, profile_beside, theirs
from ropescope.models.hub import fetch_file
from ropescope.models.hub_writing import RemoteRepository, remote_repository
from ropescope.models.opening import open as open_model

_ON_HUB: Final = re.compile(r"(?:hf:/{1,2}datasets/)?([\w.-]+/[\w.-]+?)(?:@([\w./-]+))?/?", re.ASCII)
_TABLES: Final = (".json", ".jsonl", ".csv")
_MOST_BYTES: Final = 256 << 20
_MOST_FILES: Final = 500


@dataclass(frozen=True, slots=True)
class Source:
    """A file or dataset that was named: the rows that it gives, or why it gives none; `notes` are what to know of it."""

    name: str
    rows: tuple[AtlasRow, ...] = ()
    state: str = ""
    notes: tuple[str, ...] = ()


def sources_of(named: str) -> list[Source]:
    """What is named: a file, a folder, or a dataset on the Hub as ORG/NAME or hf://datasets/ORG/NAME, both also with @revision.

    Raises FormatError for what holds nothing that an atlas takes, SourceError for a dataset that cannot be had.
    """
    path = Path(named)
    if path.suffix.lower() == ".gguf":
        return [_of_model(named, None)]
    if exists(path):
        return _of_folder(path) if path.is_dir() else [_of_file(path)]
    on_hub = _ON_HUB.fullmatch(named)
    if on_hub is None and named.startswith("hf:"):
        raise SourceError(
            f"{named} names no dataset: write hf://datasets/ORG/NAME, or ORG/NAME for a dataset or a model."
        )
    if on_hub is None or path.suffix in (".parquet", *_TABLES):
        return [Source(path.name, rows_of(path))]  # says that it is not there
    return _of_hub(on_hub[1], on_hub[2])


def _of_file(path: Path) -> Source:
    if path.suffix.lower() not in _TABLES:
        return Source(path.name, rows_of(path))
    raw = read_bounded(path, _MOST_BYTES, missing="check the path", long="give the part with the measurements")
    return Source(path.name, taf_rows(_parsed(raw, path.name), path.name, path.name))


def _of_folder(folder: Path) -> list[Source]:
    """An exported atlas, a clone of the published measurements, or weights with a profile beside them."""

    def read(name: str) -> bytes:
        return read_bounded(
            folder / name, _MOST_BYTES, missing="export the atlas again", long="it is no exported atlas"
        )

    if (folder / CARD).is_file() and is_ours(card_data(read(CARD).decode("utf-8", "replace"))):
        return [Source(folder.name, dataset_rows(read, str(folder), folder.name))]
    if any((folder / part / LANDMARK).is_dir() for part in (".", "data")):
        return list(_of_raw(RawFiles(folder)))
    if (folder / BESIDE).is_file():
        return [_of_model(str(folder), None)]
    if files := ggufs_with_profiles(path.name for path in folder.iterdir()):
        return [_of_model(str(folder / name), None) for name in files]
    raise FormatError(
        f"{folder} is no exported atlas, and holds neither {BESIDE} nor published measurements (`{LANDMARK}/`): for a folder of "
        "profiles use `folder`."
    )


def _of_model(source: str, revision: str | None) -> Source:
    """The profile beside the weights of a model, which is theirs or is refused."""
    model = open_model(source, revision=revision, config_only=True)
    found = profile_beside(model)
    if found is None:
        raise FormatError(
            f"{model.name} is a model without a profile beside its weights ({name_beside(model.source)}): measure it."
        )
    return Source(f"{model.name}/{found.path.name}", rows_of(theirs(found).path))


def _of_raw(raw: RawFiles) -> Iterator[Source]:
    """Every file of the published measurements; one that holds none is left out with the reason."""
    names = [f"{LANDMARK}/{path.name}" for path in sorted((raw.folder / LANDMARK).glob("*.json"))]
    changed = raw.changed(names)
    for name in names:
        notes = (f"{name} is not as it was published.",) if name in changed else ()
        try:
            yield Source(name, taf_rows(raw.json(name), name, name), notes=notes)
        except FormatError as error:
            yield Source(name, state=f"left out: {error}", notes=notes)


def _of_hub(repo_id: str, revision: str | None) -> list[Source]:
    there = remote_repository(repo_id, revision)
    if there is None and (model := remote_repository(repo_id, revision, repo_type="model")) is not None:
        files = [] if BESIDE in model.files else ggufs_with_profiles(model.files)
        return [_of_model("/".join(filter(None, (repo_id, name))), revision) for name in files or [""]]
    if there is None:
        raise SourceError(
            f"{repo_id} is no file here, and the Hub shows no dataset or model of this name: check the spelling; for a private one "
            "set HF_TOKEN to a token that may read it."
        )
    origin = f"hf://datasets/{repo_id}@{there.commit}"

    def read(name: str) -> bytes:
        return _fetched(there, name)

    card = read(CARD).decode("utf-8", "replace") if CARD in there.files else ""
    if is_ours(card_data(card)):
        return [Source(repo_id, dataset_rows(read, repo_id, origin))]
    return _of_others(there, read, origin)


def _of_others(there: RemoteRepository, read: Callable[[str], bytes], origin: str) -> list[Source]:
    """The tables of a dataset that was published in another layout. Raises FormatError where none holds a measurement."""
    names = sorted(name for name in there.files if Path(name).suffix.lower() in (*_TABLES, ".parquet"))[:_MOST_FILES]
    found = []
    for name in names:
        try:
            found.append(Source(name, taf_rows(_parsed(read(name), name), name, f"{origin}/{name}")))
        except FormatError as error:
            found.append(Source(name, state=f"left out: {error}"))
    if not any(one.rows for one in found):
        why = f" ({found[0].state.removeprefix('left out: ')})" if found else ""
        raise FormatError(f"{there.repo_id} is a dataset in a layout that is not read here{why}".rstrip(".") + ".")
    return found


def _fetched(there: RemoteRepository, name: str) -> bytes:
    if name not in there.files:
        raise FormatError(f"{there.repo_id} lacks {name}, which its card names: it was not published whole.")
    if there.files[name].size > _MOST_BYTES:
        raise FormatError(f"{name} of {there.repo_id} is longer than {_MOST_BYTES >> 20} MiB: no atlas is.")
    return fetch_file(there.repo_id, there.commit, name, repo_type="dataset").read_bytes()


def _parsed(raw: bytes, name: str) -> Any:
    """The content of a table: a list of records, or what a JSON file holds."""
    suffix = Path(name).suffix.lower()
    if suffix == ".parquet":
        return read_parquet(raw, name).to_pylist()
    try:
        text = raw.decode("utf-8-sig")
        if suffix == ".csv":
            return list(csv.DictReader(io.StringIO(text)))
        return (
            [json.loads(line) for line in text.splitlines() if line.strip()] if suffix == ".jsonl" else json.loads(text)
        )
    except (ValueError, OSError, csv.Error, RecursionError) as error:
        raise FormatError(f"{name} cannot be read as {suffix[1:].upper()} ({str(error)[:120]}).") from error
