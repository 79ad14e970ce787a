"""The LoRA configs of a script against the modules of the base: what they match, and what of them cannot be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ropescope.checks.finetuning.code.faults import ARGUMENTS, NEAR, Fault, Open
from ropescope.checks.finetuning.code.flow import Config
from ropescope.checks.finetuning.code.script import UNKNOWN
from ropescope.checks.finetuning.matching import ALL_LINEAR, DEFAULTS, Targets, targeted
from ropescope.checks.finetuning.modules import Modules
from ropescope.questions.names import nearest

Matcher = Callable[[Targets], tuple[str, ...]]
"""Targets → the names of the modules that peft puts LoRA on."""


@dataclass(frozen=True, slots=True)
class Matched:
    """What one config matches: `layers` of the linear layers of the base, and the modules of other kinds."""

    line: int
    targets: str | tuple[str, ...]
    layers: int
    others: tuple[str, ...]
    faults: tuple[Fault, ...]


def arguments(config: Config) -> list[Fault]:
    """What is wrong with the arguments of a config, whatever the base."""
    found: list[Fault] = []
    for name, value in config.arguments.items() if config.checked else ():
        if name not in ARGUMENTS:
            near = NEAR.get(name) or "".join(nearest(name, ARGUMENTS))
            hint = f" ({near}?)" if near else ""
            found.append(Fault(config.line, "unknown-argument", f"LoraConfig has no argument `{name[:60]}`{hint}"))
        elif name == "inference_mode" and value is True:
            found.append(Fault(config.line, "inference-mode", "the config has inference_mode=True"))
    return found


def targets_of(config: Config, model_type: str) -> Targets | Open:
    """The modules that a config names, or what of it is computed."""
    given = config.arguments
    modules = given.get("target_modules", UNKNOWN if config.others else None)
    if modules is None and not given.get("target_parameters"):
        if not config.checked:
            return Open(config.line, "target_modules, which Unsloth chooses")
        modules = list(DEFAULTS.get(model_type, ())) or UNKNOWN
    for name in ("target_modules", "exclude_modules", "modules_to_save", "layers_to_transform", "layers_pattern"):
        if given.get(name) is UNKNOWN:
            return Open(config.line, name)
    if modules is UNKNOWN or (isinstance(modules, list) and not all(isinstance(one, str) for one in modules)):
        return Open(config.line, "target_modules")
    return Targets(
        modules if isinstance(modules, str) else tuple(modules or ()),
        exclude if isinstance(exclude := given.get("exclude_modules"), str) else _words(exclude),
        _words(given.get("modules_to_save")),
        tuple(one for one in _listed(given.get("layers_to_transform")) if isinstance(one, int)),
        _words(given.get("layers_pattern")),
    )


def matched(config: Config, targets: Targets, modules: Modules, match: Matcher | None = None) -> Matched:
    """What `targets` match in the base. Raises FormatError for a pattern that is not matched here."""
    names = (match or (lambda one: targeted(one, modules)))(targets)
    held = modules.containers
    layers = sum(1 for name in names if name in modules.linear)
    others = tuple(name for name in names if name not in modules.linear)
    faults = []
    if not names and targets.modules:
        found = f"{_said(targets)} matches 0 of {len(modules.linear)} linear layers"
        faults.append(Fault(config.line, "no-match", found))
    elif refused := [name for name in others if name in held]:
        faults.append(
            Fault(config.line, "not-a-layer", f"target_modules matches {refused[0]}, which holds other modules")
        )
    elif isinstance(targets.modules, tuple):
        whole = [*modules.shapes, *held]
        faults += [
            Fault(config.line, "part-unmatched", f"{one[:60]} matches no module of the base")
            for one in targets.modules
            if not any(name == one or name.endswith(f".{one}") for name in whole)
        ]
    return Matched(config.line, targets.modules, layers, others, tuple(faults))


def trains_embeddings(config: Config) -> bool | None:
    """Whether a config trains rows of the embeddings; None where that is computed."""
    given = config.arguments
    named = [
        given.get(name, UNKNOWN if config.others else None) for name in ("modules_to_save", "trainable_token_indices")
    ]
    targets = given.get("target_modules")
    words = [*_words(named[0]), *_words(targets)]
    if named[1] not in (None, UNKNOWN) or any(_is_embedding(word) for word in words):
        return True
    return None if UNKNOWN in named or targets is UNKNOWN else False


def trains_head(config: Config) -> bool | None:
    """Whether a config trains a new classification head; None where that is computed."""
    given: Mapping[str, Any] = config.arguments
    values = [given.get(name, UNKNOWN if config.others else None) for name in ("task_type", "modules_to_save")]
    if values[0] in ("SEQ_CLS", "TOKEN_CLS") or any(word in ("score", "classifier") for word in _words(values[1])):
        return True
    return None if UNKNOWN in values else False


def _said(targets: Targets) -> str:
    if isinstance(targets.modules, str):
        return targets.modules if targets.modules == ALL_LINEAR else f"the pattern {targets.modules[:60]}"
    return ", ".join(targets.modules)[:80]


def _is_embedding(word: str) -> bool:
    return word.rpartition(".")[2] in ("embed_tokens", "lm_head", "wte", "embed_in", "word_embeddings", "embeddings")


def _words(value: Any) -> tuple[str, ...]:
    return tuple(one for one in _listed(value) if isinstance(one, str))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None or value is UNKNOWN else [value]
