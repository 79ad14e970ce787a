"""From what a user types to what it is: a folder, a GGUF file, a Hub repository at a commit, or a dict."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from ropescope.errors import FormatError, SourceError
from ropescope.local_files import exists, expanded, reachable
from ropescope.models.adapter import CONFIG as ADAPTER_CONFIG
from ropescope.models.adapter import WEIGHTS as ADAPTER_WEIGHTS
from ropescope.models.adapter import Adapter, adapter_of
from ropescope.models.json_file import unreadable
from ropescope.questions.names import few, nearest, shown
from ropescope.report.schemas import newer

SCHEMA = "ropescope.source/1"
ALIASES: Final = {"smollm2": "HuggingFaceTB/SmolLM2-135M-Instruct"}
"""Short names, and the Hub repository each stands for when its embedded copy cannot be had."""

_REPO_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_REVISION: Final = re.compile(r"[\w][\w./-]{0,127}", re.ASCII)
_FILE_ENDINGS: Final = (".gguf", ".safetensors", ".json", ".bin", ".pt", ".pth")

SourceKind = Literal["folder", "gguf", "hub", "dict"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model comes from.

    `name` is for people. `path` is set for "folder" and "gguf", `repo_id` and `revision` (a commit hash) for "hub",
    `config` for "dict". `file` is the one file of weights that was asked for, by its name in the folder or repository;
    None leaves the choice to the reader. `notes` tell of a detour taken on the way, such as a copy used because the Hub
    is out of reach. `adapter` is what is added to the weights that the rest names; `name` is then the adapter's.
    """

    kind: SourceKind
    name: str
    path: Path | None = None
    repo_id: str | None = None
    revision: str | None = None
    file: str | None = None
    config: Mapping[str, Any] | None = field(default=None, repr=False, hash=False)
    notes: tuple[str, ...] = ()
    adapter: Adapter | None = None
    schema: str = SCHEMA

    @property
    def spelled(self) -> str:
        """How a user names this source again: its path, its Hub id (with the file in it), or its name."""
        if self.adapter is not None:
            return self.adapter.spelled
        if self.repo_id is not None:
            return f"{self.repo_id}/{self.file}" if self.file is not None else self.repo_id
        if self.path is not None and self.name not in ALIASES:
            return str(self.path)
        return self.name

    @property
    def base(self) -> Source:
        """The same without its adapter."""
        return replace(self, adapter=None)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it back equal."""
        return {
            "schema": self.schema,
            "kind": self.kind,
            "name": self.name,
            "path": None if self.path is None else str(self.path),
            "repo_id": self.repo_id,
            "revision": self.revision,
            "file": self.file,
            "config": None if self.config is None else dict(self.config),
            "notes": list(self.notes),
            "adapter": None if self.adapter is None else self.adapter.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Source:
        """The Source that `to_dict` wrote. Raises FormatError for another schema or a missing field."""
        if (found := data.get("schema")) != SCHEMA:
            raise FormatError(f"schema is {found!r}, not {SCHEMA!r}: write the source again.{newer(found, SCHEMA)}")
        try:
            path = None if data["path"] is None else Path(data["path"])
            adapter = None if data.get("adapter") is None else Adapter.from_dict(data["adapter"])
            return cls(**{**data, "path": path, "notes": tuple(data["notes"]), "adapter": adapter})
        except (KeyError, TypeError) as error:
            raise FormatError(f"the saved source does not fit {SCHEMA} ({error}): write it again.") from error


def resolve(source: str | Path | Mapping[str, Any], *, revision: str | None = None, fetch: bool = True) -> Source:
    """What `source` is.

    An existing path wins over everything else; then an alias (`smollm2`), then a Hub id (`org/name` or
    `org/name@revision`), whose revision is pinned to the commit it means now. `fetch=False` downloads no weights for an
    alias. Raises SourceError with the cause and what to do about it.
    """
    if isinstance(source, Mapping):
        _no_revision(revision, "a dict")
        name = source.get("_name_or_path") or source.get("model_type")
        return Source("dict", name if isinstance(name, str) else "config", config=dict(source))
    if not isinstance(source, str | os.PathLike):
        raise SourceError(
            f"a model source is a path, a Hub id or a dict, not {type(source).__name__}: give one of those."
        )
    text = source.strip() if isinstance(source, str) else os.fspath(source)
    if not isinstance(text, str):
        raise SourceError("a path of bytes is not read: give it as text.")
    if not text or "\0" in text:
        raise SourceError(
            "the model source is empty or holds a null character: give a folder, a .gguf file or a Hub id."
        )
    path = expanded(text)
    if exists(path):
        _no_revision(revision, "a local path")
        try:
            return _folder(path) if path.is_dir() else _file(path)
        except OSError as error:
            raise unreadable(path, error) from error
    if not reachable(path) and (path.is_absolute() or ".." in path.parts):  # else it may be an alias or a Hub id
        raise SourceError(f"{text[:200]} may not be read here: start the server with the folder that holds it.")
    if isinstance(source, Path):
        raise SourceError(f"{text} does not exist (looked in {Path.cwd()}): check the path.")
    if text in ALIASES:
        return _alias(text, revision, fetch)
    return _hub(text, revision)


def _no_revision(revision: str | None, what: str) -> None:
    if revision is not None:
        raise SourceError(f"{what} has no revision: leave {shown(revision)} out, or give a Hub id.")


def _folder(path: Path) -> Source:
    _require_links_within(path)
    if _holds_adapter(path):
        from ropescope.models.json_file import read_json

        config = read_json(path / ADAPTER_CONFIG)
        return on_base(adapter_of(config, str(path / ADAPTER_CONFIG), name=path.resolve().name, path=path))
    if (path / "config.json").is_file():
        return Source("folder", path.resolve().name, path=path)
    if (only := _only_gguf(path)) is not None:
        return Source("gguf", only.stem, path=only)
    try:
        names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in path.iterdir())
    except OSError as error:
        raise SourceError(f"{path} cannot be listed ({error.strerror or error}): check its permissions.") from error
    listing = few(names, 8)
    hint = "give the folder that holds it"
    if ggufs := [name for name in names if name.lower().endswith(".gguf")]:
        hint = f"give the file itself, as {path / ggufs[0]} (`fit` tells which fits)"
    if told := _told(path, names):
        raise SourceError(f"{path} holds {told} (it has no config.json; its files: {listing}).")
    raise SourceError(f"{path} has no config.json (it holds {listing or 'nothing'}): {hint}.")


def _require_links_within(path: Path) -> None:
    """Raise SourceError where a file of the folder is a link to what may not be read here: what loads weights follows links."""
    try:
        out = next((entry for entry in path.iterdir() if entry.is_symlink() and not reachable(entry)), None)
    except OSError:  # told where it is listed
        return
    if out is not None:
        raise SourceError(f"{out} is a link to a file that may not be read here: put the file itself in its place.")


def _told(path: Path, names: list[str]) -> str:
    """What a folder without a config holds; "" where its names do not tell, or it is for GGUF models to be chosen from."""
    from ropescope.models.gguf_names import choices
    from ropescope.models.json_file import read_json
    from ropescope.models.other_files import what_it_is

    if choices(names):
        return ""
    return what_it_is(names, lambda name: read_json(path / name) if (path / name).is_file() else None)


def _only_gguf(path: Path) -> Path | None:
    """The one GGUF model of a folder; None where there is none, or a choice."""
    from ropescope.models.gguf_names import choices

    found = choices(entry.name for entry in path.glob("*.gguf"))
    return path / found[0].first if len(found) == 1 else None


def _holds_adapter(path: Path) -> bool:
    """Whether a folder is an adapter's. Raises SourceError where it holds a whole model, too: which one is meant is not told."""
    if not exists(path / ADAPTER_CONFIG) or not (path / ADAPTER_CONFIG).is_file():
        return False
    if (path / "config.json").is_file() and any(name.name != ADAPTER_WEIGHTS for name in path.glob("*.safetensors")):
        raise SourceError(
            f"{path} holds a whole model and an adapter ({ADAPTER_CONFIG}): move the adapter's files to a folder of their own."
        )
    return True


