"""What an adapter_config.json says of a LoRA: ranks and scalings by module, and what it holds beside the pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any, Final

from ropescope.checks.finetuning.matching import Targets, key_of
from ropescope.errors import FormatError

MOST_RANK: Final = 1 << 16
_PLAIN_STARTS: Final = frozenset({"true", "gaussian", "eva", "orthogonal", "mica", "lora_ga"})
"""Ways to start a LoRA that leave the base's weights as they are; the others (PiSSA, OLoRA, …) change them."""


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """A LoRA as its config states it. `modules_to_save` are trained whole; `extras` are the other features that are on, by
    the names of `engine_rules.csv`."""

    base: str
    rank: int
    alpha: float
    targets: Targets
    rank_stabilised: bool
    rank_pattern: Mapping[str, int]
    alpha_pattern: Mapping[str, float]
    modules_to_save: tuple[str, ...]
    extras: tuple[str, ...]

    def rank_of(self, module: str) -> int:
        """The rank on `module`: that of the first pattern that it ends with, else `r`. Raises FormatError."""
        key = key_of(self.rank_pattern, module)
        return self.rank if key is None else self.rank_pattern[key]

    def scaling_of(self, module: str) -> float:
        """What peft multiplies the product of a pair with: α/r, or α/√r where it is rank-stabilised."""
        key, rank = key_of(self.alpha_pattern, module), self.rank_of(module)
        alpha = self.alpha if key is None else self.alpha_pattern[key]
        return alpha / (sqrt(rank) if self.rank_stabilised else rank)

    @property
    def ranks(self) -> tuple[int, ...]:
        """Every rank that it states, largest first."""
        return tuple(sorted({self.rank, *self.rank_pattern.values()}, reverse=True))


def lora_settings(config: Mapping[str, Any], where: str) -> LoraSettings:
    """The LoRA that `config` states; `where` is how errors call the file. Raises FormatError by field."""
    base, saved = config.get("base_model_name_or_path"), _words(config, "modules_to_save", where)
    layers = config.get("layers_to_transform")
    ranks, alphas = (_object(config, name, where) for name in ("rank_pattern", "alpha_pattern"))
    return LoraSettings(
        base=base.strip() if isinstance(base, str) else "",
        rank=_rank(config.get("r", 8), f"{where}: r"),
        alpha=_number(config.get("lora_alpha", 8), f"{where}: lora_alpha"),
        targets=Targets(
            _pattern_or_words(config, "target_modules", where),
            _pattern_or_words(config, "exclude_modules", where),
            saved,
            tuple(one for one in (layers if isinstance(layers, list) else [layers]) if isinstance(one, int)),
            _words({"layers_pattern": _listed(config.get("layers_pattern"))}, "layers_pattern", where),
        ),
        rank_stabilised=config.get("use_rslora") is True,
        rank_pattern={key: _rank(value, f"{where}: rank_pattern.{key[:60]}") for key, value in ranks},
        alpha_pattern={key: _number(value, f"{where}: alpha_pattern.{key[:60]}") for key, value in alphas},
        modules_to_save=saved,
        extras=tuple(_extras(config)),
    )


def _extras(config: Mapping[str, Any]) -> list[str]:
    """The features that are on, beside those that a LoraSettings names itself."""
    found = []
    start = config.get("init_lora_weights")
    if isinstance(start, str) and start.lower() not in _PLAIN_STARTS:
        found.append("changed-base")
    if config.get("bias") in ("all", "lora_only"):
        found.append("bias")
    on = {
        "use_dora": "dora",
        "lora_bias": "lora-bias",
        "alora_invocation_tokens": "activated",
        "layer_replication": "layer-replication",
        "use_qalora": "qalora",
        "use_bdlora": "block-diagonal",
        "trainable_token_indices": "trained-tokens",
        "target_parameters": "target-parameters",
    }
    return [*found, *(name for field, name in on.items() if config.get(field))]


def _rank(value: Any, field: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MOST_RANK:
        raise FormatError(f"{field} is {str(value)[:40]}: a rank is a whole number from 1 to {MOST_RANK:,}.")
    return value


def _number(value: Any, field: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise FormatError(f"{field} is {str(value)[:40]}: it must be a number of 0 or more.")
    return float(value)


def _words(config: Mapping[str, Any], field: str, where: str) -> tuple[str, ...]:
    value = config.get(field)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise FormatError(f"{where}: {field} is no list of names: save the adapter again.")
    return tuple(value)


def _pattern_or_words(config: Mapping[str, Any], field: str, where: str) -> str | tuple[str, ...]:
    value = config.get(field)
    return value if isinstance(value, str) else _words(config, field, where)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _object(config: Mapping[str, Any], field: str, where: str) -> list[tuple[str, Any]]:
    value = config.get(field) or {}
    if not isinstance(value, dict):
        raise FormatError(f"{where}: {field} is no object of names and numbers: save the adapter again.")
    return list(value.items())
