"""What each model type does in a layer beyond plain shapes: biases, norms, gates, and which fields switch them.

Read in the modelling code of transformers 5.23 and held against the networks it builds (tests/models/test_estimate.py).
A type that is not listed is taken as the default: a Llama with whatever of `attention_bias` and `mlp_bias` it states.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from ropescope.models.config.fields import Fields, whole_numbers

Switch = bool | str
"""Always, never, or as the field of this name says."""

Mixer = Literal["", "mamba", "mamba2", "delta", "kda", "lightning", "convolution", "rg_lru", "rwkv", "mlstm"]


@dataclass(frozen=True, slots=True)
class Design:
    """How a model type builds its layers.

    `norm`: "rms" and "unbiased" have one number a feature, "layer" two, "none" none. `block_norms` is how many of the
    width of the hidden state a layer has. `qk_norm` is "head" (one vector of head_dim for all heads) or "width" (one for
    each). `gate` is that of the attention's output: one number a "head" or an "element". `correction` is a bias of the
    router that balances the experts. `learned_positions` counts rows beyond the context, None without a table.
    `mixer` is what layers without attention hold. `extras` names what estimate.py counts besides.
    """

    qkv_bias: Switch = "attention_bias"
    out_bias: Switch = "attention_bias"
    gated: bool = True
    mlp_bias: Switch = "mlp_bias"
    norm: Literal["rms", "layer", "unbiased", "none"] = "rms"
    block_norms: int = 2
    final_norm: bool = True
    qk_norm: Literal["", "head", "width"] = ""
    qk_norm_if: str = ""
    gate: Literal["", "head", "element"] = ""
    sinks: bool = False
    head_bias: Switch = False
    learned_positions: int | None = None
    expert_bias: bool = False
    router_bias: bool = False
    correction: bool = False
    shared_gate: bool = False
    mixer: Mixer = ""
    mlp: bool = True
    extras: frozenset[str] = frozenset()


def is_on(fields: Fields, switch: Switch) -> bool:
    """What a switch of a Design comes to in a config."""
    return fields.flag(switch) is True if isinstance(switch, str) else switch


def whole(fields: Fields, name: str, otherwise: int = 0) -> int:
    """A whole number, 0 included, `otherwise` where neither file nor family has one. Raises FormatError."""
    value = fields.value(name)
    return otherwise if value is None else whole_numbers([value], fields.where(name), most=1 << 40)[0]


LLAMA: Final = Design()
_BARE: Final = Design(qkv_bias=False, out_bias=False, mlp_bias=False)
_GPT: Final = Design(qkv_bias=True, out_bias=True, gated=False, mlp_bias=True, norm="layer")
_GPT2: Final = replace(_GPT, learned_positions=0)
_QWEN2: Final = replace(_BARE, qkv_bias=True)
_QWEN3: Final = Design(qk_norm="head", mlp_bias=False)
_QWEN_NEXT: Final = replace(_QWEN3, gate="element", mixer="delta", shared_gate=True)
_BALANCED: Final = Design(correction=True, mlp_bias=False)
_GEMMA2: Final = Design(block_norms=4, mlp_bias=False)
_GEMMA3: Final = replace(_GEMMA2, qk_norm="head")
_OLMO2: Final = Design(qk_norm="width", mlp_bias=False)
_COHERE: Final = Design(norm="unbiased", block_norms=1, qk_norm="width", qk_norm_if="use_qk_norm", mlp_bias=False)
_GLM: Final = replace(_BARE, qkv_bias="attention_bias")
_MAMBA: Final = replace(_BARE, mixer="mamba", mlp=False, block_norms=1)
_MAMBA2: Final = replace(_MAMBA, mixer="mamba2")
_MLA: Final = Design(mlp_bias=False)


def _extra(design: Design, *names: str) -> Design:
    return replace(design, extras=design.extras | frozenset(names))


_BERT: Final = replace(_GPT2, final_norm=False, extras=frozenset({"embedding_norm", "token_types", "masked_head"}))


DESIGNS: Final[Mapping[str, Design]] = {
    # grouped queries, a gated MLP, two norms
    **dict.fromkeys(("mistral", "ministral", "ministral3", "mixtral", "phi3"), _BARE),
    **dict.fromkeys(("qwen2", "qwen2_vl_text", "qwen2_5_vl_text", "qwen2_5_omni_text"), _QWEN2),
    "qwen2_moe": replace(_QWEN2, qkv_bias="qkv_bias", shared_gate=True),
    **dict.fromkeys(("qwen3", "qwen3_moe", "qwen3_vl_text", "qwen3_vl_moe_text", "qwen3_omni_moe_text"), _QWEN3),
    **dict.fromkeys(("mellum", "exaone4", "hunyuan_v1_dense", "hunyuan_v1_moe"), _QWEN3),
    **dict.fromkeys(("exaone_moe", "dots1", "hy_v3"), replace(_QWEN3, correction=True)),
    "afmoe": replace(_QWEN3, gate="element", correction=True, block_norms=4),
    "laguna": replace(_QWEN3, gate="head", correction=True),
    "seed_oss": Design(out_bias="attention_out_bias"),
    "internlm3": Design(qkv_bias="qkv_bias", out_bias="bias", mlp_bias="bias"),
    **dict.fromkeys(("glm", "helium"), _GLM),
    "glm4": replace(_GLM, block_norms=4),
    "glm4_moe": replace(_GLM, qk_norm="head", qk_norm_if="use_qk_norm", correction=True),
    "glm4v_moe_text": replace(_GLM, correction=True),
    "solar_open": _BALANCED,
    "minimax_m2": replace(_OLMO2, qkv_bias=False, out_bias=False, correction=True),
    "ernie4_5": Design("use_bias", "use_bias", mlp_bias="use_bias"),
    "ernie4_5_moe": Design("use_bias", "use_bias", mlp_bias="use_bias", correction=True),
    "gpt_oss": replace(LLAMA, sinks=True, expert_bias=True, router_bias=True),
    **dict.fromkeys(("granite_swa", "granitemoe_swa"), replace(LLAMA, sinks=True)),
    "phimoe": Design(norm="layer", head_bias="lm_head_bias"),
    "llama4_text": Design(mlp_bias=False),
    "mllama_text_model": _extra(Design(mlp_bias=False), "cross_layers"),
    "hyperclovax": _extra(LLAMA, "post_norms"),
    "bitnet": _extra(LLAMA, "sub_norms"),
    "diffllama": _extra(LLAMA, "lambdas"),
    "dbrx": replace(_BARE, norm="unbiased"),
    # norms in other places or of another kind
    **dict.fromkeys(("gemma", "vaultgemma"), Design(mlp_bias=False)),
    "gemma2": _GEMMA2,
    "gemma3_text": _GEMMA3,
    "gemma4_unified_text": _extra(_GEMMA3, "layer_scalar"),
    "gemma4_text": _extra(_GEMMA3, "per_layer_inputs", "layer_scalar", "dense_beside_experts"),
    "gemma3n_text": _extra(_GEMMA3, "per_layer_inputs", "altup", "laurel"),
    **dict.fromkeys(("olmo2", "olmo3", "olmoe", "flex_olmo"), _OLMO2),
    "olmo": Design(norm="none", mlp_bias=False),
    "olmo_hybrid": replace(_OLMO2, mixer="delta"),
    **dict.fromkeys(("cohere", "cohere2", "cohere2_moe"), _COHERE),
    # plain MLPs
    "arcee": Design(gated=False),
    "nemotron": Design(gated=False, norm="layer"),
    "cosmos3_edge_text": Design(gated=False),
    "nanochat": Design(gated=False, norm="none", mlp_bias=False),
    "apertus": _extra(Design(gated=False, qk_norm="head"), "xielu"),
    "jais2": Design(gated=False, norm="layer"),
    "starcoder2": Design("use_bias", "use_bias", gated=False, mlp_bias="use_bias", norm="layer"),
    "stablelm": Design("use_qkv_bias", False, mlp_bias=False, norm="layer", qk_norm="width", qk_norm_if="qk_layernorm"),
    "phi": replace(_GPT, block_norms=1, head_bias=True, qk_norm="head", qk_norm_if="qk_layernorm"),
    "persimmon": replace(_GPT, qk_norm="head", qk_norm_if="qk_layernorm"),
    **dict.fromkeys(("gpt2", "gpt_bigcode"), _GPT2),
    "openai-gpt": replace(_GPT2, final_norm=False),
    "ctrl": replace(_GPT, head_bias=True),
    "gpt_neo": replace(_GPT2, qkv_bias=False),
    **dict.fromkeys(("gptj", "codegen"), replace(_GPT, qkv_bias=False, out_bias=False, block_norms=1, head_bias=True)),
    "gpt_neox": replace(_GPT, qkv_bias="attention_bias", out_bias="attention_bias"),
    "gpt_neox_japanese": _extra(replace(_GPT, qkv_bias=False, out_bias=False, mlp_bias=False), "last_bias"),
    "bloom": _extra(_GPT, "embedding_norm"),
    "mpt": replace(_BARE, gated=False, norm="unbiased"),
    "falcon": Design("bias", "bias", gated=False, mlp_bias="bias", norm="layer"),
    "opt": _extra(
        Design("enable_bias", "enable_bias", gated=False, mlp_bias="enable_bias", norm="layer", learned_positions=2),
        "projected_embedding",
    ),
    "biogpt": replace(_GPT, learned_positions=2),
    "xglm": _GPT,
    "modernbert-decoder": _extra(Design(norm="unbiased"), "embedding_norm", "prediction_head"),
    # encoders, with the head that predicts masked words
    **dict.fromkeys(
        (
            "bert",
            "roberta",
            "camembert",
            "xlm-roberta",
            "data2vec-text",
            "ernie",
            "ibert",
            "layoutlm",
            "tapas",
            "mra",
            "nystromformer",
            "yoso",
            "roc_bert",
            "mpnet",
            "big_bird",
            "longformer",
            "convbert",
            "deberta",
            "deberta-v2",
            "distilbert",
            "electra",
            "roformer",
            "git",
        ),
        _BERT,
    ),
    **dict.fromkeys(
        ("roberta-prelayernorm", "xlm-roberta-xl", "megatron-bert", "esm"), replace(_BERT, final_norm=True)
    ),
    "bert-generation": replace(_GPT2, final_norm=False, head_bias=True, extras=frozenset({"embedding_norm"})),
    # latent attention
    **dict.fromkeys(("deepseek_v2", "minicpm3", "youtu"), _MLA),
    **dict.fromkeys(
        ("deepseek_v3", "deepseek_v32", "glm4_moe_lite", "glm_moe_dsa", "axk1"), replace(_MLA, correction=True)
    ),
    "kimi_linear": replace(_MLA, correction=True, mixer="kda"),
    # state spaces, linear attention, convolutions, recurrences
    **dict.fromkeys(("mamba", "falcon_mamba"), _MAMBA),
    "mamba2": _MAMBA2,
    "jamba": _extra(replace(_BARE, mixer="mamba"), "mamba_norms"),
    "bamba": Design(mixer="mamba2"),
    "falcon_h1": Design(mixer="mamba2"),
    "granitemoehybrid": Design(mixer="mamba2"),
    "nemotron_h": Design(gated=False, mixer="mamba2", block_norms=1, correction=True),
    "zamba": replace(_BARE, mixer="mamba", mlp=False, block_norms=1),
    "zamba2": replace(_BARE, mixer="mamba2", mlp=False, block_norms=1),
    "lfm2": replace(_BARE, qk_norm="head", mixer="convolution"),
    "lfm2_moe": replace(_BARE, qk_norm="head", mixer="convolution", correction=True),
    **dict.fromkeys(("qwen3_next", "qwen3_5_text", "qwen3_5_moe_text"), _QWEN_NEXT),
    "minimax": replace(_BARE, mixer="lightning"),
    "recurrent_gemma": replace(_BARE, qkv_bias="attention_bias", out_bias=True, mlp_bias=True, mixer="rg_lru"),
    "rwkv": _extra(Design(norm="layer", mixer="rwkv", mlp=False), "first_norm"),
    "xlstm": Design(mixer="mlstm", mlp=False),
}
"""The design of each model type that differs from a Llama, or has none of its switches."""

UNFIT: Final = frozenset(
    """
    albert blt electra ernie4_5_vl_moe_text flaubert hrm_text idefics jetmoe jina_embeddings_v3 kosmos_2_text_model
    kosmos_2_5_text_model longcat_flash longformer luke mobilebert muse_spark_text neomme nomic_bert rembert roc_bert
    squeezebert xlm xlnet xmod
    """.split()
)
"""Model types that the rules here miss by more than a twentieth: layers used several times over, attention made of
experts, a second stack beside the first."""
