"""Which layers hold experts: against the networks that transformers builds, and against released configs."""

import importlib
import json
import re

import pytest
from long_matrix import in_brief
from newest import of_newest_transformers

from ropescope.errors import FormatError
from ropescope.models.config.experts import experts_of
from ropescope.models.config.fields import Fields, families, text_part
from ropescope.models.model import Experts


def read(raw, n_layers):
    return experts_of(Fields(*text_part(raw)), n_layers)


def pattern(raw, n_layers):
    return "".join("." if experts is None else "E" for experts in read(raw, n_layers))


def test_released_configs():
    deepseek = {"model_type": "deepseek_v3", "n_routed_experts": 256, "num_experts_per_tok": 8, "n_shared_experts": 1,
                "first_k_dense_replace": 3, "moe_layer_freq": 1}  # fmt: skip
    assert read(deepseek, 61) == (None,) * 3 + (Experts(256, 8, 1),) * 58
    jamba = {"model_type": "jamba", "num_experts": 16, "num_experts_per_tok": 2, "expert_layer_period": 2,
             "expert_layer_offset": 1}  # fmt: skip
    assert read(jamba, 32) == (None, Experts(16, 2)) * 16
    maverick = {"model_type": "llama4_text", "num_local_experts": 128, "num_experts_per_tok": 1,
                "interleave_moe_layer_step": 2}  # fmt: skip
    assert read(maverick, 48) == (None, Experts(128, 1, 1)) * 24
    dbrx = {"model_type": "dbrx", "ffn_config": {"moe_num_experts": 16, "moe_top_k": 4}}
    assert read(dbrx, 40) == (Experts(16, 4),) * 40
    qwen15 = {"model_type": "qwen2_moe", "num_experts": 60, "num_experts_per_tok": 4, "decoder_sparse_step": 1,
              "shared_expert_intermediate_size": 5632}  # fmt: skip
    assert read(qwen15, 24) == (Experts(60, 4, 1),) * 24
    nemotron = {"model_type": "nemotron_h", "hybrid_override_pattern": "ME*-ME", "n_routed_experts": 128,
                "num_experts_per_tok": 6, "n_shared_experts": 1}  # fmt: skip
    assert pattern(nemotron, 6) == ".E...E"


def test_experts_that_are_switched_off_or_single_are_none():
    # Granite 4.0 micro is a granitemoehybrid with num_local_experts 0; Jamba's dense relatives state 1.
    assert pattern({"model_type": "granitemoehybrid", "num_local_experts": 0, "num_experts_per_tok": 0}, 4) == "...."
    assert pattern({"model_type": "jamba", "num_experts": 1, "num_experts_per_tok": 1}, 4) == "...."
    assert pattern({"model_type": "gemma4_text", "num_experts": 128, "top_k_experts": 8}, 2) == ".."
    on = {"model_type": "gemma4_text", "num_experts": 128, "top_k_experts": 8, "enable_moe_block": True}
    assert read(on, 2) == (Experts(128, 8),) * 2
    assert pattern({"model_type": "llama", "num_hidden_layers": 2}, 2) == ".."


def test_repositories_with_code_of_their_own_are_read_by_the_common_names():
    first = {"model_type": "deepseek", "n_routed_experts": 64, "num_experts_per_tok": 6, "n_shared_experts": 2,
             "first_k_dense_replace": 1, "moe_layer_freq": 1}  # fmt: skip
    assert read(first, 3) == (None, Experts(64, 6, 2), Experts(64, 6, 2))
    assert pattern(first | {"moe_layer_freq": 2}, 6) == "..E.E."
    mimo = {"model_type": "mimo", "n_routed_experts": 8, "num_experts_per_tok": 2, "moe_layer_freq": [0, 1, 1, 0]}
    assert pattern(mimo, 4) == ".EE."
    step = {"model_type": "step3", "moe_num_experts": 48, "moe_top_k": 3, "moe_layers_enum": "4,5,6"}
    assert pattern(step, 8) == "....EEE."
    grok = {"model_type": "grok-1", "num_experts": 8, "num_selected_experts": 2}
    assert read(grok, 1) == (Experts(8, 2),)
    skywork = {"model_type": "listed", "num_experts": [1, 8, 4], "moe_topk": [1, 2, 1]}
    assert read(skywork, 3) == (None, Experts(8, 2), Experts(4, 1))


