"""Counting on the meta device: against networks that are really built and saved, published sizes, and hostile configs."""

import json
import socket

import pytest
from long_matrix import in_brief

from ropescope.errors import FormatError
from ropescope.models import count_on_meta

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from released_configs import DEEPSEEK_V3, GEMMA_3_27B, GPT_OSS_20B, KIMI_K2, LLAMA_31_8B, RELEASED  # noqa: E402
from tiny_configs import TINY_CONFIGS, name, settings  # noqa: E402
from transformers.models.auto.configuration_auto import CONFIG_MAPPING  # noqa: E402

from ropescope.models.counts import meta as meta_count  # noqa: E402


def really_built(entry):
    """The network with its weights in memory, by transformers' own way of making one."""
    if entry[0] not in CONFIG_MAPPING:
        pytest.skip(f"transformers {transformers.__version__} has no {entry[0]}")
    config = transformers.AutoConfig.for_model(entry[0], **settings(entry))
    return transformers.AutoModelForCausalLM.from_config(config)


def unique_elements(network):
    """Elements of the parameters, shared memory once, and of the biases that balance a router, which are buffers."""
    tensors = {id(parameter): parameter for parameter in network.parameters()}
    kept = set(network.state_dict())
    for key, buffer in network.named_buffers():
        if key in kept and key.endswith(("correction_bias", "expert_bias", "layer_scalar")):
            tensors[id(buffer)] = buffer
    return sum(tensor.numel() for tensor in tensors.values())


def test_there_are_enough_kinds_of_networks():
    assert len({entry[0] for entry in TINY_CONFIGS}) >= 100


@pytest.mark.parametrize("entry", in_brief(TINY_CONFIGS, name=name))
def test_the_count_is_that_of_the_network_in_memory(entry):
    network = really_built(entry)
    counted = count_on_meta({"model_type": entry[0], **settings(entry)})
    assert counted.total == unique_elements(network)
    assert counted.count == "meta" and sum(counted.parts.values()) == counted.total


BRIEF = ("deepseek-ai/DeepSeek-V3", "openai/gpt-oss-20b", "google/gemma-3-27b-it", "state-spaces/mamba-2.8b-hf")
SAVED = ("llama-2", "gpt2-1", "gemma2", "opt-2", "deepseek_v3", "gpt_oss", "qwen3_next", "mamba-1", "jamba-1", "zamba2",
         "nemotron_h", "falcon_h1-2", "lfm2_moe", "rwkv-2", "gemma3n_text-1", "olmo_hybrid")  # fmt: skip


@pytest.mark.parametrize("entry", in_brief((entry for entry in TINY_CONFIGS if name(entry) in SAVED), name=name))
def test_the_count_is_what_a_saved_file_holds(entry, tmp_path):
    safetensors = pytest.importorskip("safetensors")
    really_built(entry).save_pretrained(tmp_path)
    held = 0
    for path in tmp_path.glob("*.safetensors"):
        with safetensors.safe_open(path, "pt") as file:
            held += sum(file.get_tensor(key).numel() for key in file.keys())  # noqa: SIM118
    saved = json.loads((tmp_path / "config.json").read_text())
    assert count_on_meta(saved).total == held


@pytest.mark.parametrize("model", in_brief(RELEASED, BRIEF))
def test_released_models_have_their_published_parameters(model):
    released = RELEASED[model]
    if released.config["model_type"] == "nemotron_h" and "nemotron_h" not in CONFIG_MAPPING:
        pytest.skip(f"transformers {transformers.__version__} has no nemotron_h")
    counted = count_on_meta(released.config)
    if isinstance(released.total, int):
        assert counted.total == released.total
    else:
        assert counted.total == pytest.approx(released.total, rel=0.01)
    if released.active is None:
        assert counted.active == counted.total
    else:
        # Makers round, and leave out the embeddings or not.
        ends = counted.parts["embedding"] + counted.parts.get("output", 0) + counted.parts.get("vision", 0)
        assert 0.9 * (counted.active - ends) <= released.active <= 1.02 * counted.active


