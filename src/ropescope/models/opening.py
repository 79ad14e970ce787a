"""`open`: from any source to a Model. Only the files that describe the model are read or fetched, never its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ropescope.errors import FormatError, SourceError
from ropescope.models.config import from_config
from ropescope.models.gguf_files import missing_parts, parts_of, read_parts
from ropescope.models.gguf_model import from_gguf
from ropescope.models.json_file import read_json
from ropescope.models.model import Model
from ropescope.models.model_files import LocalBeginning, LocalFiles, ModelFiles, OutsideError
from ropescope.models.source import Source, resolve


def open(
    source: str | Path | Mapping[str, Any] | Source, revision: str | None = None, *, weights: bool = True
) -> Model:
    """The Model of a folder, a .gguf file, a Hub id (`org/name`, `org/name@revision`), a dict or the alias `smollm2`.

    `weights=False` leaves the headers of the weight files unread. From the Hub only `config.json` is fetched, at a
    pinned commit. Raises SourceError where the source cannot be had,
    FormatError (naming field and value) where what it holds cannot be.
    """
    found = source if isinstance(source, Source) else resolve(source, revision=revision)
    if found.kind == "gguf" and found.path is not None:
        return _local_gguf(found, found.path)
    if found.kind == "folder" and found.path is not None:
        model = _read(read_json(found.path / "config.json"), found, str(found.path / "config.json"))
        return with_facts(model, LocalFiles(found.path), weights=weights)
    if found.kind == "hub" and found.repo_id is not None and found.revision is not None:
        return _read(read_json(config_file(found)), found, f"config.json of {found.repo_id}")
    if found.kind == "dict" and found.config is not None:
        return from_config(found.config, source=found)
    raise SourceError(f"the source {found.name!r} lacks what a {found.kind} needs: resolve it again.")


def _local_gguf(source: Source, path: Path) -> Model:
    names = parts_of(path.name)
    if missing := [name for name in names if not (path.parent / name).is_file()]:
        raise missing_parts(str(path), missing, len(names))
    header, *others = read_parts(
        names, lambda name: LocalBeginning(path.parent / name), lambda name: str(path.parent / name)
    )
    return from_gguf(header, source=source, name=source.name if source.name != path.stem else None, parts=others)


def with_facts(model: Model, files: ModelFiles, *, weights: bool) -> Model:
    """`model`, read from its config alone, with what its other files say."""
    from ropescope.models.quantization import quantization_config, quantization_of, stated_dtype

    quantised = quantization_config(model.config, files.json("hf_quant_config.json"))
    model = replace(model, dtype=stated_dtype(model.config), quantization=quantization_of(quantised))
    if weights:
        from ropescope.models.safetensors_files import stored_weights
        from ropescope.models.weight_count import count_weights

        try:
            stored, notes = stored_weights(files, model.source.file)
        except OutsideError as error:
            stored, notes = None, (f"no parameters were counted: {error}",)
        if stored is None:
            return replace(model, notes=(*model.notes, *notes))
        parameters, held, notes = count_weights(model, stored, quantised)
        model = replace(model, parameters=parameters, weights=held, notes=(*model.notes, *notes))
    return model


def config_file(source: Source) -> Path:
    """The local path of the `config.json` of a Hub source, fetched unless cached. Raises SourceError."""
    from ropescope.models.hub import HubFileMissing, fetch_file

    assert source.repo_id is not None and source.revision is not None
    try:
        return fetch_file(source.repo_id, source.revision, "config.json")
    except HubFileMissing as error:
        raise SourceError(
            f"{source.repo_id} has no config.json: it may hold other formats only; download its .gguf file and "
            "give that."
        ) from error


def _read(config: Mapping[str, Any], source: Source, where: str) -> Model:
    try:
        return from_config(config, source=source)
    except FormatError as error:
        raise FormatError(f"{where}: {error}") from error
