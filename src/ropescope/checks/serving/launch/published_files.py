"""GGUF files that are there already: the one that `--gguf` names, or another mix in the same repository. What is counted
is then that file itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.weights.files import RUN_GGUF, exists, is_gguf_model
from ropescope.checks.serving.weights.precisions import STORED, is_gguf, read_precision
from ropescope.errors import DomainError
from ropescope.models.model import Model

DEFAULT_MIX: Final = "Q4_K_M"
"""The mix that llama.cpp and Ollama take from a repository where none is named."""


def of_gguf(serving: Serving, gguf: str) -> tuple[Serving, str | None]:
    """(`serving` with the GGUF model that `gguf` names, None). Where the Hub cannot be asked, (`serving` in the mix that
    stands after the colon, what to name in the command).

    Raises DomainError for what is neither a file nor a repository, for an engine that runs no GGUF and for a file of
    another model; SourceError and FormatError as `models.open`.
    """
    require_runs_gguf(serving.engine.name)
    from ropescope.models.hub_errors import HubUnreachable
    from ropescope.models.opening import open as open_model

    if gguf.lower().endswith(".gguf") or exists(gguf):
        return _with(serving, open_model(Path(gguf) if exists(gguf) else gguf)), None
    repo, _, mix = gguf.partition(":")
    try:
        from ropescope.models.gguf_names import choices, with_mix
        from ropescope.models.hub_files import HubFiles
        from ropescope.models.source import resolve

        source = resolve(repo)
        if source.repo_id is None or source.revision is None:
            raise DomainError(f"`gguf` {gguf!r} is no .gguf file and no Hub repository such as org/name:Q4_K_M.")
        held = choices(HubFiles(source.repo_id, source.revision).names())
        found = with_mix(held, mix or DEFAULT_MIX) or (held[0] if held and not mix else None)
        if found is None:
            there = ", ".join(choice.mix or choice.first for choice in held) or "no GGUF model"
            raise DomainError(f"{repo} holds no {mix or 'GGUF model'}: it has {there}.")
        return _with(serving, open_model(replace(source, file=found.first))), None
    except HubUnreachable:
        precision = read_precision(mix or DEFAULT_MIX)
        return replace(serving, precision=precision), f"{repo}:{mix or DEFAULT_MIX}"


def require_runs_gguf(engine: str) -> None:
    """Raise DomainError for an engine that is not launched from a GGUF file."""
    if engine not in RUN_GGUF:
        raise DomainError(f"{engine} is not launched from GGUF here: `gguf` is for llama.cpp and Ollama.")


def _with(serving: Serving, model: Model) -> Serving:
    """`serving` with the weights of `model`, which must be the same network."""
    asked = serving.model
    if not is_gguf_model(model):
        raise DomainError(f"{model.name} is no GGUF model: `gguf` takes a .gguf file or a repository of such files.")
    if len(model.layers) != len(asked.layers) or (asked.hidden_size or model.hidden_size) != model.hidden_size:
        raise DomainError(
            f"`gguf` names another model ({model.name}: {len(model.layers)} layers of {model.hidden_size}) than "
            f"{asked.name} ({len(asked.layers)} layers of {asked.hidden_size}): name a file of the same one."
        )
    return replace(serving, model=model)


def published(serving: Serving) -> Serving:
    """`serving` with the file of its GGUF repository that has the mix asked for; as it is where there is none."""
    source, held = serving.model.source, serving.held_precision
    if held == STORED or not is_gguf(held) or not is_gguf_model(serving.model):
        return serving
    if source.repo_id is None or source.revision is None or source.file is None:
        return serving
    from ropescope.models.gguf_names import choices, with_mix
    from ropescope.models.hub_files import HubFiles
    from ropescope.models.opening import open as open_model

    found = with_mix(choices(HubFiles(source.repo_id, source.revision).names()), held)
    if found is None:
        return serving
    named = replace(source, name=f"{source.repo_id}/{found.first}", file=found.first)
    return replace(serving, model=open_model(named), precision=STORED)