def test_the_parts_of_deepseek_v3_by_hand():
    counted = count_on_meta(DEEPSEEK_V3)
    width, heads = 7168, 128
    attention = 1536 * (width + heads * 192) + width * 576 + 512 * heads * 256 + heads * 128 * width
    assert counted.parts["attention"] == 61 * attention
    assert counted.parts["experts"] == 58 * 256 * 3 * width * 2048
    assert counted.parts["mlp"] == 3 * 3 * width * 18432 + 58 * 3 * width * 2048
    assert counted.parts["router"] == 58 * (256 * width + 256)
    assert counted.parts["embedding"] == counted.parts["output"] == 129280 * width
    assert counted.active == counted.total - counted.parts["experts"] * 248 // 256
    assert "multi-token prediction are not counted" in counted.source


def test_what_the_file_says_of_the_network_is_followed():
    classifier = LLAMA_31_8B | {"architectures": ["LlamaForSequenceClassification"], "num_labels": 2}
    assert count_on_meta(classifier).total == 8_030_261_248 - 128256 * 4096 + 2 * 4096
    foreign = LLAMA_31_8B | {"architectures": ["Qwen2ForCausalLM", "os.system", 7]}
    assert count_on_meta(foreign).total == 8_030_261_248
    text = dict(GEMMA_3_27B["text_config"])
    assert count_on_meta(text).total == 27_432_406_640 - count_on_meta(GEMMA_3_27B).parts["vision"]
    alone = count_on_meta({"model_type": "qwen3_vl_text", "num_hidden_layers": 2})
    assert "without an output layer" in alone.source and "output" not in alone.parts


def test_a_trillion_parameters_take_no_memory():
    network, _ = meta_count._network(meta_count._cleaned(KIMI_K2))
    assert all(parameter.is_meta for parameter in network.parameters())


def test_nothing_of_a_repository_runs_and_no_host_is_asked(monkeypatch):
    def refused(*_, **__):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "socket", refused)
    asking = {
        "auto_map": {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"},
        "_attn_implementation": "kernels-community/flash-attn", "attn_implementation": "flash_attention_2",
        "quantization_config": {"quant_method": "gptq", "bits": 4}, "torch_dtype": "no such type",
        "id2label": {str(index): "x" for index in range(100)}, "_name_or_path": "evil/model",
    }  # fmt: skip
    assert count_on_meta(LLAMA_31_8B | asking).total == 8_030_261_248
    assert count_on_meta(GPT_OSS_20B).total == 20_914_757_184  # mxfp4: counted as what the packed numbers stand for
    tower = {"model_type": "timm_backbone", "backbone": "resnet50", "use_pretrained_backbone": True}
    with pytest.raises(FormatError, match="backbone from another library"):
        count_on_meta({**GEMMA_3_27B, "vision_config": tower})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_hidden_layers": 10**6}, "num_hidden_layers is 1000000"),
        ({"hidden_size": 10**9}, "hidden_size is 1000000000"),
        ({"vocab_size": -(10**9)}, "vocab_size"),
        ({"extra": {"deep": [{"num_layers": 5000}]}}, r"extra\.deep\.num_layers is 5000"),
        ({"layer_types": ["full_attention"] * 70_000}, "layer_types lists 70000"),
        ({"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}, "nested more than 8"),
        ({"model_type": "no_such_type"}, "has no model type 'no_such_type'"),
        ({"model_type": None}, "has no model type None"),
        ({"model_type": ["llama"]}, "no model type"),
        ({"num_attention_heads": 0}, "does not build this config"),
        ({"num_attention_heads": "many"}, "does not build this config"),
        ({"hidden_act": "__import__('os')"}, "does not build this config"),
        ({"model_type": "xlm", "max_position_embeddings": 1 << 20}, "fills a table"),
    ],
)
def test_what_cannot_be_built_is_refused_with_the_reason(change, words):
    with pytest.raises(FormatError, match=words):
        count_on_meta(LLAMA_31_8B | change)


def test_a_build_that_grows_is_stopped(monkeypatch):
    monkeypatch.setattr(meta_count, "MOST_MODULES", 2000)
    with pytest.raises(FormatError, match="more than 2,000 parts"):
        count_on_meta(LLAMA_31_8B | {"num_hidden_layers": 1000})
    # Lists are made before they are registered.
    with pytest.raises(FormatError, match="more than 2,000 parts"):
        count_on_meta({"model_type": "gemma3n_text", "altup_num_inputs": 1 << 20})
    monkeypatch.undo()
    assert count_on_meta(LLAMA_31_8B).total == 8_030_261_248  # the hooks are gone
    assert not torch.nn.modules.module._global_module_registration_hooks
