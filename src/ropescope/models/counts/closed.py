"""Which configs the sum over the layers counts exactly, so that no network need be built to count them.

Proven against the networks that transformers 5.23 builds: each type at its own shapes and at shapes that differ wherever
two could be mistaken for one another, with each field of its config changed in turn (tests/models/counts/test_closed.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ropescope.models.config.fields import ALIASES, SAME_NETWORK, families, text_part
from ropescope.models.counts.estimate import estimate
from ropescope.models.counts.vision import EXACT, exact_tower
from ropescope.models.model import Model
from ropescope.models.parameters import Parameters

CLOSED: Final = frozenset(
    """
    afmoe apertus arcee aria_text bamba bert bert-generation biogpt bitnet bloom camembert codegen cohere cohere2
    cohere2_moe ctrl cwm data2vec-text deberta-v2 deepseek_v2 deepseek_v3 deepseek_v32 diffllama dots1 ernie ernie4_5
    ernie4_5_moe eurobert exaone4 exaone_moe falcon falcon_h1 falcon_mamba flex_olmo gemma gemma2 gemma3_text
    gemma3n_text glm glm4 glm4_moe glm4_moe_lite glm_moe_dsa gpt2 gpt_bigcode gpt_neo gpt_neox gpt_neox_japanese
    gpt_oss gptj granite granite_swa granitemoe granitemoe_swa granitemoehybrid granitemoeshared hunyuan_v1_dense
    hy_v3 hyperclovax ibert internlm3 iquestcoder jais2 jamba kimi_linear laguna lfm2 lfm2_moe llama llama4_text mamba
    mamba2 mellum minicpm3 minimax minimax_m2 ministral ministral3 mistral mistral4 mixtral modernbert-decoder mpt
    nanochat nemotron nemotron_h olmo olmo2 olmo3 olmo_hybrid olmoe openai-gpt opt persimmon phi phi3 phimoe qwen2
    qwen2_moe qwen3 qwen3_5_moe_text qwen3_5_text qwen3_moe qwen3_next recurrent_gemma roberta roberta-prelayernorm
    rwkv seed_oss smollm3 solar_open stablelm starcoder2 vaultgemma xglm xlm-roberta xlstm youtu
    """.split()
)
"""Model types whose sum is the network's, within `_ONLY`."""


_TIED: Final = {"tie_word_embeddings": True}
_NO_MLP_BIAS: Final = {"mlp_bias": False}
_NO_BIAS: Final = {"attention_bias": False}
_OWN_KEYS: Final = {"num_key_value_heads": "num_attention_heads"}
_DECODER: Final = {"add_cross_attention": False}
_ENCODERS: Final = (
    "bert",
    "bert-generation",
    "camembert",
    "data2vec-text",
    "ibert",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
)

_ONLY: Final[Mapping[str, Mapping[str, object]]] = {
    **dict.fromkeys(_ENCODERS, _TIED),
    **dict.fromkeys(("aria_text", "deepseek_v2", "eurobert", "hy_v3", "minicpm3"), _NO_MLP_BIAS),
    **dict.fromkeys(("qwen3_next", "qwen3_5_text", "qwen3_5_moe_text", "solar_open"), _NO_BIAS),
    **dict.fromkeys(("biogpt", "gpt_neox", "persimmon"), _OWN_KEYS),
    **dict.fromkeys(("gpt2", "gpt_bigcode", "xglm"), _DECODER),
    "deberta-v2": {**_TIED, "position_biased_input": True, "relative_attention": False},
    "ernie": {**_TIED, "use_task_id": False},
    "ernie4_5_moe": {"use_bias": False},
    "falcon": {"num_ln_in_parallel_attn": None},
    "falcon_h1": {"mamba_proj_bias": False, "projectors_bias": False},
    "kimi_linear": {"tie_word_embeddings": False},
    "laguna": {"gating": True},
    "lfm2_moe": {"use_expert_bias": True},
    "modernbert-decoder": {
        "classifier_bias": False,
        "decoder_bias": True,
        "norm_bias": False,
        "num_key_value_heads": "num_attention_heads",
    },
    "mpt": {"expansion_ratio": 4},
    "nemotron_h": {
        "attention_bias": False,
        "mamba_proj_bias": False,
        "mlp_bias": False,
        "moe_latent_size": None,
        "use_bias": False,
        "tie_word_embeddings": False,
    },
    "opt": {"_remove_final_layer_norm": False, "do_layer_norm_before": True, "layer_norm_elementwise_affine": True},
    "xlstm": {
        "embedding_dim": "hidden_size",
        "num_blocks": "num_hidden_layers",
        "tie_word_embeddings": False,
        "use_bias": False,
    },
}
"""Model type → field → the value at which alone the sum is proven; the name of another field stands for its value."""