def on_base(adapter: Adapter) -> Source:
    """The source of the model that `adapter` was trained on, with the adapter. Raises SourceError where it cannot be had."""
    beside = None if adapter.path is None else adapter.path / adapter.base
    local = beside is not None and not exists(expanded(adapter.base)) and exists(beside)
    named = beside if local and beside is not None else adapter.base
    revision = adapter.base_revision if not exists(expanded(adapter.base)) and not local else None
    try:
        # An adapter is told before it is followed: it may name itself.
        base = None if _holds_adapter(expanded(str(named))) else resolve(named, revision=revision)
    except SourceError as error:
        raise SourceError(f"The base of the adapter {adapter.name} cannot be had: {error}") from error
    if base is None or base.adapter is not None:
        raise SourceError(
            f"The base of the adapter {adapter.name} is an adapter itself ({adapter.base}): merge that one first."
        )
    note = f"{adapter.name} is an adapter ({adapter.kind}) of {base.name}, whose files are read; loading merges its weights in."
    return replace(base, name=adapter.name, adapter=adapter, notes=(*base.notes, note))


def _file(path: Path) -> Source:
    if not path.is_file():  # opening a pipe would wait for a writer, and a device has no end
        raise SourceError(f"{path} is no regular file: give a folder or a file of weights.")
    if path.name == "config.json" or path.name.endswith(".safetensors.index.json"):
        return _folder(path.parent)
    if path.suffix == ".safetensors":
        if not (path.parent / "config.json").is_file():
            raise SourceError(
                f"{path} holds weights alone, which do not say how they are used: put the model's config.json beside it."
            )
        return Source("folder", path.parent.resolve().name, path=path.parent, file=path.name)
    with path.open("rb") as file:
        magic = file.read(4)
    if not magic:
        raise FormatError(f"{path} is empty: give a folder or a file of weights.")
    if magic == b"GGUF":
        return Source("gguf", path.stem, path=path)
    from ropescope.models.other_files import what_it_is

    if path.suffix.lower() != ".gguf" and (told := what_it_is([path.name], lambda _: None)):
        raise SourceError(f"{path} holds {told}.")
    if path.suffix.lower() == ".gguf":
        raise FormatError(f"{path} does not start with 'GGUF': it is no GGUF file, or its download was cut short.")
    raise SourceError(
        f"{path} is no safetensors or GGUF file: for other weights give the folder that holds config.json beside them."
    )


