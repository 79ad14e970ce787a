"""An adapter's files: its config, and what the header of its weights lists. No weight is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ropescope.errors import FormatError, SourceError
from ropescope.local_files import exists, expanded, require_file
from ropescope.models.adapter import CONFIG, WEIGHTS, Adapter
from ropescope.models.model_files import LocalFiles, ModelFiles
from ropescope.models.safetensors.files import read_header
from ropescope.models.safetensors.header import StoredTensor
from ropescope.models.source import Source, on_base, resolve

ADDED_TOKENS: Final = "added_tokens.json"
_PASTED: Final = "config.json"
"""How a config is called that was pasted."""


@dataclass(frozen=True, slots=True)
class AdapterFiles:
    """An adapter as its files describe it. `where` is how errors call its config, `kind` its peft_type; `tensors` is None
    where there is its config alone; `added_tokens` are the ids that added_tokens.json lists."""

    name: str
    where: str
    kind: str
    config: Mapping[str, Any]
    tensors: tuple[StoredTensor, ...] | None
    added_tokens: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    path: Path | None = None
    repo_id: str | None = None

    def base(self) -> Source:
        """The model that its config names, at the revision that it names. Raises SourceError where it cannot be had."""
        named, revision = self.config.get("base_model_name_or_path"), self.config.get("revision")
        if not isinstance(named, str) or not named.strip():
            raise SourceError(f"{self.where} names no base")
        at = revision if isinstance(revision, str) else None
        found = on_base(Adapter(self.name, self.kind, named.strip(), at, self.path, self.repo_id)).base
        name = found.repo_id or (found.path.resolve().name if found.path is not None else found.name)
        return replace(found, name=name, notes=found.notes[:-1])  # on_base names and notes the adapter


def read_adapter(source: str, revision: str | None) -> AdapterFiles:
    """The adapter that `source` names: a folder, a file in it, or a Hub id. Raises SourceError, FormatError."""
    files, name, config_name = _files(source, revision)
    where = files.label(config_name)
    config = files.json(config_name)
    if config is None:
        raise SourceError(f"{files.where} has no {CONFIG}: it is no PEFT adapter; `show` tells what a model is.")
    kind = config.get("peft_type")
    if not isinstance(kind, str) or not kind.isidentifier():
        raise FormatError(
            f"{where}: peft_type is {str(kind)[:40]!r}, not a word such as LORA: it is no adapter's config."
        )
    names = files.names()
    notes: tuple[str, ...] = ()
    tensors = read_header(files, WEIGHTS).tensors if WEIGHTS in names else None
    if tensors is None and "adapter_model.bin" in names:
        notes = ("its weights are pickled (adapter_model.bin), which is never read: save it again as safetensors.",)
    added = files.json(ADDED_TOKENS) if ADDED_TOKENS in names else None
    ids = tuple(one for one in (added or {}).values() if isinstance(one, int) and not isinstance(one, bool))
    path = Path(files.where) if isinstance(files, LocalFiles) else None
    return AdapterFiles(name, where, kind, config, tensors, ids, notes, path, None if path else files.where)


def _files(source: str, revision: str | None) -> tuple[ModelFiles, str, str]:
    """(the files, the adapter's name, the name of its config)."""
    path = expanded(source)
    if exists(path):
        if not path.is_dir():
            require_file(path)
        folder = path if path.is_dir() else path.parent
        config = path.name if path.suffix == ".json" and path.is_file() else CONFIG
        if not (folder / config).is_file() and (folder / _PASTED).is_file():
            config = _PASTED
        return LocalFiles(folder), folder.resolve().name, config
    found = resolve(source, revision=revision, fetch=False)
    if found.repo_id is None or found.revision is None:
        raise SourceError(f"{source} is no adapter: give its folder, its {CONFIG}, or its Hub id.")
    from ropescope.models.hub_files import HubFiles

    return HubFiles(found.repo_id, found.revision), found.name, CONFIG