_OWN: Final = frozenset(
    {
        "attn_config",
        "compression_config",
        "ffn_config",
        "generation_config",
        "linear_attn_config",
        "quantization_config",
    }
)
"""Objects in a config that are no network of their own."""

_IN_NO_NETWORK: Final = frozenset({"model_max_length"})
"""Names that no network of transformers reads: Command R states another length beside its own."""

_OWN_AND_PARTS: Final = _OWN | {"text_config", "vision_config"}

_IN_COMPOSITES: Final = frozenset({"qwen2_5_vl_text", "qwen3_vl_text", "qwen3_vl_moe_text"})
"""Model types that are built with an output layer only as the language model of a composite."""

_HEADS: Final = ("ForCausalLM", "LMHeadModel", "ForMaskedLM", "ForConditionalGeneration")
"""How the names of classes with a language head end; others have another head, or none."""


def closed_count(model: Model) -> Parameters:
    """The parameters of `model`, whose config `is_closed`; `count` is "closed". Raises FormatError for fields that cannot
    be."""
    counted = estimate(model)
    told = f"config; the closed form, which equals the network in transformers {families()['transformers']}"
    return replace(counted, count="closed", source=f"{told}{counted.source.removeprefix('config')}")


def is_closed(config: Mapping[str, Any]) -> bool:
    """Whether the sum over the layers is proven for `config` (the dict of config.json)."""
    part, model_type, path = text_part(config)
    composite = bool(path) or config.get("model_type") in EXACT
    if composite:
        # Some describe their language model at the top (Qwen2.5-VL).
        if path not in ("text_config.", "") or not _is_closed_composite(config, part, model_type):
            return False
    elif _stated_type(config) != model_type or model_type not in CLOSED:
        return False
    named = config.get("architectures")
    if isinstance(named, list) and any(not str(name).endswith(_HEADS) for name in named):
        return False
    if any(
        isinstance(value, Mapping) and name.endswith("_config") and name not in (_OWN_AND_PARTS if composite else _OWN)
        for name, value in config.items()
    ):
        return False
    return _one_name_a_fact(part, model_type) and _as_proven(part, model_type)


def _stated_type(config: Mapping[str, Any]) -> object:
    stated = config.get("model_type")
    return SAME_NETWORK.get(stated, stated) if isinstance(stated, str) else stated


def _is_closed_composite(config: Mapping[str, Any], part: Mapping[str, Any], model_type: str) -> bool:
    width = part.get("hidden_size")
    in_part = model_type in CLOSED or model_type in _IN_COMPOSITES
    return in_part and isinstance(width, int) and exact_tower(config, width) is not None


def _one_name_a_fact(part: Mapping[str, Any], model_type: str) -> bool:
    """Whether no fact is stated twice, under two names and with two values."""
    own = families()["families"].get(model_type, {}).get("names", {})
    for name, aliases in ALIASES.items():
        names = {name, own.get(name), *aliases} - _IN_NO_NETWORK
        stated = {repr(part[alias]) for alias in names if part.get(alias) is not None}
        if len(stated) > 1:
            return False
    return True


def _as_proven(part: Mapping[str, Any], model_type: str) -> bool:
    for field, proven in _ONLY.get(model_type, {}).items():
        wanted = part.get(proven) if isinstance(proven, str) else proven
        if field in part and part[field] != wanted:
            return False
    return True
