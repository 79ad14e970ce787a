"""Which fields of a config bear on what a Model says, and which were left unread."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ropescope.models.config_fields import TEXT_FIELDS, Fields

_NO_BEARING: Final = re.compile(
    r"dropout|pdrop|layerdrop|eps$|epsilon|_token_id$|_token_index$|_index$|init|summary|hidden_act$|activation|loss|jitter"
    r"|^use_cache|return_dict|^output_|chunk_size_feed_forward|multiplier$|softcap|problem_type|label|classifier"
    r"|transformers_version|architectures|torch_dtype|^dtype$|^_|^auto_map|pretraining_tp|scoring_func"
    r"|topk_method|norm_topk_prob|routed_scaling_factor|router_scaling_factor|aux_|_coef$|time_step_(?!rank)|time_limit"
    r"|use_mamba|kernels$|^(?:chunkwise|sequence|step)_kernel$|legacy|seed|hidden_scale|logit_scale|logits_scaling|residual_in_fp32|rescale"
    r"|^is_decoder$|^is_encoder|query_pre_attn_scalar|attention_softmax|upcast|temperature|^model_type$|^id2|pruned"
    r"|cross_attention_hidden|^finetuning_task|^prefix$|bad_words|decoder_start|forced_|beam|top_[kp]$|length_penalty"
    r"|repetition_penalty|sampl|^use_mem_eff|max_num_|aggregation|autocast|^mode$|autocast_kernel_dtype"
)
_COUNTS_ONLY: Final = re.compile(
    r"intermediate|bias|^tie_|ffn|mlp|expert|moe|norm|router|gating|n_group$|topk_group|nextn|mtp|dt_rank"
    r"|^quantization_config$|^compression_config$"
)


def no_bearing(name: str) -> bool:
    """Whether a field of a config says nothing of layers, positions, cache, parameters or precision: rates of dropout,
    epsilons, ids of tokens, initialisation, how training or generation was set."""
    return _NO_BEARING.search(name) is not None


def unread(config: Mapping[str, Any], fields: Fields) -> tuple[str, ...]:
    """The fields of `config` that were not asked for and may have a bearing, by their path, in order of name.

    Nulls say nothing and are left out, and so are fields that only the number of parameters hangs on (widths of the
    MLP, biases, …): the weight files tell that number.
    """
    asked, path = fields.config.asked, fields.path
    names = {name: path for name, value in fields.config.items() if value is not None and name not in asked}
    if path:
        outer = {name for name, value in config.items() if value is not None} - set(TEXT_FIELDS)
        names = {name: where for name, where in names.items() if name not in outer}
        names |= dict.fromkeys(outer - asked, "")
    left = (name for name in names if not no_bearing(name) and _COUNTS_ONLY.search(name) is None)
    return tuple(sorted(f"{names[name]}{name}" for name in left))
