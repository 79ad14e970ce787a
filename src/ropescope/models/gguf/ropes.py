"""How order enters the layers of a GGUF model: rotary bases and their scaling, by the keys and llama.cpp's own rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ropescope.errors import FormatError
from ropescope.models.config.fields import short
from ropescope.models.gguf.keys import Keys
from ropescope.models.model import Rope
from ropescope.theory.rope_scaling import attention_factor

DEFAULT_THETA: Final = 10000.0
"""llama.cpp's `rope_freq_base` when the file has none."""

LEARNED: Final = frozenset({"gpt2", "starcoder", "bert", "roberta"})
ALIBI: Final = frozenset({"bloom", "mpt", "refact", "jina-bert-v2"})
NO_POSITIONS: Final = frozenset({"jamba", "kimi-linear", "nemotron_h", "nemotron_h_moe"})
# The converter tells by this key whether these turn their heads at all.
SWITCHED: Final = frozenset({"granite", "granitemoe", "granitehybrid"})
# llama.cpp's own bases for the sliding layers, which the files of these do not carry.
LOCAL_THETA: Final[Mapping[str, float]] = {"gemma3": 10000.0, "gemma3n": 10000.0, "gemma-embedding": 10000.0}
# Scaling stretches the full layers only.
SCALES_FULL_ONLY: Final = frozenset({*LOCAL_THETA, "olmo2"})


def positions_of(keys: Keys) -> str:
    """How order enters: "rope", "alibi", "learned" or "none"."""
    # Of Baichuan only the model of 40 layers has ALiBi; llama.cpp knows it by that number, too.
    if keys.architecture == "baichuan" and keys.get("block_count") == 40:
        return "alibi"
    if keys.architecture in ALIBI or keys.get("attention.max_alibi_bias"):
        return "alibi"
    if keys.architecture in LEARNED:
        return "learned"
    if keys.architecture in SWITCHED and not keys.flag("rope.scaling.finetuned", True):
        return "none"
    return "none" if keys.architecture in NO_POSITIONS else "rope"


def rope_of(keys: Keys, head_dim: int, slides: bool) -> Rope:
    """The Rope of a layer with heads of `head_dim`. Raises FormatError naming the key for what cannot be."""
    theta = keys.number("rope.freq_base_swa") if slides else None
    if slides and theta is None and (theta := LOCAL_THETA.get(keys.architecture)) is not None:
        keys.assumed["rope.theta (sliding)"] = f"not in the file; llama.cpp takes {theta:g} for {keys.architecture}"
    if theta is None and (theta := keys.number("rope.freq_base")) is None:
        theta = DEFAULT_THETA
        keys.assumed["rope.theta"] = f"{keys.name('rope.freq_base')} is not in the file; llama.cpp takes {theta:g}"
    key = "rope.dimension_count_swa" if slides and keys.get("rope.dimension_count_swa") else "rope.dimension_count"
    turned = keys.integer(key, 1 << 20)
    if turned is not None and turned > head_dim:
        raise FormatError(f"{keys.name(key)} is {turned}, more than a head's {head_dim} dimensions: convert it again.")
    scaling = None if slides and keys.architecture in SCALES_FULL_ONLY else _scaling(keys)
    return Rope(theta, scaling, 1.0 if turned is None else turned / head_dim)


def _scaling(keys: Keys) -> Mapping[str, Any] | None:
    kind = keys.get("rope.scaling.type")
    if kind is not None and not isinstance(kind, str):
        raise FormatError(f"{keys.name('rope.scaling.type')} is {short(kind)}: it must be a word.")
    factor = keys.number("rope.scaling.factor")
    if kind in (None, "none") and factor is None:
        # llama.cpp turns llama3 scaling into a tensor of factors and writes no key for it.
        return None
    scaling: dict[str, Any] = {"rope_type": kind or "linear"}
    if factor is not None:
        scaling["factor"] = factor
    if (original := keys.integer("rope.scaling.original_context_length")) is not None:
        scaling["original_max_position_embeddings"] = original
    for name in ("beta_fast", "beta_slow"):
        if kind == "yarn" and (turns := keys.number(f"rope.scaling.yarn_{name}")) is not None:
            scaling[name] = turns
    if kind == "yarn":
        scaling |= _yarn_scales(keys, factor)
    return scaling


def _yarn_scales(keys: Keys, factor: float | None) -> dict[str, float]:
    """YaRN's attention factor as llama.cpp has it (`llama_context`): by `yarn_log_multiplier` where the file has one, else
    0.1 ln s + 1; times `attn_factor`. Raises FormatError for a mix of its two kinds of positions, which nothing here has."""
    mix = keys.number("rope.scaling.yarn_ext_factor")
    if mix is not None and mix != 1.0:
        raise FormatError(
            f"{keys.name('rope.scaling.yarn_ext_factor')} is {mix:g}: only 1, YaRN as published, is read. Convert it again."
        )
    scales: dict[str, float] = {}
    if keys.get("rope.scaling.yarn_log_multiplier") and (multiplier := keys.number("rope.scaling.yarn_log_multiplier")):
        # Files of DeepSeek-V2 hold a tenth of it, and llama.cpp takes both scales as one there.
        latent = keys.architecture == "deepseek2"
        both = multiplier * 10.0 if latent else multiplier
        scales = {"mscale": both if latent else 1.0, "mscale_all_dim": both}
    times = keys.number("rope.scaling.attn_factor")
    if times is not None and times != 1.0:
        rule = attention_factor(
            "yarn", factor or 1.0, mscale=scales.get("mscale", 0.0), mscale_all_dim=scales.get("mscale_all_dim", 0.0)
        )
        scales["attention_factor"] = rule * times
    return scales
