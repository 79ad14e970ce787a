"""Texts to measure on from one data file of a dataset on the Hub."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ropescope.errors import SourceError
from ropescope.models.text_files import KINDS, check_texts
from ropescope.models.text_kinds import kind_of

PREFERENCE: Final = (".parquet", ".jsonl", ".txt", ".csv", ".tsv", ".json")
"""Which data file of a dataset to take, best first."""

_NO_DATA: Final = frozenset(
    {
        "readme.txt",
        "license.txt",
        "requirements.txt",
        "dataset_infos.json",
        "dataset_info.json",
        "dataset_dict.json",
        "state.json",
        "config.json",
    }
)


def fetch_dataset(
    repo_id: str, *, revision: str | None = None, split: str = "train", column: str = "text"
) -> tuple[tuple[Path, ...], str]:
    """(the local paths of one data file of a Hub dataset, the commit it was taken at).

    The file is the first of the preferred kind (parquet, then .jsonl, .txt and others) whose name contains `split`. That
    `column` is in it is checked at once. Raises SourceError where the dataset or a suitable file cannot be had, and
    what `read_texts` raises for its content.
    """
    from ropescope.models.hub import fetch_file, list_files, pin

    commit, _ = pin(repo_id, revision, repo_type="dataset")
    name = choose_file(list_files(repo_id, commit, repo_type="dataset"), split)
    if name is None:
        raise SourceError(f"{repo_id} holds no file of texts ({KINDS}): choose another dataset, or give a local file.")
    path = fetch_file(repo_id, commit, name, repo_type="dataset")
    check_texts([path], column)
    return (path,), commit


def choose_file(names: Iterable[str], split: str) -> str | None:
    """The data file to take from a listing, None if there is none: with `split` in its name first, then by kind,
    then by the alphabet."""
    ranked = []
    for name in names:
        path = Path(name)
        if kind_of(path) not in PREFERENCE or path.name.lower() in _NO_DATA or name.lower().endswith(".parquet.gz"):
            continue
        without = bool(split) and split.lower() not in name.lower()
        ranked.append((without, PREFERENCE.index(kind_of(path)), name))
    return min(ranked)[2] if ranked else None
