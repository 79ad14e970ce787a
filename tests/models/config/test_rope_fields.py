"""Every model type's own fields of RoPE, held to the rotary module of its own class: frequencies and attention factor.

One raw config goes to transformers' class and to ours. Where ours refuses it, for what the class passes over in silence, nothing
is compared; that it does is tested below.
"""

from __future__ import annotations

import copy
import importlib.util
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_networks
import torch
from transformers import MODEL_MAPPING, AutoConfig, AutoModelForCausalLM
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from ropescope.errors import ExtendError, RopescopeError
from ropescope.extend import plan_extension
from ropescope.extend.plan.conflicts import check_agreement, check_read
from ropescope.extend.plan.frequencies import attention_factor, frequencies
from ropescope.extend.plan.groups import rope_groups, text_config
from ropescope.extend.settings.config_file import planned_json
from ropescope.models import from_config
from ropescope.models.config.fields import families
from ropescope.network.loading.weights import load
from ropescope.network.rotary import rotary_modules

TABLE = families()["families"]
TYPES = sorted(name for name, family in TABLE.items() if family.get("rope_parameters") and name in CONFIG_MAPPING)
# dots3_note_text: its rotary module reads the config of one layer, and its sliding layers have latents of their own widths.
# unlimited_ocr_text: its layers see a reference and a window, a kind that is refused (test_transformers.py holds that).
NOT_COMPARED = {"dots3_note_text", "unlimited_ocr_text"}
COMPARED = sorted(set(TYPES) - NOT_COMPARED)
OTHERWISE: dict[str, dict[str, Any]] = {
    "axk2": {"num_key_value_heads": 4}, "esmc": {"num_key_value_heads": 4}, "zaya": {"num_experts_per_tok": 1},
    "granitemoehybrid": {"position_embedding_type": "rope"},
    "zamba2": {"use_mem_rope": True},
    "gemma4_unified_text": {"num_kv_shared_layers": 0},
    "deepseek_v4": {"head_dim": 64}, "helium": {"head_dim": 8}, "mimo_v2_flash": {"head_dim": 48},
    "glm4_moe_lite": {"head_dim": None}, "deepseek_ocr2_text": {"head_dim": None},
    # M-RoPE's default sections are of 64 pairs.
    "cosmos3_edge_text": {"head_dim": 128}, "ernie4_5_vl_moe_text": {"head_dim": 128, "moe_intermediate_size": [16, 16]},
    "mistral4": {"num_key_value_heads": 4}, "jetmoe": {"num_attention_heads": 4},
}  # fmt: skip
YARN = {
    "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "attention_factor": 0.9, "beta_fast": 20.0,
    "beta_slow": 2.0, "truncate": False,
}  # fmt: skip
SCALES = {"type": "yarn", "factor": 4.0, "mscale": 0.7, "mscale_all_dim": 1.1, "original_max_position_embeddings": 32}
RAMP = {
    "rope_type": "llama3", "factor": 3.0, "low_freq_factor": 1.5, "high_freq_factor": 3.0, "original_max_position_embeddings": 32,
}  # fmt: skip
OTHER_NAMES = ("rotary_emb_base", "rope_local_base_freq", "global_rope_theta", "local_rope_theta", "swa_rope_theta")


def tiny(model_type: str) -> dict[str, Any]:
    cls = CONFIG_MAPPING[model_type]
    names = set(inspect.signature(cls).parameters) | set(cls.attribute_map or {})
    found = {name: value for name, value in tiny_networks.SMALL.items() if name in names}
    found |= tiny_networks.OTHER.get(model_type, {})
    if "head_dim" in found:
        found["head_dim"] = 16
    found |= OTHERWISE.get(model_type, {})
    return {name: value for name, value in found.items() if name != "head_dim" or value is not None}


