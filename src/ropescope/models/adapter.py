"""A PEFT adapter: a folder or a Hub repository of small weights that are added to those of the model they were trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ropescope.errors import FormatError, SourceError

CONFIG: Final = "adapter_config.json"
WEIGHTS: Final = "adapter_model.safetensors"

_ADDS_TOKENS: Final = frozenset(
    {"PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "MULTITASK_PROMPT_TUNING", "ADAPTION_PROMPT", "CPT", "CARTRIDGE"}
)
_UNREAD: Final = {
    "megatron_config": "its layers are another library's",
    "layer_replication": "it makes a network with other layers than its base has",
}
"""Fields that change more than weights, and why an adapter that states them is refused."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """What is added to a base. `kind` is its `peft_type`, such as LORA; `path` is set for a folder, `repo_id` and `revision` (a
    commit) for one on the Hub. `base` is how its config names the model it was trained on, `base_revision` at which revision."""

    name: str
    kind: str
    base: str
    base_revision: str | None = None
    path: Path | None = None
    repo_id: str | None = None
    revision: str | None = None

    @property
    def spelled(self) -> str:
        """How a user names it again."""
        return self.repo_id if self.repo_id is not None else str(self.path)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` reads it back equal."""
        path = None if self.path is None else str(self.path)
        return {name: path if name == "path" else getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Adapter:
        """The Adapter that `to_dict` wrote. Raises TypeError or KeyError for anything else."""
        return cls(**{**data, "path": None if data["path"] is None else Path(data["path"])})


def adapter_of(
    config: Mapping[str, Any],
    where: str,
    *,
    name: str,
    path: Path | None = None,
    repo_id: str | None = None,
    revision: str | None = None,
) -> Adapter:
    """The Adapter that an adapter_config.json describes; `where` is how errors call the file. Raises FormatError for what is no
    adapter's config, SourceError for an adapter that cannot be read here, by the field."""
    kind, base = config.get("peft_type"), config.get("base_model_name_or_path")
    if not isinstance(kind, str) or not kind.isidentifier():
        raise FormatError(f"{where}: peft_type is {kind!r}, not a word such as LORA: save the adapter again.")
    if not isinstance(base, str) or not base.strip() or not base.isprintable():
        raise FormatError(
            f"{where}: base_model_name_or_path is {base!r}: state the folder or the Hub id of the model it was trained on."
        )
    if kind in _ADDS_TOKENS:
        raise SourceError(f"{where}: {kind} adds tokens before the text instead of weights, which is not read here.")
    for field, why in _UNREAD.items():
        if config.get(field):
            raise SourceError(f"{where}: {field} is not read here: {why}.")
    task = config.get("task_type")
    if task not in (None, "CAUSAL_LM"):
        raise SourceError(f"{where}: task_type is {task!r}: only adapters of causal language models are read.")
    base_revision = config.get("revision")
    return Adapter(
        name, kind, base.strip(), base_revision if isinstance(base_revision, str) else None, path, repo_id, revision
    )
