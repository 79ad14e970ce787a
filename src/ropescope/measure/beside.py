"""A profile that lies beside the weights it was measured on, in a folder or on the Hub, and whether it is still theirs.

A folder of weights or of an adapter has one, `ropescope.parquet`. A GGUF file has its own, which is called as the file is, since
a folder may hold several. A profile whose weights or config have changed yields no number: the hash of the weights decides.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ropescope.errors import SourceError
from ropescope.local_files import exists, expanded
from ropescope.measure.same_weights import other_weights
from ropescope.models.adapter import CONFIG as ADAPTER_CONFIG
from ropescope.models.gguf_names import choices, parts_of
from ropescope.models.hub import fetch_file
from ropescope.models.hub_files import HubFiles
from ropescope.models.model import Model
from ropescope.models.source import Source, resolve

if TYPE_CHECKING:
    from ropescope.measure.profile import DecayProfile

NAME: Final = "ropescope.parquet"
"""The name by which a profile is found beside the weights of a folder."""


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
            f"{self.path.name} beside the weights: measured at fixed length {protocol.length:,}, "
            f"{self.profile.n_prompts:,} prompts, {made.get('corpus', 'unknown text')}{when}"
        )


def name_beside(source: Source) -> str | None:
    """What the profile beside the weights of `source` is called, within their folder or repository; None where none has a place."""
    if source.adapter is not None:
        return NAME
    if source.kind == "gguf" and source.path is not None:
        return _of_gguf(source.path.name)
    if source.kind == "hub" and source.file is not None:
        return _of_gguf(source.file)
    return NAME if source.file is None and source.kind in ("folder", "hub") else None


def _of_gguf(file: str) -> str:
    """What the profile of a GGUF file is called: of a split one, by its first part."""
    return f"{parts_of(file)[0][: -len('.gguf')]}.{NAME}"


def name_in_folder(source: str) -> str:
    """What a profile of `source`, as a user writes it, is called where it is kept in a folder. Raises SourceError."""
    if exists(expanded(source)):
        return name_beside(resolve(source)) or NAME
    return _of_gguf(source.rpartition("/")[2]) if source.lower().endswith(".gguf") else NAME


def lies_beside(profile: Path) -> Path | None:
    """The weights that a profile lies beside, as a user names them; None where there are none of its name."""
    if profile.name == NAME:
        folder = profile.parent
        return folder if any((folder / name).is_file() for name in ("config.json", ADAPTER_CONFIG)) else None
    file = profile.with_name(profile.name.removesuffix(f".{NAME}") + ".gguf")
    return file if profile.name.endswith(f".{NAME}") and file.is_file() else None


def ggufs_with_profiles(names: Iterable[str]) -> list[str]:
    """The GGUF models among the files of a folder or repository that a profile lies beside."""
    held = frozenset(names)
    return [choice.first for choice in choices(held) if _of_gguf(choice.first) in held]


def has_profile(source: Source) -> bool:
    """Whether a profile lies beside the weights of `source`: one look at a folder, or at a listing that is known already."""
    name = name_beside(source)
    if name is None:
        return False
    if (folder := _folder(source)) is not None:
        return (folder / name).is_file()
    on_hub = _on_hub(source)
    return on_hub is not None and name in HubFiles(*on_hub).names()


def _folder(source: Source) -> Path | None:
    """Where the profile of a local source lies."""
    if source.adapter is not None:
        return source.adapter.path
    return source.path.parent if source.kind == "gguf" and source.path is not None else source.path


def _on_hub(source: Source) -> tuple[str, str] | None:
    """The repository and commit that hold the profile of a source on the Hub."""
    there = source if source.adapter is None else source.adapter
    return None if there.repo_id is None or there.revision is None else (there.repo_id, there.revision)


def profile_beside(model: Model, *, most_bytes: int | None = None) -> Beside | None:
    """The profile beside the weights of `model`, and whether it is theirs; None where there is none.

    With `most_bytes`, weights of which more would have to be read are left unchecked. Raises FormatError for a file of this name
    that is not a profile, SourceError where one on the Hub cannot be fetched.
    """
    from ropescope.measure.profile import DecayProfile

    source = model.source
    name = name_beside(source)
    if name is None or not has_profile(source):
        return None
    if (folder := _folder(source)) is not None:
        path = folder / name
    else:
        on_hub = _on_hub(source)
        assert on_hub is not None
        path = fetch_file(*on_hub, name)
        control = f"{name.removesuffix('.parquet')}.control.parquet"
        if control in HubFiles(*on_hub).names():  # which is read with it where it lies
            fetch_file(*on_hub, control)
    profile = DecayProfile.load(path)
    if stale := _other_config(profile, model):
        return Beside(path, profile, stale=stale)
    if profile.provenance.get("random_init"):
        return Beside(path, profile, stale="it was measured on random weights")
    try:
        other = other_weights(profile, source, most_bytes)
    except SourceError as error:
        return Beside(path, profile, unchecked=str(error))
    if other is None:
        return Beside(path, profile, unchecked="the weights were not hashed")
    return Beside(path, profile, stale=other)


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