def stated(own: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What config.json files say of RoPE; `own` is the class's `rope_parameters`, by type of layer or not."""
    base = {"rope_theta": 54321.0}
    yield {}
    yield base
    yield {**base, "partial_rotary_factor": 0.5}
    for name in OTHER_NAMES:
        yield {name: 33333.0}
    yield {"rotary_pct": 0.5}
    yield {"rotary_dim": 4}
    for entry in (YARN, SCALES, RAMP, {"type": "linear", "factor": 3.0}, {"type": "dynamic", "factor": 3.0}):
        yield {**base, "rope_scaling": entry}
    yield {**base, "rope_scaling": {"type": "dynamic", "factor": 3.0, "alpha": 1000.0}}
    yield {**base, "original_max_position_embeddings": 16, "rope_scaling": {"rope_type": "yarn", "factor": 4.0}}
    yield {**base, "rope_scaling": {**YARN, "factor": None, "rope_theta": 11111.0}}
    yield {"rope_parameters": {**YARN, **base}}
    yield {"rope_parameters": YARN}
    yield {"rope_parameters": {"rope_type": "linear", "factor": 3.0, "partial_rotary_factor": 0.5, **base}}
    words = [word for word, entry in own.items() if isinstance(entry, dict)]
    if words:
        entries = {word: {**own[word], "rope_theta": 1000.0 * (place + 2)} for place, word in enumerate(words)}
        yield {"rope_parameters": entries}
        yield {"rope_parameters": {word: {**entry, **YARN} for word, entry in entries.items()}}


def theirs(config: Any) -> list[dict[str, tuple[torch.Tensor, float]]]:
    """Of each rotary class of the model's module: type of layer ("" for all) → inverse frequencies, attention factor."""
    module = type(config).__module__.replace("configuration_", "modeling_")
    if importlib.util.find_spec(module) is None:  # internlm3 and iquestcoder are Llama's network
        module = MODEL_MAPPING[type(config)].__module__
    found = []
    for name, cls in vars(importlib.import_module(module)).items():
        own = (
            inspect.isclass(cls)
            and cls.__module__ == module
            and name.endswith("RotaryEmbedding")
            and "Vision" not in name.replace("VisionText", "")
            and "SaProt" not in name  # Evolla's encoder of proteins
        )
        if not own or "config" not in inspect.signature(cls.__init__).parameters:
            continue
        rotary = cls(config=config)
        found.append(
            {
                key.removesuffix("inv_freq").rstrip("_"): (
                    value.double(),
                    float(
                        getattr(
                            rotary,
                            key.replace("inv_freq", "attention_scaling"),
                            vars(rotary).get("attention_scaling", 1),
                        )
                    ),
                )
                for key, value in rotary.named_buffers(recurse=False)
                if key.endswith("inv_freq") and "original" not in key
            }
        )
    latent = getattr(config, "qk_rope_head_dim", None) if config.model_type == "mistral4" else None
    if any(latent and 2 * len(frequency) != latent for entry in found for frequency, _ in entry.values()):
        # Of rope_scaling, the older name, the class makes an entry without the share that turns.
        raise ValueError(f"more angles than the {latent} dimensions of a key that turn: the network cannot run")
    if config.model_type == "ernie4_5_vl_moe_text":  # laid out by axes of its images; in text all axes are one
        found = [{key: (f.sort(descending=True).values, scale) for key, (f, scale) in entry.items()} for entry in found]
    return [entry for entry in found if entry]


@pytest.mark.parametrize("model_type", COMPARED)
def test_rope_is_read_as_the_class_of_the_type_reads_it(model_type: str) -> None:
    settings = tiny(model_type)
    built = AutoConfig.for_model(model_type, **copy.deepcopy(settings))
    if getattr(built, "layer_types", None) and "layer_types" in inspect.signature(type(built)).parameters:
        settings.setdefault("layer_types", list(built.layer_types))
    compared = 0
    for extra in stated(getattr(built, "rope_parameters", None) or {}):
        raw = copy.deepcopy({**settings, **extra})
        try:
            config = AutoConfig.for_model(model_type, **copy.deepcopy(raw))
            modules = theirs(config)
        except Exception:  # the class, or its module, refuses what this file says
            continue
        try:
            model = from_config({"model_type": model_type, **raw})
            part, path = text_config(model)
            check_agreement(part, path)
            check_read(model, part, path)
            groups = rope_groups(model)
        except RopescopeError as error:
            refused = str(error)
        else:
            refused = ""
        if refused:
            assert any(name in refused for name in extra), f"{extra}: {refused}"
            continue
        stretch = model.context.configured or 1
        for group in groups:
            ours = torch.tensor(
                frequencies(
                    group.parameters, group.rotary_dim, length=10, max_positions=stretch, by_type=group.layer_type != ""
                ),
                dtype=torch.float64,
            )
            factor = attention_factor(group.parameters, stretch)
            index = group.layers[0]
            word = config.layer_types[index] if getattr(config, "layer_types", None) else ""
            old = {"sliding_attention": "main"}.get(word, "compress")
            right = [
                entry.get("", entry.get(word, entry.get(old))) for entry in modules if {"", word, old} & entry.keys()
            ]
            assert any(
                len(ours) == len(frequency)
                and torch.allclose(ours, frequency, rtol=2e-5, atol=1e-9)
                and abs(factor - scaling) < 1e-6
                for frequency, scaling in right
            ), f"{extra} in {word or 'every layer'}: {ours[:4]} × {factor}, and it has {right}"
            compared += 1
    assert compared >= 2


@pytest.mark.parametrize("model_type", COMPARED)
def test_a_saved_plan_is_what_the_class_reads(model_type: str) -> None:
    """The config.json that is written has, in the module of its class, the frequencies and the attention factor of the plan."""
    settings = tiny(model_type)
    built = AutoConfig.for_model(model_type, **copy.deepcopy(settings))
    own = getattr(built, "rope_parameters", None) or {}
    if getattr(built, "layer_types", None) and "layer_types" in inspect.signature(type(built)).parameters:
        settings.setdefault("layer_types", list(built.layer_types))
    flat = not any(isinstance(entry, dict) for entry in own.values())
    older = {"rope_theta": 54321.0, "rope_scaling": {**YARN, "original_max_position_embeddings": 64, "factor": 2.0}}
    for extra in ({}, {"rope_theta": 54321.0}, *((older,) if flat else ())):
        raw = {"model_type": model_type, **copy.deepcopy(settings), **copy.deepcopy(extra)}
        for method in ("yarn", "ntk"):
            try:
                theirs(AutoConfig.for_model(**copy.deepcopy(raw)))
            except Exception:  # the class, or its module, refuses what the file says as it is
                continue
            try:
                model = from_config(raw)
                plan = plan_extension(model, 1024, method)
            except RopescopeError:  # it has no form of this method, or says of RoPE what its class does not read
                continue
            saved = planned_json(plan, raw, model.context.configured_field)
            config = AutoConfig.for_model(**copy.deepcopy(saved))
            for entry in plan.layer_types:
                word = config.layer_types[entry.layers[0]] if getattr(config, "layer_types", None) else ""
                old = {"sliding_attention": "main"}.get(word, "compress")
                right = [
                    module.get("", module.get(word, module.get(old)))
                    for module in theirs(config)
                    if {"", word, old} & module.keys()
                ]
                after = torch.tensor(entry.after, dtype=torch.float64)
                assert any(
                    len(after) == len(frequency)
                    and torch.allclose(after, frequency, rtol=2e-5, atol=1e-9)
                    and abs(entry.attention_factor - scaling) < 1e-6
                    for frequency, scaling in right
                ), f"{extra} by {method} in {word or 'every layer'}"


@pytest.mark.parametrize(
    ("model_type", "extra", "why"),
    [
        ("llama", {"rotary_emb_base": 5e5}, "rotary_emb_base in the config of a llama"),
        ("gpt_neox", {"rope_theta": 5e5}, "it takes rotary_emb_base"),
        ("llama", {"partial_rotary_factor": 0.5}, "it turns whole heads"),
        ("cohere2_moe", {"rope_scaling": YARN}, "it takes rope_parameters"),
        ("gemma3_text", {"rope_parameters": YARN}, "one entry for each type of layer"),
        ("olmo3", {"rope_scaling": SCALES}, r"rope_scaling\.type"),
        ("phi3", {"rope_scaling": {**YARN, "original_max_position_embeddings": 2048}}, "reads 4096 from outside"),
        ("llama", {"rope_scaling": YARN, "original_max_position_embeddings": 16}, "state one length in both places"),
        ("llama", {"rope_scaling": {"type": "dynamic", "factor": 2.0, "alpha": 1000.0}}, r"rope_scaling\.alpha"),
    ],
)
def test_what_transformers_passes_over_is_refused_by_name(model_type: str, extra: dict[str, Any], why: str) -> None:
    """An extension that rests on it would be another in transformers than in the engine that does read it."""
    settings = tiny(model_type)
    if model_type in ("gemma3_text", "olmo3"):
        settings["layer_types"] = ["sliding_attention", "full_attention"] * 2
    model = from_config({"model_type": model_type, **settings, **extra})
    with pytest.raises(ExtendError, match=why):
        plan_extension(model, 4096)
    if "reads 4096" not in why and "one length" not in why:
        assert any("is not read by transformers" in note for note in model.notes)


def test_a_base_that_is_in_use_anyway_is_let_be() -> None:
    model = from_config({"model_type": "llama", **tiny("llama"), "rope_theta": 5e5, "rotary_emb_base": 5e5})
    assert plan_extension(model, 256, "yarn").layer_types[0].theta == 5e5


def test_a_share_of_a_head_that_is_in_use_anyway_is_let_be() -> None:
    """MiMo-V2-Flash's config.json states it beside entries that the class fills in with the same."""
    stated = {"head_dim": 192, "partial_rotary_factor": 0.334, "rope_theta": 5e6, "swa_rope_theta": 1e4}
    stated |= {"layer_types": ["full_attention", *["sliding_attention"] * 3]}
    model = from_config({"model_type": "mimo_v2_flash", **tiny("mimo_v2_flash"), **stated})
    assert {entry.rotary_dim for entry in plan_extension(model, 262144, "none").layer_types} == {64}


FACTORS = {"long_factor": [2.0, 3.0, 4.0, 5.0], "short_factor": [1.0, 1.1, 1.2, 1.3]}


def test_the_older_names_of_longrope_are_read_as_phi3_reads_them() -> None:
    stated = {"max_position_embeddings": 256, "original_max_position_embeddings": 32}
    plans = []
    for word in ("longrope", "su", "yarn"):
        raw = {"model_type": "phi3", **tiny("phi3"), **stated, "rope_scaling": {"type": word, **FACTORS}}
        plans.append(plan_extension(from_config(raw), 256, "none").layer_types)
    assert plans[0] == plans[1] == plans[2]
    assert plans[0][0].method == "none" and plans[0][0].before[0] == 0.5


@pytest.mark.parametrize(("length", "name"), [(16, "short_mscale"), (256, "long_mscale")])
def test_phimoe_scales_by_the_factors_that_its_files_state(length: int, name: str) -> None:
    entry = {"rope_type": "longrope", **FACTORS, "short_mscale": 1.1, "long_mscale": 1.3}
    entry |= {"original_max_position_embeddings": 32, "rope_theta": 1e4}
    raw = {"model_type": "phimoe", **tiny("phimoe"), "max_position_embeddings": 256, "rope_scaling": entry}
    plan = plan_extension(from_config(raw), length, "none").layer_types[0]
    assert plan.attention_factor == plan.attention_factor_before == entry[name]
    config = AutoConfig.for_model(**copy.deepcopy(raw))
    cls = importlib.import_module("transformers.models.phimoe.modeling_phimoe").PhimoeRotaryEmbedding
    cosines, sines = cls(config)(torch.zeros(1), torch.tensor([[length - 1]]))
    assert torch.allclose((cosines**2 + sines**2).sqrt(), torch.tensor(plan.attention_factor))


RELEASED_DBRX = {
    "model_type": "dbrx", "d_model": 64, "n_heads": 4, "n_layers": 2, "max_seq_len": 128, "vocab_size": 96,
    "attn_config": {"clip_qkv": 8, "kv_n_heads": 2, "rope_theta": 500000},
    "ffn_config": {"ffn_hidden_size": 32, "moe_num_experts": 4, "moe_top_k": 2},
}  # fmt: skip
"""As databricks/dbrx-base states it, in small."""


def test_dbrx_has_the_base_of_its_attn_config_and_says_what_transformers_takes(tmp_path: Path) -> None:
    """Saved by transformers, the config has both: its own 10,000 in rope_parameters, which nothing was trained with."""
    saved = {**RELEASED_DBRX, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}
    for raw in (RELEASED_DBRX, saved):
        config = AutoConfig.for_model(**copy.deepcopy(raw))
        assert config.rope_parameters["rope_theta"] == 10000.0  # mended there, the remark is to go
        model = from_config(raw)
        assert model.rope_thetas == (500000.0,)
        assert any("transformers 5 takes 10,000" in note for note in model.notes)
        plan = plan_extension(model, 512, "yarn")
        assert plan.layer_types[0].theta_before == 500000.0 and any("10,000" in caveat for caveat in plan.caveats)
    mended = {**RELEASED_DBRX, "rope_theta": 500000}
    assert theirs(AutoConfig.for_model(**copy.deepcopy(mended)))[0][""][0][1] == pytest.approx(500000 ** (-1 / 8))
    assert not any("transformers" in note for note in from_config(mended).notes)
    AutoModelForCausalLM.from_config(AutoConfig.for_model(**copy.deepcopy(RELEASED_DBRX))).save_pretrained(tmp_path)
    ((parent, name),) = rotary_modules(load(tmp_path, dtype="float32").network)
    assert float(getattr(parent, name).inv_freq[1]) == pytest.approx(500000 ** (-1 / 8))


def test_phimoe_says_that_transformers_turns_it_by_the_short_factors_alone() -> None:
    entry = {"rope_type": "longrope", **FACTORS, "short_mscale": 1.1, "long_mscale": 1.3}
    entry |= {"original_max_position_embeddings": 32, "rope_theta": 1e4}
    raw = {"model_type": "phimoe", **tiny("phimoe"), "max_position_embeddings": 256, "rope_scaling": entry}
    assert any("short_factor at any length" in note for note in from_config(raw).notes)
    plan = plan_extension(from_config(raw), 256, "none")
    assert any("long_factor beyond 32 tokens" in caveat for caveat in plan.caveats)
    cls = importlib.import_module("transformers.models.phimoe.modeling_phimoe").PhimoeRotaryEmbedding
    rotary, place = cls(AutoConfig.for_model(**copy.deepcopy(raw))), torch.tensor([[255]])
    _, sines = rotary(torch.zeros(1), place)
    short = torch.sin(255 * torch.tensor(frequencies(plan.layer_types[0].parameters, 8, length=16, max_positions=256)))
    assert torch.allclose(sines[0, 0, :4] / 1.3, short, atol=1e-4)  # mended there, the remark is to go
    alike = {**entry, "long_factor": entry["short_factor"]}
    assert not any("short_factor" in note for note in from_config({**raw, "rope_scaling": alike}).notes)


@pytest.mark.parametrize("model_type", ["aya_vision", "fuyu", "shieldgemma2", "minicpmv4_6", "lfm3_vl", "voxtral"])
def test_a_text_part_that_names_no_type_is_the_one_its_whole_takes(model_type: str) -> None:
    """Read by common names alone, Fuyu would turn whole heads and ShieldGemma 2 have one base for all layers."""
    text_type = families()["text_types"][model_type]
    stated = {**tiny(text_type), "rope_theta": 54321.0}
    config = AutoConfig.for_model(model_type, text_config=copy.deepcopy(stated)).get_text_config(decoder=True)
    if getattr(config, "layer_types", None):
        stated["layer_types"] = list(config.layer_types)
    model = from_config({"model_type": model_type, "text_config": stated})
    assert model.model_type == config.model_type == text_type
    right = {key: found for module in theirs(config) for key, found in module.items()}
    for group in rope_groups(model):
        ours = frequencies(group.parameters, group.rotary_dim, length=10, max_positions=model.context.configured or 1)
        word = config.layer_types[group.layers[0]] if group.layer_type else ""
        expected, _ = right[word] if word in right else right[""]
        torch.testing.assert_close(torch.tensor(ours, dtype=torch.float64), expected, rtol=2e-5, atol=1e-9)
    assert rope_groups(model)