def test_what_is_assumed_is_said():
    fields = Fields(*text_part({"model_type": "kimi_linear", "num_experts": 8, "num_experts_per_token": 2}))
    assert [experts is None for experts in experts_of(fields, 3)] == [True, False, False]
    assert "takes 1" in fields.assumed["first_k_dense_replace"]
    silent = Fields({"num_experts": 8}, "")
    assert experts_of(silent, 1) == (Experts(8, 8),) and "every expert" in silent.assumed["num_experts_per_tok"]
    plain = Fields({"model_type": "llama"}, "llama")
    experts_of(plain, 2)
    assert plain.assumed == {}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"num_experts": -1}, "num_experts"),
        ({"num_experts": True}, "num_experts"),
        ({"num_experts": 1 << 40}, "num_experts"),
        ({"num_experts": 8, "num_experts_per_tok": 9}, "num_experts_per_tok is 9 and num_experts is 8"),
        ({"num_experts": 8, "num_experts_per_tok": 0}, "num_experts_per_tok"),
        ({"num_experts": [8], "num_experts_per_tok": 2}, "lists 1 values"),
        ({"num_experts": 8, "mlp_layer_types": ["dense"]}, "mlp_layer_types"),
        ({"num_experts": 8, "mlp_layer_types": ["dense", ["x"], "moe"]}, r"mlp_layer_types\[1\]"),
        ({"num_experts": 8, "moe_layer_freq": [1]}, "moe_layer_freq"),
        ({"num_experts": 8, "decoder_sparse_step": 0}, "decoder_sparse_step"),
        ({"num_experts": 8, "mlp_only_layers": "first"}, "mlp_only_layers"),
        ({"num_experts": 8, "first_k_dense_replace": 1.5}, "first_k_dense_replace"),
        ({"num_experts": 8, "expert_layer_period": 0}, "expert_layer_period"),
        ({"num_experts": 8, "interleave_moe_layer_step": 0}, "interleave_moe_layer_step"),
        ({"num_experts": 8, "moe_layers": [-1]}, "moe_layers"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(raw, words):
    with pytest.raises(FormatError, match=words):
        read(raw, 3)


# What a network needs to be built where the config class leaves it empty.
NEEDED = {
    "dots1": {"n_routed_experts": 8, "num_experts_per_tok": 2, "n_shared_experts": 1},
    "gemma4_text": {"enable_moe_block": True, "num_experts": 8, "top_k_experts": 2, "moe_intermediate_size": 64},
    "hunyuan_v1_moe": {"head_dim": 128, "num_experts": 4, "moe_topk": 2},
    "deepseek_ocr2_text": {"num_experts_per_tok": 6, "mlp_layer_types": ["dense"] + ["sparse"] * 31},
    "deepseek_v2": {"num_experts_per_tok": 6},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 16},
}
# Every rule with something else than its default, over 8 layers.
VARIED = [
    ("qwen2_moe", {"decoder_sparse_step": 2, "mlp_only_layers": [3]}),
    ("qwen3_moe", {"mlp_only_layers": [0, 7]}),
    ("qwen3_next", {"decoder_sparse_step": 3}),
    ("deepseek_v2", {"first_k_dense_replace": 1}),
    ("deepseek_v3", {"first_k_dense_replace": 5, "n_shared_experts": 2}),
    ("deepseek_v32", {"first_k_dense_replace": 2}),
    ("glm4_moe", {"first_k_dense_replace": 3}),
    ("glm4_moe_lite", {"mlp_layer_types": ["dense", "sparse"] * 4}),
    ("ernie4_5_moe", {"moe_layer_start_index": 3, "moe_layer_end_index": 6, "moe_layer_interval": 2}),
    ("jamba", {"expert_layer_period": 3, "expert_layer_offset": 2}),
    ("llama4_text", {"interleave_moe_layer_step": 4}),
    ("llama4_text", {"moe_layers": [1, 2]}),
    ("afmoe", {"num_dense_layers": 4}),
    ("bailing_hybrid", {"first_k_dense_replace": 4}),
    ("granitemoehybrid", {"shared_intermediate_size": 64}),
    ("granitemoehybrid", {"num_local_experts": 0, "num_experts_per_tok": 0}),
    ("granitemoeshared", {"shared_intermediate_size": 64}),
    ("lfm2_moe", {"num_dense_layers": 3, "layer_types": ["conv", "full_attention"] * 4}),
    ("nemotron_h", {"layers_block_type": ["moe", "mamba", "moe", "attention", "mlp", "moe", "mamba", "mlp"]}),
    ("mellum", {"mlp_layer_types": ["sparse"] * 3 + ["dense"] * 5}),
]  # fmt: skip
WITH_EXPERTS = sorted(
    name for name, family in families()["families"].items()
    if any("experts" in key and key != "shared_expert_intermediate_size" for key in family["defaults"])
    or name in NEEDED
)  # fmt: skip
UNBUILT = {
    "doge": "its experts are rows of an embedding, not modules",
    "qwen4_exp_text": "its config class leaves the index of its attention empty",
}