def _alias(alias: str, revision: str | None, fetch: bool) -> Source:
    from ropescope.models.embedded import embedded_model_path
    from ropescope.models.hub_errors import HubNotAsked

    if revision is not None:
        return _hub(ALIASES[alias], revision)
    try:
        return Source("gguf", alias, path=embedded_model_path(fetch=fetch))
    except SourceError as embedded_error:
        try:
            found = _hub(ALIASES[alias], None)
        except HubNotAsked:
            raise
        except SourceError:
            raise embedded_error from None
        note = f"{alias} was read from the Hub as {ALIASES[alias]}, since {embedded_error}"
        return Source("hub", alias, repo_id=found.repo_id, revision=found.revision, notes=(*found.notes, note))


def _hub(text: str, revision: str | None) -> Source:
    repo_id, file, suffix = _parts(text)
    at = suffix is not None
    if at and revision is not None and suffix != revision:
        raise SourceError(f"{text} names one revision and {revision!r} is another: give one of them.")
    revision = suffix if revision is None else revision
    looks_like_file = repo_id.lower().endswith(_FILE_ENDINGS)
    if looks_like_file or ("/" in repo_id and not _is_repo_id(repo_id)) or (file and not _is_path(file)):
        raise SourceError(
            f"{text} does not exist (looked in {Path.cwd()}), and it cannot be a Hub id, which looks like org/name: "
            "check the path."
        )
    if "/" not in repo_id:
        close = nearest(text, ALIASES)
        suggestion = f"did you mean {close[0]}? Otherwise give" if close else "give"
        raise SourceError(
            f"{shown(text)} is no alias ({', '.join(ALIASES)}) and no folder of that name exists: {suggestion} "
            "a Hub id, as org/name, or a folder that exists."
        )
    if revision is not None and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise SourceError(f"{revision!r} is no revision: give a branch, a tag or a commit hash.")
    from ropescope.models.hub import pin

    if file is None:
        commit, notes = pin(repo_id, revision)
        return Source("hub", repo_id, repo_id=repo_id, revision=commit, notes=notes)
    try:
        commit, notes = pin(repo_id, revision)
    except SourceError as error:
        error.args = (f"{text} is no file here (looked in {Path.cwd()}), and as one on the Hub: {error}",)
        raise
    return Source("hub", f"{repo_id}/{file}", repo_id=repo_id, revision=commit, file=file, notes=notes)


def _parts(text: str) -> tuple[str, str | None, str | None]:
    """(repository, GGUF file in it, revision) of `org/name`, `org/name@revision` and `org/name[@revision]/path.gguf`."""
    repo_id, at, revision = text.partition("@")
    if not text.lower().endswith(".gguf") or text.count("/") < 2:
        return repo_id, None, revision if at else None
    if not at:
        org, name, file = text.split("/", 2)
        return f"{org}/{name}", file, None
    # The one kind of revision with slashes is a reference: refs/pr/1, refs/convert/parquet.
    depth = 3 if revision.startswith("refs/") else 1
    pieces = revision.split("/")
    return repo_id, "/".join(pieces[depth:]) or None, "/".join(pieces[:depth])


def _is_path(file: str) -> bool:
    """Whether `file` can name a file inside a repository and nothing else."""
    return file.isprintable() and "\\" not in file and not set(file.split("/")) & {"", ".", ".."}


def _is_repo_id(text: str) -> bool:
    return _REPO_ID.fullmatch(text) is not None and "--" not in text and ".." not in text and not text.endswith(".git")
