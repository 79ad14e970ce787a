"""A profile that lies beside the weights it was measured on, in a folder or on the Hub, and whether it is still theirs.

A profile whose weights or config have changed yields no number: the hash of the weights decides, not a date.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ropescope.errors import SourceError
from ropescope.models.hub import fetch_file
from ropescope.models.hub_files import HubFiles
from ropescope.models.hub_writing import remote_repository
from ropescope.models.model import Model
from ropescope.models.source import Source
from ropescope.models.weight_hashes import folder_sha256, weights_sha256

if TYPE_CHECKING:
    from ropescope.measure.profile import DecayProfile

NAME: Final = "ropescope.parquet"
"""The name by which a profile is found beside weights."""

CONTROL: Final = "ropescope.control.parquet"


@dataclass(frozen=True)
class Beside:
    """A profile beside weights. `stale` says why it is not theirs, "" if it is; `unchecked` why that is not known."""

    path: Path
    profile: DecayProfile
    stale: str = ""
    unchecked: str = ""

    @property
    def about(self) -> str:
        """What it is, in words: how and when it was measured."""
        made, protocol = self.profile.provenance, self.profile.protocol
        when = f", {made['date']}" if made.get("date") else ""
        return (
            f"{NAME} beside the weights: measured at fixed length {protocol.length:,}, {self.profile.n_prompts:,} prompts, "
            f"{made.get('corpus', 'unknown text')}{when}"
        )


def has_profile(source: Source) -> bool:
    """Whether a profile lies beside the weights of `source`: one look at a folder, or at a listing that is known already."""
    if source.adapter is not None or source.file is not None:
        return False
    if source.kind == "folder" and source.path is not None:
        return (source.path / NAME).is_file()
    if source.kind == "hub" and source.repo_id is not None and source.revision is not None:
        return NAME in HubFiles(source.repo_id, source.revision).names()
    return False


def profile_beside(model: Model, *, most_bytes: int | None = None) -> Beside | None:
    """The profile beside the weights of `model`, and whether it is theirs; None where there is none.

    With `most_bytes`, weights of which more would have to be read are left unchecked. Raises FormatError for a file of this name
    that is no profile, SourceError where one on the Hub cannot be fetched.
    """
    from ropescope.measure.profile import DecayProfile

    source = model.source
    if not has_profile(source):
        return None
    if source.path is not None:
        path = source.path / NAME
    else:
        assert source.repo_id is not None and source.revision is not None
        path = fetch_file(source.repo_id, source.revision, NAME)
        if CONTROL in HubFiles(source.repo_id, source.revision).names():  # which is read with it where it lies
            fetch_file(source.repo_id, source.revision, CONTROL)
    profile = DecayProfile.load(path)
    if stale := _other_config(profile, model):
        return Beside(path, profile, stale=stale)
    if profile.provenance.get("random_init"):
        return Beside(path, profile, stale="it was measured on random weights")
    try:
        same = _same_weights(profile, source, most_bytes)
    except SourceError as error:
        return Beside(path, profile, unchecked=str(error))
    if same is None:
        return Beside(path, profile, unchecked="the weights were not hashed")
    return Beside(path, profile, stale="" if same else "its weights are others: they have another SHA-256")


def theirs(found: Beside) -> Beside:
    """`found`, if it is known to belong to the weights that it lies beside. Raises SourceError else."""
    if found.stale:
        raise SourceError(
            f"{found.path.name} beside the weights belongs to another model ({found.stale}): measure these with `out` naming "
            "their folder, or remove it."
        )
    if found.unchecked:
        raise SourceError(
            f"Whether {found.path.name} belongs to the weights that it lies beside cannot be checked ({found.unchecked}): give "
            "the path of the profile itself, if you know."
        )
    return found


def _other_config(profile: DecayProfile, model: Model) -> str:
    """The first fact of the config that is another than when the profile was measured; "" if none is."""
    made: Any = profile.provenance
    facts: list[tuple[str, Any, Any]] = [
        ("model type", made.get("model_type"), model.model_type),
        ("context length", made.get("context_length"), model.context_length),
        ("RoPE bases", list(made.get("rope_thetas", model.rope_thetas)), list(model.rope_thetas)),
    ]
    layers = {layer.index: layer for layer in model.attention_layers}
    if {layer.index for layer in profile.layers} - layers.keys():
        return f"it has attention layers {', '.join(str(one.index) for one in profile.layers)}"
    for measured in profile.layers:
        layer = layers[measured.index]
        facts += [
            (f"heads of layer {measured.index}", measured.n_heads, layer.n_heads),
            (f"window of layer {measured.index}", measured.window_tokens, layer.window_tokens),
        ]
    scaled = made.get("rope_scaling")
    if scaled is not None:
        facts.append(("RoPE scaling", scaled, rope_scaling(model)))
    for what, there, here in facts:
        if there is not None and there != here:
            return f"its {what}: {there}, and {here} in these files"
    return ""


def rope_scaling(model: Model) -> list[dict[str, Any]]:
    """The different RoPE scalings of a model's layers, as JSON holds them."""
    found: list[dict[str, Any]] = []
    for layer in model.layers:
        scaling = dict(layer.rope.scaling) if layer.rope is not None and layer.rope.scaling else {}
        plain = json.loads(json.dumps(scaling, default=str))
        if plain not in found:
            found.append(plain)
    return found


def _same_weights(profile: DecayProfile, source: Source, most_bytes: int | None) -> bool | None:
    """Whether the weights are those that were measured; None where they were not hashed. Raises SourceError."""
    named = str(profile.provenance.get("weights", ""))
    if named == source.revision:
        return True
    here = (
        folder_sha256(source.path, most_bytes=most_bytes)
        if source.path is not None
        else _on_hub(str(source.repo_id), str(source.revision))
    )
    if here is None:
        return None
    if len(named) == 64:  # the hash of a folder
        return named == here
    repo_id = (profile.provenance.get("source") or {}).get("repo_id")
    if repo_id is None or len(named) != 40:
        raise SourceError(f"the profile names its weights in another way ({named[:40]!r})")
    return _on_hub(str(repo_id), named) == here


def _on_hub(repo_id: str, commit: str) -> str:
    """The hash of the safetensors files of a Hub repository, from its listing."""
    there = remote_repository(repo_id, commit, repo_type="model")
    if there is None:
        raise SourceError(f"the Hub shows no {repo_id}, on which it was measured")
    digests = {
        name: file.sha256 for name, file in there.files.items() if name.endswith(".safetensors") and "/" not in name
    }
    known = {name: digest for name, digest in digests.items() if digest is not None}
    if not known or len(known) < len(digests):
        raise SourceError(f"the Hub gives no SHA-256 of the weights of {repo_id}")
    return weights_sha256(known)
