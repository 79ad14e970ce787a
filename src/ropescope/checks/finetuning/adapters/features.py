"""The features of an adapter that engines have rules for, by the names of `engine_rules.csv`."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

from ropescope.checks.finetuning.adapters.config import LoraSettings
from ropescope.checks.finetuning.adapters.engines import VLLM_RANKS
from ropescope.checks.finetuning.adapters.pairs import Held
from ropescope.checks.finetuning.modules import Modules
from ropescope.models.counts.parts import part_of


def features_of(
    settings: LoraSettings, found: Held, base: Modules | None, added_tokens: tuple[int, ...], max_lora_rank: int
) -> Mapping[str, Mapping[str, str]]:
    """Feature → what its rules' sentences name, from the config and from what the tensors show."""
    told: dict[str, Mapping[str, str]] = {name: {} for name in (*settings.extras, *found.features)}
    most = max((*settings.ranks, *(pair.rank or 0 for pair in found.pairs.values())))
    allowed = next((rank for rank in VLLM_RANKS if rank >= most), None)
    if allowed is None:
        told["rank-beyond"] = {"rank": f"{most:,}"}
    elif most > max_lora_rank:
        told["rank"] = {"rank": f"{most:,}", "allowed": f"{allowed}", "limit": f"{max_lora_rank}"}
    if settings.rank_stabilised and settings.rank > 1:
        alone = not settings.rank_pattern and not settings.alpha_pattern
        same = f"set lora_alpha to {settings.alpha * sqrt(settings.rank):.6g} and use_rslora to false in a copy for it"
        told["rank-stabilised"] = {
            "scaling": f"{settings.alpha / sqrt(settings.rank):.4g}",
            "scaled": f"{settings.alpha / settings.rank:.4g}",
            "mend": same if alone else "merge it into the base and serve that",
        }
    if any(alpha != settings.alpha for alpha in settings.alpha_pattern.values()):
        told["alpha-pattern"] = {}
    if any(rank != settings.rank for rank in settings.rank_pattern.values()):
        told["rank-pattern"] = {}
    if isinstance(settings.targets.modules, str) and settings.targets.modules.lower() != "all-linear":
        told["target-pattern"] = {}
    _whole(told, settings, found, base)
    if base is not None and any(one >= _rows(base.embedding) for one in added_tokens):
        told["added-tokens"] = {}
    outputs = [pair for pair in found.pairs if part_of(f"{pair}.weight") == "output"]
    if outputs and base is not None and not base.output:
        told["tied-output"] = {}
    return told


def _whole(told: dict[str, Mapping[str, str]], settings: LoraSettings, found: Held, base: Modules | None) -> None:
    """What is trained or saved whole: modules_to_save, embeddings of another size, biases."""
    weights = {name: shape for name, shape in found.whole.items() if not name.endswith(".bias")}
    if any(name.endswith(".bias") for name in found.whole) and not settings.modules_to_save:
        told["bias"] = {}
    embeddings = {name: shape for name, shape in weights.items() if part_of(name) in ("embedding", "output")}
    if settings.modules_to_save or weights.keys() - embeddings:
        told["modules-to-save"] = {}
        names = settings.modules_to_save or tuple(weights)
        told["saved-norms" if all("norm" in name for name in names) else "saved-others"] = {}
    if base is None or not embeddings:
        return
    rows, own = next(iter(embeddings.values()))[0], _rows(base.embedding)
    if rows != own:
        told["resized"] = {"rows": f"{rows:,}", "base_rows": f"{own:,}"}
    elif "modules-to-save" not in told:
        told["modules-to-save"] = told["saved-others"] = {}


def _rows(embedding: Mapping[str, Any]) -> int:
    return max((shape[0] for shape in embedding.values()), default=0)
