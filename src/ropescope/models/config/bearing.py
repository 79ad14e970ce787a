"""Which fields of a config bear on what a Model says, and which were left unread."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ropescope.models.config.fields import ALIASES, TEXT_FIELDS, Fields

_NO_BEARING: Final = re.compile(
    # training and initialisation
    r"dropout|pdrop|layerdrop|initializer|_init(?:_|$)|^init_|initial_|jitter|_loss_|aux_|_coef$|pretraining_tp|label"
    # arithmetic within a layer: norms' epsilons, activations, multipliers, soft caps, routing weights
    r"|eps$|epsilon|hidden_act$|activation|multiplier$|softcap|scoring_func|topk_method|norm_topk_prob|routed_scaling"
    r"|router_scaling|time_step_(?!rank)|time_limit|logit_scale|logits_scaling|residual_in_fp32|rescale"
    r"|query_pre_attn_scalar|attention_softmax|upcast|temperature|rope_interleave|residual_dropout|autocast"
    # ids of tokens
    r"|_token_id$|_token_index$|^(?:bos|eos|pad|unk|mask)_index$"
    # generation and other tasks
    r"|^use_cache$|^return_dict|^output_(?:attentions|hidden|router)|chunk_size_feed_forward|problem_type|classifier|summary"
    r"|^is_decoder$|^is_encoder|cross_attention_hidden|^finetuning_task$|^prefix$|bad_words|decoder_start|forced_"
    r"|^num_beam|^top_[kp]$|length_penalty|repetition_penalty|^do_sample$|aggregation|pruned_heads"
    # how the file was written, and which kernels run it
    r"|^transformers_version$|^architectures$|^torch_dtype$|^dtype$|^_|^auto_map$|^model_type$|^id2|^attn_implementation"
    r"|use_mamba|kernels$|^(?:chunkwise|sequence|step)_kernel$|^use_mem_eff|^mode$|^legacy$|^seed$|^torchscript$"
)
# What bears on the number of parameters alone, which the weight files tell.
_COUNTS_ONLY: Final = re.compile(
    r"intermediate|bias|^tie_|ffn|mlp|expert|moe|norm|router|gating|n_group$|topk_group|nextn|mtp|dt_rank|time_step_rank"
    r"|^quantization_config$|^compression_config$|^n_inner$|^expand|_expand$|embed_proj_dim|adapter|mem_blocks|^block_"
    r"|^(?:vision|audio|speech|vision_tower)_config$|^spatial_merge_size$"  # towers: counted, or said to be left out
    r"|parallel_attn|use_parallel_residual|laurel|altup|per_layer_input|^num_codebooks$|learned_pos_emb|cross_attention$"
)
# What the layout of the layers was made from, or would have been had the file not listed it.
_LAYOUT: Final = frozenset(
    {
        "use_sliding_window",
        "max_window_layers",
        "sliding_window_pattern",
        "sliding_window",
        "no_rope_layer_interval",
        "global_attn_every_n_layers",
        "layer_group_size",
        "prefix_dense_sliding_window_pattern",
        "hybrid_layer_ids",
        "attention_layers",
        "num_hidden_layers",
    }
)
# Arithmetic and speed: it changes what a layer computes, not what it sees or keeps.
_WITHIN: Final = re.compile(
    r"^scale_|_scale$|^swiglu|soft_cap$|chunk_size$|^hc_|_factor$|associative_scan|num_logits_to_keep|lambda_std|mup_"
    r"|multipliers$|^linear_(?:a_log|dt)_|_eigval$|^kda_|^use_attention_gate$|fp32$|^slow_but|keep_window|^dim_model_base$"
    r"|embedding_fraction|^scale_depth$|^vision_feature|^mm_tokens|ssm_cache_dtype|bidirectional|inverse_layer_idx$"
)


def no_bearing(name: str) -> bool:
    """Whether a field of a config says nothing of layers, positions, cache, parameters or precision: rates of dropout,
    epsilons, ids of tokens, initialisation, how training or generation was set."""
    return _NO_BEARING.search(name) is not None


def unread(config: Mapping[str, Any], fields: Fields) -> tuple[str, ...]:
    """The fields of `config` that were not asked for and may have a bearing, by their path, in order of name.

    Nulls say nothing and are left out; so are other names of a fact that was found, and fields that only the number of
    parameters hangs on (widths of the MLP, biases, …), since the weight files tell that number.
    """
    asked, path = frozenset(fields.config.asked), fields.path  # as it stands before this very question
    asked |= {alias for name in fields.found for alias in (name, *ALIASES.get(name, ()))}
    if fields.latent_head_dims() is not None:
        asked |= {"head_dim", "qk_head_dim", "num_key_value_heads"}
    names = {name: path for name, value in fields.config.items() if value is not None and name not in asked}
    if path:
        outer = {name for name, value in config.items() if value is not None} - set(TEXT_FIELDS)
        names = {name: where for name, where in names.items() if name not in outer}
        names |= dict.fromkeys(outer - asked, "")
    return tuple(sorted(f"{where}{name}" for name, where in names.items() if not _explained(name)))


def _explained(name: str) -> bool:
    return name in _LAYOUT or any(rule.search(name) for rule in (_NO_BEARING, _COUNTS_ONLY, _WITHIN))
