"""The estimate against the networks that transformers builds, type by type, and against published sizes."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from long_matrix import in_brief
from newest import of_newest_transformers
from released_configs import DEEPSEEK_V3, GEMMA_3_27B, LLAMA_31_8B, LLAVA_15_7B, QWEN3_30B_A3B, RELEASED
from tiny_configs import TINY_CONFIGS, name, settings

from ropescope.errors import FormatError
from ropescope.models import count_on_meta, from_config
from ropescope.models.config.fields import families
from ropescope.models.counts.designs import DESIGNS, UNFIT
from ropescope.models.counts.estimate import estimate
from ropescope.models.counts.vision import EXACT

# What the estimate misses of the total, in per cent, where it is not exact, at the shapes that transformers assumes.
INEXACT = {
    "axk1": 0.001, "axk2": 0.7, "bailing_hybrid": 1.1, "beam": 0.4, "big_bird": 0.5, "convbert": 3.1, "cpmant": 1.4,
    "deberta": 0.01, "deepseek_v4": 2.4, "doge": 0.1, "dots3_note_text": 0.2, "esmc": 0.2, "flint": 0.001, "git": 0.01,
    "glm4v_text": 0.01, "glm5_next_text": 0.9, "glm_ocr_text": 0.02, "gte": 0.3, "hy_v4": 1.3, "inkling2_text": 0.3,
    "inkling_text": 0.1, "kolibri1": 0.001, "layoutlm": 3.3, "lfm3": 0.03, "megatron-bert": 0.01, "mimo_v2_flash": 0.001,
    "minimax_m3_vl_text": 0.001, "mistral_large4_text": 0.3, "modernbert": 0.5, "molmo2_text": 0.03, "moshi": 0.001,
    "mpnet": 0.001, "mra": 0.01, "muse_glimmer_text": 6.0, "nystromformer": 0.02, "phi4_multimodal": 9.4, "roformer": 0.9,
    "tapas": 0.8, "trocr": 0.3, "ultrabert": 0.1, "xlm-roberta-xl": 0.001, "yoso": 0.01, "zaya": 0.5,
}  # fmt: skip
# Types whose config classes state too little for transformers itself, or for a Model, to make anything of.
UNBUILT = {
    "blip_text_model", "chameleon", "cohere_compass_text", "dbrx", "deepseek_ocr2_text", "diffusion_gemma_text", "dots1",
    "emu3_text_model", "esm", "evolla", "fnet", "glm4_moe", "glm4v_moe_text", "granite4_vision_text", "hunyuan_v1_dense",
    "hunyuan_v1_moe", "hunyuan_vl_text", "kosmos_2_5_text_model", "kosmos_2_text_model", "lfm2_moe", "ministral",
    "mllama_text_model", "nemotron", "paddleocr_vl_text", "pix2struct_text_model", "qwen2_5_omni_text",
    "qwen3_omni_moe_text", "qwen4_exp_text", "step3p5", "unlimited_ocr_text", "ernie4_5_vl_moe_text",
}  # fmt: skip
TYPES = sorted(set(families()["families"]) - UNBUILT - UNFIT)
COMPOSITES = (
    "aria", "cohere2_vision", "gemma3", "gemma4", "idefics2", "idefics3", "internvl", "llama4", "llava", "llava_next",
    "mistral3", "mllama", "paligemma", "qwen2_5_vl", "qwen2_vl", "qwen3_5", "qwen3_vl", "smolvlm",
)  # fmt: skip


def saved(model_type):
    """The config of a type as transformers saves it when nothing is given."""
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    if families()["transformers"] != transformers.__version__:
        pytest.skip("the designs were held against another version of transformers")
    return json.loads(json.dumps(CONFIG_MAPPING[model_type]().to_dict(), default=str))


@of_newest_transformers
@pytest.mark.parametrize("entry", in_brief((entry for entry in TINY_CONFIGS if entry[0] not in UNFIT), name=name))
def test_it_is_exact_part_by_part_for_tiny_networks(entry):
    pytest.importorskip("torch")
    raw = {"model_type": entry[0], **settings(entry)}
    found, built = estimate(from_config(raw)), count_on_meta(raw)
    assert dict(found.parts) == dict(built.parts)
    assert (found.total, found.active, found.count) == (built.total, built.active, "estimate")


@pytest.mark.parametrize("model_type", in_brief(TYPES))
def test_it_is_exact_or_as_far_off_as_listed_at_the_shapes_transformers_assumes(model_type):
    raw = saved(model_type)
    found, built = estimate(from_config(raw)), count_on_meta(raw)
    total = found.total
    if "without an output layer" in built.source:
        total -= found.parts.get("output", 0)
    error = 100 * abs(total / built.total - 1)
    if model_type in INEXACT:
        assert 0 < error <= INEXACT[model_type]
    else:
        assert error == 0 and found.total - found.active == built.total - built.active


def test_most_types_are_exact():
    assert len(set(TYPES) - set(INEXACT)) >= 120 and set(INEXACT) <= set(TYPES)


@pytest.mark.parametrize("model_type", in_brief(COMPOSITES, ("gemma3", "qwen3_vl")))
def test_of_a_composite_the_language_model_is_exact_and_some_towers_are(model_type):
    raw = saved(model_type)
    found, built = estimate(from_config(raw)), count_on_meta(raw)
    assert {**found.parts, "vision": 0} == {**built.parts, "vision": 0}
    if model_type in EXACT:
        assert found.parts == built.parts
    elif "vision" in found.parts:
        assert 0.05 < found.parts["vision"] / built.parts["vision"] < 1.03 and "rough" in found.source


@pytest.mark.parametrize("model", RELEASED)
def test_released_models_have_their_published_parameters(model):
    released = RELEASED[model]
    found = estimate(from_config(released.config))
    if "vision_config" in released.config and released.config["model_type"] not in EXACT:
        assert released.total * 0.99 < found.total < released.total
    elif isinstance(released.total, int):
        assert found.total == released.total
    else:
        assert found.total == pytest.approx(released.total, rel=0.01)


def test_repositories_with_code_of_their_own_are_counted_as_a_llama():
    # deepseek-ai/deepseek-moe-16b-base, internlm/internlm2-7b and baichuan-inc/Baichuan2-7B-Base, by the Hub's count.
    deepseek = {"model_type": "deepseek", "hidden_size": 2048, "intermediate_size": 10944, "moe_intermediate_size": 1408,
                "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 16, "n_routed_experts": 64,
                "n_shared_experts": 2, "num_experts_per_tok": 6, "first_k_dense_replace": 1, "moe_layer_freq": 1,
                "vocab_size": 102400, "tie_word_embeddings": False, "attention_bias": False}  # fmt: skip
    internlm = {"model_type": "internlm2", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
                "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 92544, "tie_word_embeddings": False,
                "bias": False}  # fmt: skip
    baichuan = {"model_type": "baichuan", "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
                "num_attention_heads": 32, "vocab_size": 125696, "tie_word_embeddings": False}  # fmt: skip
    for raw, published in ((deepseek, 16_375_728_128), (internlm, 7_737_708_544), (baichuan, 7_505_973_248)):
        found = estimate(from_config(raw))
        assert found.total == published
        assert f"model type {raw['model_type']} is unknown here and counted as a Llama" in found.source


def test_what_a_token_passes_through():
    found = estimate(from_config(QWEN3_30B_A3B))
    experts = 48 * 128 * 3 * 2048 * 768
    assert found.parts["experts"] == experts
    assert found.total - found.active == experts * 120 // 128 and round(found.active / 1e9, 2) == 3.35


def test_what_is_left_out_is_said():
    assert estimate(from_config(LLAMA_31_8B)).source == "config"
    assert "multi-token prediction are not counted" in estimate(from_config(DEEPSEEK_V3)).source
    assert "vision tower is a rough count" in estimate(from_config(LLAVA_15_7B)).source
    swin = {**LLAVA_15_7B, "vision_config": {"depths": [2, 2], "embed_dim": 96}, "audio_config": {"d_model": 64}}
    found = estimate(from_config(swin))
    assert "vision and audio towers are not counted" in found.source and "vision" not in found.parts
    assert found.lacks == ("vision_config", "audio_config")  # the total is a lower bound, and so is its memory


def test_a_composite_ties_its_embedding_as_its_top_says():
    untied = estimate(from_config({**GEMMA_3_27B, "tie_word_embeddings": False}))
    assert untied.parts["output"] == 262208 * 5376
    assert "output" not in estimate(from_config(GEMMA_3_27B)).parts


@pytest.mark.parametrize("model_type", ["jetmoe", "albert", "xlnet"])
def test_a_type_that_no_rule_fits_has_no_estimate(model_type):
    base = {"hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2, "vocab_size": 100,
            "num_key_value_heads": 4}  # fmt: skip
    with pytest.raises(FormatError, match=rf"{model_type} is built in a way that no rule here counts"):
        estimate(from_config({"model_type": model_type, **base}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"intermediate_size": "wide"}, "intermediate_size is 'wide'"),
        ({"intermediate_size": -1}, "intermediate_size is -1"),
        ({"intermediate_size": 1 << 60}, "intermediate_size"),
        ({"attention_bias": 3}, "attention_bias is 3"),
        ({"tie_word_embeddings": "yes"}, "tie_word_embeddings"),
        ({"model_type": "", "vocab_size": None}, "vocab_size is missing"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(change, words):
    with pytest.raises(FormatError, match=words):
        estimate(from_config({**LLAMA_31_8B, **change}))


VALUES = st.one_of(st.none(), st.booleans(), st.integers(-2, 70), st.sampled_from([1 << 50, 0.5, "x", [], [3], {}]))
FIELDS = (
    "intermediate_size", "moe_intermediate_size", "num_experts", "num_local_experts", "num_experts_per_tok", "expand",
    "n_shared_experts", "shared_expert_intermediate_size", "mamba_n_heads", "mamba_d_state", "mamba_dt_rank", "state_size",
    "conv_kernel", "attention_bias", "mlp_bias", "tie_word_embeddings", "vocab_size", "kv_lora_rank", "q_lora_rank",
    "adapter_rank", "num_mem_blocks", "lru_width", "word_embed_proj_dim", "hidden_size_per_layer_input", "laurel_rank",
    "vision_config", "n_inner", "expansion_ratio", "block_multiple_of", "linear_num_value_heads", "type_vocab_size",
)  # fmt: skip


@hypothesis_settings(deadline=None, max_examples=300)
@given(st.sampled_from(sorted(DESIGNS)), st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6))
def test_no_config_breaks_it_otherwise_than_by_a_named_error(model_type, changes):
    base = {"model_type": model_type, "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2,
            "vocab_size": 100, "hybrid_override_pattern": "M*-E", "layers_block_type": None}  # fmt: skip
    try:
        found = estimate(from_config({**base, **changes}))
    except FormatError:
        return
    assert 0 < found.active <= found.total == sum(found.parts.values())
    assert all(n > 0 for n in found.parts.values())


def test_it_needs_no_torch():
    code = (
        "import sys, json; from ropescope.models import from_config, count_parameters; "
        "raw = json.loads(sys.argv[1]); print(count_parameters(from_config(raw), build=False).total); "
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, json.dumps(LLAMA_31_8B)], capture_output=True, text=True)
    assert done.stdout.strip() == "8030261248", done.stderr


@pytest.mark.parametrize(
    ("config", "published"),
    [
        # Qwen-7B: its intermediate_size is that of both halves, 2 × 11,008.
        ({"model_type": "qwen", "hidden_size": 4096, "intermediate_size": 22016, "num_hidden_layers": 32,
          "num_attention_heads": 32, "vocab_size": 151936}, 7_721_324_544),
        # LLaDA-8B and Phi-3-small have names of their own for it.
        ({"model_type": "llada", "d_model": 4096, "n_heads": 32, "n_layers": 32, "mlp_hidden_size": 12288,
          "vocab_size": 126464}, 8_015_581_184),
        ({"model_type": "phi3small", "hidden_size": 4096, "ff_intermediate_size": 14336, "num_hidden_layers": 32,
          "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 100352, "tie_word_embeddings": True},
         7_392_272_384),
    ],
)  # fmt: skip
def test_a_lower_bound_is_none_that_the_model_undercuts(config, published):
    assert 0.999 * published < estimate(from_config(config)).total <= published


def test_an_unknown_type_without_an_mlp_width_is_a_lower_bound() -> None:
    from ropescope.models.opening import open as open_model

    config = {
        "model_type": "newest",
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "vocab_size": 100,
    }
    bound = estimate(open_model(config))
    assert "mlp" not in bound.parts
    assert "the MLP of each layer, whose width no field states" in bound.lacks
    stated = estimate(open_model(config | {"intermediate_size": 32}))
    assert stated.total == bound.total + 2 * 3 * 64 * 32
