"""Fields of a config that name a width or a type of the weights and play no part in a count of its parameters."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from ropescope.models.config import experts
from ropescope.models.config.fields import ALIASES, Fields, text_part
from ropescope.models.counts.mlps import EXPERT_WIDTHS, WIDTHS

_WIDTH: Final = re.compile(
    r"(?:^|_)(?:size|dims?|rank|width|dtype|bits|ratio|multiplier|multiple_of)$|(?:^|_)(?:hidden|intermediate|latent|ffn|inner|mlp_dim)(?:_|$)"
    r"|^d_|^(?:n|num)_\w*experts?$"
)
_OF_NO_WEIGHT: Final = re.compile(
    # what is seen, held or computed at a time
    r"image|patch|vision|visual|video|audio|speech|temporal|spatial|chunk|window|block_size|batch|buffer|cache|kernel"
    r"|(?:^|_)(?:ep|tp|pp|world|group|beam|pool|pooling|stride|sample|tile|crop|vocab)_size$|compression_ratio|rope|rotary|mrope"
    # types of arithmetic and of states
    r"|^(?:torch_)?dtype$|(?:router|ssm|state|norm|softmax|logits?|autocast|reduce|compute|gate|residual)_dtype$"
    # choices among experts, multipliers of activations, dropout, output of intermediate results
    r"|per_tok|topk|active|embedding_multiplier|residual_multiplier|attention_multiplier|logits?_multiplier|output_hidden"
    r"|dropout|_act$|activation|projection_class|max_|position|classifier|loss|jitter|beta_dims?|^hidden_function|_norm$|_layers?$"
    # heads of other tasks, tokens
    r"|summary|decoder_start|num_labels|mask_ratio|token|keep_ratio|mixup|label"
)
_READ: Final = frozenset(
    {name for names in ALIASES.items() for name in (names[0], *names[1])}
    | {
        *WIDTHS,
        *EXPERT_WIDTHS,
        *experts.TOTAL,
        *experts.SHARED,
        "attention_hidden_size",
        "block_ff_dim",
        "qk_nope_head_dim",
        "qk_rope_head_dim",
        "qk_head_dim",
        "v_head_dim",
        "kv_lora_rank",
        "q_lora_rank",
        "index_head_dim",
        "lru_width",
        "conv_L_cache",
        "d_inner",
        "block_dim",
        "conv_dim",
        "head_dim",
        "global_head_dim",
        "num_global_key_value_heads",
        "swa_head_dim",
        "swa_v_head_dim",
    }
)
"""Fields that the reading of a config asks for wherever they bear."""


def uncounted(config: Mapping[str, Any], asked: Collection[str]) -> tuple[str, ...]:
    """The fields of a config's language model, by their path, that name a width or a type of weights and are not among
    those `asked` for by the count, nor known for its model type."""
    part, model_type, path = text_part(config)
    family = Fields(part, model_type, path).family
    stated = "quantization_config" in part or "quantization_config" in config
    known = {
        *asked,
        *_READ,
        *(("expert_dtype",) if stated else ()),
        *family.get("defaults", {}),
        *family.get("names", {}).values(),
    }
    return tuple(
        f"{path}{name}"
        for name, value in sorted(part.items())
        if _says_something(value) and name not in known and _WIDTH.search(name) and not _OF_NO_WEIGHT.search(name)
    )


def _says_something(value: object) -> bool:
    if isinstance(value, Mapping):
        return False  # a part with a model of its own, or arguments of no width
    return value not in (None, "", 0, False, [], ())
