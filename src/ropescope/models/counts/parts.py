"""Which part of a network a tensor belongs to, by its name: those of transformers, of its older files, and of GGUF."""

from __future__ import annotations

import functools
import re
from typing import Final

_PATTERNS: Final[tuple[tuple[str, str], ...]] = (
    # Towers beside the language model, and what joins them to it.
    (
        "vision",
        r"(?:^|[._])(?:vision|visual|vis|image|img|audio|speech|video|projector|aligner|connector|qformer|resampler"
        r"|perceiver|merger|vqmodel|talker|token2wav|code2wav)(?:[._#]|$)|^(?:v|a|mm)\."
        r"|multi_modal|high_res|query_tokens|language_projection|view_separator|embed_tokens_extend|mm_projector"
        r"|(?:^|\.)generation_|(?:^|\.)dit\.|action_",
    ),
    ("prediction", r"(?:^|[._])mtp(?:[._#]|$)|\.nextn\."),
    # DBRX calls its attention norm_attn_norm.attn.
    ("norm", r"(?<!norm_attn_)[Nn]orm(?!_attn_norm\.attn)|(?:^|[._])ln(?:[._#]|$)"),
    ("other", r"altup|laurel"),
    (
        "output",
        r"(?:^|[._])lm_(?:head|loss)|embed_out|output_layer|pred_layer|cls\.predictions|unembed"
        r"|^(?:model\.)?(?:output|head|score|classifier|decoder|cls|cls\.output|dense_#)\.(?:weight|bias)$"
        r"|transformer\.ff_out\.",
    ),
    ("embedding", r"embed|embd|(?:^|\.)(?:wte|wpe|shared)\.|token_types|^transformer\.w\.|map_inputs_layer"),
    # A small gate decides how much of a shared expert is taken; like a router's, its output is a weight.
    (
        "router",
        r"(?:^|\.)router(?:[._]|$)|(?:mlp|moe|mixer|ffn|feed_forward)\.gate(?:\.|$)|shared_experts?_gate"
        r"|ffn_gate_inp|exp_probs_b|(?:^|[._])expert_bias|moe_statics|e_score_correction",
    ),
    ("mlp", r"shared_(?:expert|mlp|head)|shexp|(?:^|[._])mlps?\.shared"),
    ("mlp", r"_latent_proj|routed_expert_(?:up|down)_proj"),
    (
        "experts",
        r"(?:^|[._])experts?(?:\.|$)|_(?:ch)?exps(?:\.|$)|(?:^|\.)(?:mlp|block_sparse_moe)\.(?:input|output)_linear",
    ),
    # Nemotron-H and RecurrentGemma name whatever a layer holds alike.
    ("attention", r"(?:mixer|temporal_block)\.(?:[qkvo]|qkv)_proj"),
    ("mlp", r"mixer\.(?:up|down|gate)_proj"),
    (
        "mixer",
        r"mamba|(?:^|[._])ssm|linear_attn|(?:^|\.)mixer\.|temporal_block|mlstm|shortconv|#\.(?:conv\.|time_mix_)",
    ),
    ("other", r"_hc\.|hc_head|per_layer_|#\.(?:proj|inp_gate)\.|residual"),
    (
        "mlp",
        r"(?:^|[._])(?:mlps?|ffns?|ff|DenseReluDense|feed_?forward|channel_mix|fc#|intermediate|w#)(?:[._#]|$)|dense_#?h_to",
    ),
    (
        "attention",
        r"att|(?:^|[._])(?:[qkvor]|kv|qkv|key|value|query)(?:[._]|$)|query_key_value|[Ww]_?qkv|W_pack|indexer",
    ),
    ("mlp", r"#\.output\.dense|dense_#|(?:gate|up|down)_proj"),
)
"""(part, pattern) in the order in which they are tried on a name whose numbers are written as #."""

_COMPILED: Final = tuple((part, re.compile(pattern)) for part, pattern in _PATTERNS)
_DIGITS: Final = re.compile(r"\d+")
_LAYER: Final = re.compile(r"(?:^|\.)(?:layers|h|blocks?|blk|layer|attentions|ffns)\.(\d+)(?:\.|$)")


def part_of(name: str) -> str:
    """The part of the network that a tensor's name speaks of: a key of `Parameters.parts`."""
    return _part(_DIGITS.sub("#", name))


@functools.lru_cache(maxsize=4096)
def _part(pattern: str) -> str:
    return next((part for part, compiled in _COMPILED if compiled.search(pattern)), "other")


def layer_of(name: str) -> int | None:
    """The number of the layer that a tensor's name speaks of; None outside the layers."""
    found = _LAYER.search(name)
    return None if found is None or len(found[1]) > 6 else int(found[1])
