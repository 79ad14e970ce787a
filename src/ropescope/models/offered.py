"""A folder or repository that offers several GGUF models: which there are, and how large their files are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ropescope.errors import SourceError
from ropescope.models.gguf_names import Choice, choices
from ropescope.models.model import Model
from ropescope.models.model_files import MOST_FOLDERS
from ropescope.models.source import Source, resolve


@dataclass(frozen=True, slots=True)
class Offered:
    """The models, and the bytes of all files of each, by the first of them. `where` is how people call the place."""

    where: str
    choices: tuple[Choice, ...]
    n_bytes: Mapping[str, int] = field(hash=False)
    folder: Path | None = None
    source: Source | None = None

    def open(self, choice: Choice) -> Model:
        """The Model of one of them, from the headers of its files. Raises SourceError, FormatError."""
        from ropescope.models.opening import open as open_model

        if self.folder is not None:
            return open_model(self.folder / choice.first)
        assert self.source is not None
        return open_model(replace(self.source, name=self.named(choice), file=choice.first))

    def named(self, choice: Choice) -> str:
        """How a user names one of them."""
        return str(self.folder / choice.first) if self.folder is not None else f"{self.where}/{choice.first}"


def offered(text: str, revision: str | None = None) -> tuple[str | Source, Offered | None]:
    """(the source, resolved where that asked the Hub; the GGUF models that it offers, where they are two or more and no
    other weights lie beside them). A single one is the source itself, though a config lies beside it. Raises SourceError as
    `resolve`."""
    try:
        path = Path(text).expanduser()
        if path.is_dir():
            return (text, None) if revision is not None else _of_folder(text, path)
        if path.exists() or text.count("/") != 1 or text.lower().endswith(".gguf"):
            return text, None
    except (OSError, RuntimeError):  # what cannot be looked at is told of by whoever opens it
        return text, None
    source = resolve(text, revision=revision)
    if source.kind != "hub" or source.file is not None or source.repo_id is None or source.revision is None:
        return source, None
    from ropescope.models.hub_files import HubFiles

    names = HubFiles(source.repo_id, source.revision).names()
    found = _choices(names)
    if len(found) == 1:
        return replace(source, name=f"{source.repo_id}/{found[0].first}", file=found[0].first), None
    if not found:
        return source, None
    from ropescope.models.hub import list_sizes

    sizes = list_sizes(source.repo_id, source.revision)
    return source, Offered(source.repo_id, found, _sizes(found, sizes), source=source)


def _of_folder(text: str, folder: Path) -> tuple[str, Offered | None]:
    found = _choices(frozenset(entry.name for entry in folder.iterdir()))
    return (str(folder / found[0].first), None) if len(found) == 1 else (text, _in_folder(folder))


def _in_folder(folder: Path) -> Offered | None:
    places = [folder, *(entry for entry in sorted(folder.iterdir())[:MOST_FOLDERS] if entry.is_dir())]
    held = {file.relative_to(folder).as_posix(): file for place in places for file in place.glob("*") if file.is_file()}
    found = _choices(frozenset(held))
    if len(found) < 2:
        return None
    sizes = {name: held[name].stat().st_size for choice in found for name in choice.files if name in held}
    return Offered(str(folder), found, _sizes(found, sizes), folder=folder)


def _choices(names: frozenset[str]) -> tuple[Choice, ...]:
    """The GGUF models, where no other weights lie beside them."""
    others = any(name.endswith((".safetensors", ".bin")) and "/" not in name for name in names)
    return () if others else choices(names)


def _sizes(found: tuple[Choice, ...], sizes: Mapping[str, int]) -> dict[str, int]:
    """The bytes of each model. Raises SourceError where a part of one is missing."""
    for choice in found:
        if missing := [name for name in choice.files if name not in sizes]:
            raise SourceError(f"of the {len(choice.files)} files of {choice.first}, {missing[0]} is missing: fetch it.")
    return {choice.first: sum(sizes[name] for name in choice.files) for choice in found}
