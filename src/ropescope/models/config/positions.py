"""How order enters a model at all: by RoPE, a bias, learned or fixed positions, or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ropescope.models.config.fields import Fields
from ropescope.models.config.rope_fields import FIXED_THETA, LOCAL_THETA_NAMES, THETA_NAMES

POSITIONS: Final[Mapping[str, str]] = {
    "bloom": "alibi",
    "gpt2": "learned",
    "gpt_neo": "learned",
    "gpt_bigcode": "learned",
    "opt": "learned",
    "openai-gpt": "learned",
    "biogpt": "learned",
    "bert": "learned",
    "roberta": "learned",
    "xlm-roberta": "learned",
    "electra": "learned",
    "albert": "learned",
    "camembert": "learned",
    "distilbert": "learned",
    "ernie": "learned",
    "ctrl": "sinusoidal",
    "xglm": "sinusoidal",
    "xlnet": "relative",
    "deberta": "relative",
    "deberta-v2": "relative",
    "jamba": "none",
    "nemotron_h": "none",
    "zamba": "none",
    "kimi_linear": "none",
    "mamba": "none",
    "mamba2": "none",
    "falcon_mamba": "none",
    "rwkv": "none",
    "xlstm": "none",
}

_NAMES_THAT_PROVE_ROPE: Final = (
    *THETA_NAMES,
    *LOCAL_THETA_NAMES,
    "rope_parameters",
    "rope_scaling",
    "rotary_dim",
    "rotary_pct",
    "qk_rope_head_dim",
    "partial_rotary_factor",
)


def positions_of(fields: Fields) -> str:
    """How order enters: "rope", "alibi", "learned", "sinusoidal", "relative", "none", or "unknown"."""
    config, model_type = fields.config, fields.model_type
    alibi = fields.flag("alibi")
    if model_type == "mpt" and fields.flag("rope"):
        return "rope"
    if alibi is not None and model_type in ("falcon", "mpt", ""):
        return "alibi" if alibi else {"mpt": "learned"}.get(model_type, "rope")
    if model_type == "mpt":
        return "alibi"  # MPT's own default
    if alibi:
        return "alibi"
    if model_type == "granitemoehybrid":
        return "rope" if fields.value("position_embedding_type") == "rope" else "none"
    if model_type == "esm":
        return "rope" if config.get("position_embedding_type") == "rotary" else "learned"
    if (latent := fields.latent_head_dims()) is not None and latent[0] == 0:
        return "none"
    if model_type == "zamba2":
        return "rope" if fields.flag("use_mem_rope") else "none"
    if model_type in POSITIONS:
        return POSITIONS[model_type]
    if fields.family.get("rope_parameters") or model_type in FIXED_THETA:
        return "rope"
    if any(config.get(name) is not None for name in _NAMES_THAT_PROVE_ROPE):
        return "rope"
    kind = config.get("position_embedding_type")
    words = {"absolute": "learned", "learned": "learned", "alibi": "alibi", "rope": "rope", "rotary": "rope"}
    return words.get(kind, "unknown") if isinstance(kind, str) else "unknown"
