"""The closed form against the networks that transformers builds: each type, with each field of its config changed in turn."""

import importlib
import json

import pytest
from newest import of_newest_transformers
from released_configs import GEMMA_3_27B, LLAMA_31_8B, LLAVA_15_7B, QWEN25_VL_7B
from tiny_configs import TINY_CONFIGS, settings

from ropescope.errors import FormatError
from ropescope.models import count_on_meta, count_parameters, from_config
from ropescope.models.counts import parameters as parameter_count
from ropescope.models.counts.closed import _HEADS, CLOSED, closed_count, is_closed
from ropescope.models.counts.vision import EXACT

REPRESENTATIVE = ("llama", "qwen3_moe", "deepseek_v3", "gemma3_text", "gpt2", "bert", "falcon_h1")
# What a config holds besides shapes, or what is true of any type: labels, ids, how training and generation were set.
NO_SHAPE = {
    "transformers_version", "dtype", "torch_dtype", "_name_or_path", "architectures", "id2label", "label2id", "num_labels",
    "problem_type", "return_dict", "output_attentions", "output_hidden_states", "chunk_size_feed_forward",
    "is_encoder_decoder", "bos_token_id", "eos_token_id", "pad_token_id", "model_type", "use_cache", "initializer_range",
}  # fmt: skip


def tiny(model_type):
    """Tiny configs of a type, whose shapes all differ."""
    return [{"model_type": model_type, **settings(entry)} for entry in TINY_CONFIGS if entry[0] == model_type]


def assumed(model_type):
    """The config that transformers assumes for a type."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    return json.loads(json.dumps(CONFIG_MAPPING[model_type]().to_dict(), default=str))


def others(value):
    """Values that a field could have instead."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [2 * value, value + 1 if value % 2 else value // 2, [value, value, 2 * value, 2 * value]]
    if value is None:
        return [True, False, 2, 12]
    if isinstance(value, list):
        words = bool(value) and all(isinstance(entry, str) for entry in value)
        return [value[::-1], [value[0]] * len(value), [value[-1]] * len(value)] if words else [[], [0], [0, 1], [2, 3]]
    return [2 * value] if isinstance(value, float) else []


def variants(base):
    """`base`, and `base` with each field of its config class changed, and with each class that has a language head."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    yield "as it is", base
    config = CONFIG_MAPPING[base["model_type"]].from_dict({k: v for k, v in base.items() if k != "model_type"})
    full = json.loads(json.dumps(config.to_dict(), default=str))
    try:
        module = importlib.import_module(type(config).__module__.replace(".configuration_", ".modeling_"))
    except ModuleNotFoundError:  # some config classes share the network of another type
        module = None
    for name, cls in vars(module).items() if module else ():
        if getattr(cls, "config_class", None) is type(config) and name.endswith(_HEADS):
            yield name, {**base, "architectures": [name]}
    for field in sorted((full.keys() | base.keys()) - NO_SHAPE):
        for value in others(base.get(field, full.get(field))):
            yield f"{field} = {value}", {**base, field: value}


def check(model_type, bases):
    proven = 0
    for base in bases:
        for what, raw in variants(base):
            if not is_closed(raw):
                continue
            try:
                built, found = count_on_meta(raw), closed_count(from_config(raw))
            except FormatError:  # neither the network nor the sum has a number to compare
                continue
            assert (found.total, found.active) == (built.total, built.active), f"{model_type} with {what}"
            assert "without an output layer" not in built.source and found.count == "closed"
            proven += 1
    assert proven >= 5


@of_newest_transformers
@pytest.mark.parametrize("model_type", REPRESENTATIVE)
def test_where_it_is_proven_it_is_the_network(model_type):
    pytest.importorskip("torch")
    check(model_type, tiny(model_type)[:1] or [assumed(model_type)])


@pytest.mark.long
@of_newest_transformers
@pytest.mark.parametrize("model_type", sorted(CLOSED))
def test_it_is_the_network_for_every_type(model_type):
    pytest.importorskip("torch")
    check(model_type, [*tiny(model_type), assumed(model_type)])


def shallow(model_type):
    """The config that transformers assumes for a composite, with two layers each in both of its parts."""
    raw = assumed(model_type)
    vision, text = dict(raw["vision_config"]), dict(raw["text_config"])
    vision["depth" if "depth" in vision else "num_hidden_layers"] = 2
    if "deepstack_visual_indexes" in vision:
        vision["deepstack_visual_indexes"] = [0, 1]
    text["num_hidden_layers"] = 2
    if text.get("layer_types"):
        text["layer_types"] = text["layer_types"][-2:]
    return {**raw, "model_type": model_type, "vision_config": vision, "text_config": text}


def parts_changed(base, names):
    """`base`, with each field of these parts changed in turn."""
    yield "as it is", base
    for name in names:
        part = base[name] if name else base
        for field in sorted(part.keys() - NO_SHAPE - {"text_config", "vision_config"}):
            for value in others(part[field]):
                changed = {**part, field: value}
                yield f"{name}.{field} = {value}", {**base, name: changed} if name else changed


def check_composite(model_type, names):
    proven = 0
    for what, raw in parts_changed(shallow(model_type), names):
        if not is_closed(raw):
            continue
        try:
            built, found = count_on_meta(raw), closed_count(from_config(raw))
        except FormatError:
            continue
        assert (found.total, found.active) == (built.total, built.active), f"{model_type} with {what}"
        proven += 1
    assert proven >= 5


@of_newest_transformers
@pytest.mark.parametrize("model_type", ["gemma3", "qwen3_vl"])
def test_a_tower_that_is_counted_exactly_is_the_network_s(model_type):
    pytest.importorskip("torch")
    check_composite(model_type, ["vision_config"])


@pytest.mark.long
@of_newest_transformers
@pytest.mark.parametrize("model_type", sorted(EXACT))
def test_a_composite_is_the_network_in_all_its_parts(model_type):
    pytest.importorskip("torch")
    check_composite(model_type, ["", "vision_config", "text_config"])


def test_a_known_type_is_counted_without_torch(monkeypatch):
    monkeypatch.setattr(parameter_count, "count_on_meta", lambda _: pytest.fail("a network was built"))
    for config, total in ((LLAMA_31_8B, 8_030_261_248), (GEMMA_3_27B, 27_432_406_640), (QWEN25_VL_7B, 8_292_166_656)):
        found = count_parameters(from_config(config))
        assert (found.total, found.count) == (total, "closed") and "the closed form" in found.source


@pytest.mark.parametrize(
    "config",
    [
        LLAVA_15_7B,  # its tower is a rough count
        {**GEMMA_3_27B, "audio_config": {"hidden_size": 64}},
        {**LLAMA_31_8B, "architectures": ["LlamaForSequenceClassification"]},
        {**LLAMA_31_8B, "n_layer": 4},  # two names of one fact, and two values
        {**LLAMA_31_8B, "model_type": "llama_of_another_house"},
        {"model_type": "bert", "tie_word_embeddings": False},
        {"model_type": "deberta-v2", "relative_attention": True},
    ],
)
def test_what_is_not_proven_is_not_closed(config):
    assert not is_closed(config)
