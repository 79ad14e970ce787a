"""Whether a profile was measured on the weights that a source names now: by their SHA-256, from files or from the Hub's listing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ropescope.errors import SourceError
from ropescope.models.adapter import CONFIG, WEIGHTS, Adapter
from ropescope.models.gguf_names import parts_of
from ropescope.models.hub import fetch_file
from ropescope.models.hub_writing import RemoteRepository, remote_repository
from ropescope.models.source import Source
from ropescope.models.weight_hashes import adapter_sha256, folder_sha256, gguf_sha256, weights_sha256

if TYPE_CHECKING:
    from ropescope.measure.profile import DecayProfile

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_COMMIT: Final = re.compile(r"([0-9a-f]{40})(?:/(.+))?")
"""A commit of a Hub repository, and the file in it that was chosen."""


def other_weights(profile: DecayProfile, source: Source, most_bytes: int | None) -> str | None:
    """Why the weights of `source` are not those of `profile`; "" where they are, None where more than `most_bytes` would have
    to be read. Raises SourceError where it cannot be told."""
    made = profile.provenance
    there: Mapping[str, Any] = made.get("source") or {}
    named, added, adapter = str(made.get("weights", "")).partition(" + ")
    if source.adapter is None:
        if added:
            return "it was measured with an adapter on these weights"
        same = _same(named, there.get("repo_id"), source, most_bytes)
        return None if same is None else "" if same else "its weights are others: they have another SHA-256"
    if not added:
        return "it was measured without the adapter"
    if not _same_adapter(adapter, there.get("adapter"), source.adapter):
        return "its adapter is another: weights or config have another SHA-256"
    same = _same(named, there.get("repo_id"), source.base, most_bytes)
    return None if same is None else "" if same else "its base has other weights: they have another SHA-256"


def _same(named: str, repo_id: str | None, source: Source, most_bytes: int | None) -> bool | None:
    """Whether weights that a profile calls `named`, of `repo_id` if they were on the Hub, are those of `source`."""
    if source.revision is not None and named == "/".join(filter(None, (source.revision, source.file))):
        return True
    here = _sha256(source, most_bytes)
    if here is None:
        return None
    if _HASH.fullmatch(named):
        return named == here
    commit = _COMMIT.fullmatch(named)
    if repo_id is None or commit is None:
        raise SourceError(f"the profile names its weights in another way ({named[:40]!r})")
    return _on_hub(str(repo_id), commit[1], commit[2]) == here


def _sha256(source: Source, most_bytes: int | None) -> str | None:
    if source.path is None:
        return _on_hub(str(source.repo_id), str(source.revision), source.file)
    if source.kind == "gguf":
        return gguf_sha256(source.path, most_bytes=most_bytes)
    return folder_sha256(source.path, most_bytes=most_bytes)


def _on_hub(repo_id: str, commit: str, file: str | None) -> str:
    """The hash of a GGUF file of a Hub repository, or else of its safetensors files, from its listing."""
    there = _listed(repo_id, commit)
    if file is not None:
        parts = [_digest(there, name) for name in parts_of(file)]
        names = [name.rpartition("/")[2] for name in parts_of(file)]
        return parts[0] if len(parts) == 1 else weights_sha256(dict(zip(names, parts, strict=True)))
    names = [name for name in there.files if name.endswith(".safetensors") and "/" not in name]
    if not names:
        raise _unknown(repo_id)
    return weights_sha256({name: _digest(there, name) for name in names})


def _same_adapter(named: str, repo_id: str | None, adapter: Adapter) -> bool:
    """Whether an adapter that a profile calls `named`, of `repo_id` if it was on the Hub, is `adapter`."""
    if named == adapter.revision:
        return True
    if adapter.path is not None:
        here = adapter_sha256(adapter.path)
    else:
        here = _adapter_on_hub(str(adapter.repo_id), str(adapter.revision))
    if _HASH.fullmatch(named):
        return named == here
    commit = _COMMIT.fullmatch(named)
    if repo_id is None or commit is None:
        raise SourceError(f"the profile names its adapter in another way ({named[:40]!r})")
    return _adapter_on_hub(str(repo_id), commit[1]) == here


def _adapter_on_hub(repo_id: str, commit: str) -> str:
    """The hash of an adapter on the Hub: of its small config, which is fetched, and of its weights from the listing."""
    weights = _digest(_listed(repo_id, commit), WEIGHTS)
    config = hashlib.sha256(fetch_file(repo_id, commit, CONFIG).read_bytes()).digest()
    return hashlib.sha256(config + bytes.fromhex(weights)).hexdigest()


def _listed(repo_id: str, commit: str) -> RemoteRepository:
    there = remote_repository(repo_id, commit, repo_type="model")
    if there is None:
        raise SourceError(f"the Hub shows no {repo_id}, on which it was measured")
    return there


def _digest(there: RemoteRepository, name: str) -> str:
    file = there.files.get(name)
    if file is None or file.sha256 is None:
        raise _unknown(there.repo_id)
    return file.sha256


def _unknown(repo_id: str) -> SourceError:
    return SourceError(f"the Hub gives no SHA-256 of the weights of {repo_id}")
