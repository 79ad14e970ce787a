"""`open`: from any source to a Model. Only the files that describe the model are read or fetched, never its weights.

What one kind of source needs is imported when such a source is opened: a folder does not wait for the GGUF reader.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ropescope.errors import FormatError, MissingExtraError, SourceError
from ropescope.models.adapter import CONFIG as ADAPTER_CONFIG
from ropescope.models.adapter import WEIGHTS as ADAPTER_WEIGHTS
from ropescope.models.adapter import Adapter, adapter_of
from ropescope.models.config.reading import from_config
from ropescope.models.json_file import read_json
from ropescope.models.model import Model
from ropescope.models.model_files import LocalBeginning, LocalFiles, ModelFiles
from ropescope.models.source import Source, on_base, resolve
from ropescope.questions.names import few

MOST_LISTED: Final = 30


def open(
    source: str | Path | Mapping[str, Any] | Source, revision: str | None = None, *, config_only: bool = False
) -> Model:
    """The Model of a source: a folder, a .safetensors or .gguf file, a dict, the alias `smollm2`, or on the Hub
    `org/name`, `org/name@revision` or `org/name/file.gguf`.

    Of weights only the headers are read; from the Hub only they and the small files are fetched, at a pinned commit.
    Where no header tells the number of parameters, they are counted from the config, with torch where it is installed
    (which takes seconds) and by an estimate where not. `config_only` reads the config and nothing beside it. Raises
    SourceError where the source cannot be had, FormatError (naming field and value) where what it holds cannot be.
    """
    found = source if isinstance(source, Source) else resolve(source, revision=revision)
    model = _opened(found, config_only)
    if model.source.adapter is not None and not config_only:
        model = _with_adapter(model, model.source.adapter)
    return model if config_only or model.parameters is not None else _counted(model)


def _opened(found: Source, config_only: bool) -> Model:
    if found.kind == "dict" and found.config is not None:
        return _with_config_facts(from_config(found.config, source=found))
    if found.kind == "gguf" and found.path is not None:
        return _local_gguf(found, found.path)
    if found.kind == "folder" and found.path is not None:
        model = _read(read_json(found.path / "config.json"), found, str(found.path / "config.json"))
        return _with_config_facts(model) if config_only else _with_facts(model, LocalFiles(found.path))
    if found.kind == "hub" and found.repo_id is not None and found.revision is not None:
        return _hub(found, found.repo_id, found.revision, config_only)
    raise SourceError(f"the source {found.name!r} lacks what a {found.kind} needs: resolve it again.")


def _with_adapter(model: Model, adapter: Adapter) -> Model:
    """`model` with the bytes of its adapter; with a note where they are not told."""
    from ropescope.models.safetensors.files import read_header

    files: ModelFiles
    if adapter.path is not None:
        files = LocalFiles(adapter.path)
    else:
        from ropescope.models.hub_files import HubFiles

        assert adapter.repo_id is not None and adapter.revision is not None
        files = HubFiles(adapter.repo_id, adapter.revision)
    if ADAPTER_WEIGHTS not in files.names():
        return replace(
            model, notes=(*model.notes, f"the bytes of the adapter are not counted: it has no {ADAPTER_WEIGHTS}.")
        )
    held = read_header(files, ADAPTER_WEIGHTS).tensors
    return replace(model, adapter_bytes=sum(tensor.n_bytes for tensor in held))


def _counted(model: Model) -> Model:
    """`model` with the parameters that its config tells of; with a note on why where it tells none."""
    if model.source.kind == "gguf" or model.source.file is not None:
        return model  # the tensors of a file that could not be counted are no others than those of the network
    from ropescope.models.counts.parameters import count_parameters
    from ropescope.models.quantized.weights import with_quantised_weights

    try:
        return with_quantised_weights(replace(model, parameters=count_parameters(model)))
    except (FormatError, MissingExtraError) as error:
        return replace(model, notes=(*model.notes, f"no parameters were counted: {error}"))


def _read(config: Mapping[str, Any], source: Source, where: str) -> Model:
    try:
        return from_config(config, source=source)
    except FormatError as error:
        raise FormatError(f"{where}: {error}") from error


def _with_config_facts(model: Model) -> Model:
    from ropescope.models.quantization import quantization_config, quantization_of, stated_dtype

    stated = quantization_config(model.config)
    return replace(model, dtype=stated_dtype(model.config), quantization=quantization_of(stated))


def _with_facts(model: Model, files: ModelFiles) -> Model:
    from ropescope.models.file_facts import with_facts

    return with_facts(model, files)


def _local_gguf(source: Source, path: Path) -> Model:
    from ropescope.models.gguf.files import missing_parts, read_parts
    from ropescope.models.gguf.model import from_gguf
    from ropescope.models.gguf.tied import same_bytes
    from ropescope.models.gguf_names import parts_of

    names = parts_of(path.name)
    if missing := [name for name in names if not (path.parent / name).is_file()]:
        raise missing_parts(str(path), missing, len(names))
    header, *others = read_parts(
        names, lambda name: LocalBeginning(path.parent / name), lambda name: str(path.parent / name)
    )
    with LocalBeginning(path.parent / names[0]) as file:
        same = same_bytes(header, file)
    name = source.name if source.name != path.stem else None
    return from_gguf(header, source=source, name=name, parts=others, same=same)


def _hub(source: Source, repo_id: str, commit: str, config_only: bool) -> Model:
    from ropescope.models.hub_files import HubFiles

    files = HubFiles(repo_id, commit)
    names = files.names()
    if source.file is None and (on := on_hub(source, files)) is not None:
        return _opened(on, config_only)
    if source.file is None and names and "config.json" not in names:
        source = replace(source, file=_only_gguf(repo_id, names, files.json))
    if source.file is not None:
        return _hub_gguf(source, files, source.file)
    config = files.json("config.json")
    if config is None:
        raise SourceError(f"{repo_id} is an empty repository at {commit[:8]}: choose another, or another revision.")
    model = _read(config, source, f"config.json of {repo_id}")
    return _with_config_facts(model) if config_only else _with_facts(model, files)


def on_hub(source: Source, files: ModelFiles) -> Source | None:
    """The base of an adapter on the Hub, with the adapter; None where the repository holds none. Raises SourceError."""
    config = None if "config.json" in files.names() else files.json(ADAPTER_CONFIG)
    if config is None or source.repo_id is None:
        return None
    where = files.label(ADAPTER_CONFIG)
    return on_base(adapter_of(config, where, name=source.name, repo_id=source.repo_id, revision=source.revision))


def _hub_gguf(source: Source, files: ModelFiles, file: str) -> Model:
    from ropescope.models.gguf.files import missing_parts, read_parts
    from ropescope.models.gguf.model import from_gguf
    from ropescope.models.gguf_names import parts_of

    parts, names = parts_of(file), files.names()
    if file not in names:
        held = few(sorted(name for name in names if name.endswith(".gguf")), MOST_LISTED) or "no GGUF file"
        raise SourceError(f"{files.where} has no file {file}: it has {held}.")
    if missing := [name for name in parts if name not in names]:
        raise missing_parts(files.label(file), missing, len(parts))
    header, *others = read_parts(parts, files.beginning, files.label)
    return from_gguf(header, source=source, parts=others)


def _only_gguf(repo_id: str, names: frozenset[str], read: Callable[[str], Mapping[str, Any] | None]) -> str:
    """The one GGUF model of a repository without a config. Raises SourceError where there is none, or a choice."""
    from ropescope.models.gguf_names import choices

    firsts = [choice.first for choice in choices(names)]
    if len(firsts) == 1:
        return firsts[0]
    if not firsts:
        from ropescope.models.other_files import what_it_is

        if told := what_it_is(names, read):
            raise SourceError(f"{repo_id} holds {told} (it has no config.json).")
        raise SourceError(f"{repo_id} has no config.json and no GGUF file: it holds no model that is read here.")
    raise SourceError(
        f"{repo_id} holds {len(firsts)} GGUF models and no config.json: name one, as in {repo_id}/{firsts[0]}; `fit` "
        f"tells which fits. It has {few(firsts, MOST_LISTED)}."
    )