def network(config):
    """The network of a config on the meta device, also of a composite's language model, which no AutoModel builds."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from transformers.initialization import no_init_weights

    with torch.device("meta"), no_init_weights():
        for auto in (transformers.AutoModelForCausalLM, transformers.AutoModel):
            if type(config) in auto._model_mapping:
                return auto.from_config(config)
        name = type(config).__module__.replace("configuration_", "modeling_")
        classes = vars(importlib.import_module(name)).values()
        return next(
            cls(config) for cls in classes
            if isinstance(cls, type) and getattr(cls, "config_class", None) is type(config)
            and cls.__name__.endswith("TextModel")
        )  # fmt: skip


def built_experts(model_type, settings):
    """(the config as transformers saves it, {layer: experts}, the layers with a shared one) of the network it builds."""
    pytest.importorskip("transformers")
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    config = CONFIG_MAPPING[model_type](**settings)
    total: dict[int, int] = {}
    shared = set()
    for name, parameter in network(config).named_parameters():
        layer = re.search(r"layers\.(\d+)\.", name)
        if layer is None:
            continue
        index = int(layer[1])
        if re.search(r"shared_(expert|mlp)|share_expert", name):
            shared.add(index)
        elif re.search(r"\.(experts|input_linear|block_sparse_moe)\.", name) and parameter.dim() == 3:
            total[index] = parameter.shape[0]
    return json.loads(json.dumps(config.to_dict(), default=str)), total, shared


@of_newest_transformers
@pytest.mark.parametrize(
    ("model_type", "settings"),
    [*in_brief((name, NEEDED.get(name, {})) for name in WITH_EXPERTS if name not in UNBUILT),
     *in_brief(((name, {"num_hidden_layers": 8, **NEEDED.get(name, {}), **settings}) for name, settings in VARIED),
               ("glm4_moe_lite", "ernie4_5_moe", "nemotron_h"))],
)  # fmt: skip
def test_the_experts_are_those_of_the_network_transformers_builds(model_type, settings):
    saved, total, shared = built_experts(model_type, settings)
    n_layers = saved.get("num_hidden_layers") or len(saved["layers_block_type"])
    found = read(saved, n_layers)
    assert {index: experts.total for index, experts in enumerate(found) if experts} == total
    assert {index for index, experts in enumerate(found) if experts and experts.shared} == shared & set(total)
    if model_type != "nemotron_h":  # which has no layout without one in the file
        bare = read({"model_type": model_type, "num_hidden_layers": n_layers, **settings}, n_layers)
        assert bare == found


def test_most_model_types_with_experts_are_compared():
    assert len(set(WITH_EXPERTS) - set(UNBUILT)) >= 60
