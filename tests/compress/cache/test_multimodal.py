"""Plans on models that read images as well: their text, and images in the first pass, whatever their masks are like."""

from __future__ import annotations

import copy
import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from planned_models import explicit_masks, logits_in_pieces, ragged_plan
from tiny_models import tokens
from tiny_tokenizer import byte_tokenizer
from torch import Tensor
from transformers import AutoConfig, AutoModelForImageTextToText

from ropescope.app.cli import app
from ropescope.network.capture import decoder_layers

TEXT = {
    "vocab_size": 300, "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 512, "pad_token_id": 0,
}  # fmt: skip
TOWER = {
    "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 28,
    "patch_size": 14, "depth": 3, "num_heads": 2, "out_hidden_size": 64, "spatial_merge_size": 2, "temporal_patch_size": 2,
}  # fmt: skip
_QWEN = {"image_token_id": 299, "video_token_id": 298, "vision_start_token_id": 297, "vision_end_token_id": 296}
_MROPE = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3]}
KINDS: dict[str, dict[str, Any]] = {
    "gemma3": {
        "text_config": {
            "model_type": "gemma3_text", "layer_types": ["sliding_attention", "full_attention"], "sliding_window": 16,
            "query_pre_attn_scalar": 16,
        },
        "vision_config": {"model_type": "siglip_vision_model"}, "mm_tokens_per_image": 4, "image_token_index": 299,
        "boi_token_index": 298, "eoi_token_index": 297,
    },
    "llava": {
        "text_config": {"model_type": "llama"}, "image_token_index": 299, "vision_feature_layer": -1,
        "vision_config": {"model_type": "clip_vision_model", "projection_dim": 16},
    },
    "mistral3": {
        "text_config": {"model_type": "mistral", "sliding_window": None}, "image_token_index": 299, "vision_feature_layer": -1,
        "vision_config": {"model_type": "pixtral", "head_dim": 16},
    },
    "qwen2_5_vl": {
        "text_config": {"rope_parameters": _MROPE}, "vision_config": {"window_size": 56, "fullatt_block_indexes": [1]}, **_QWEN,
    },
    "qwen3_vl": {
        "text_config": {"rope_parameters": {**_MROPE, "mrope_interleaved": True}},
        "vision_config": {"num_position_embeddings": 16, "deepstack_visual_indexes": [0]}, **_QWEN,
    },
}  # fmt: skip
"""The towers have more layers than the text: what looks for the longest list of layers finds the wrong one."""
OPTIONS = {"max_new_tokens": 8, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}


def network_of(kind: str, attention: str = "sdpa") -> Any:
    given = KINDS[kind]
    parts = {"text_config": {**TEXT, **given["text_config"]}, "vision_config": {**TOWER, **given["vision_config"]}}
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **{**given, **parts})
    return AutoModelForImageTextToText.from_config(config, attn_implementation=attention).eval()


def with_image(kind: str, network: Any) -> dict[str, Tensor]:
    """A prompt of 30 tokens with one image in it."""
    ids, made = tokens(30), torch.Generator().manual_seed(3)
    if kind.startswith("qwen"):
        ids[0, 4], ids[0, 5] = 297, 299
        image = {
            "pixel_values": torch.randn(4, 3 * 2 * 14 * 14, generator=made),
            "image_grid_thw": torch.tensor([[1, 2, 2]]),
        }
        # Before transformers 5.4 places in images are told by the tokens around them.
        told = "mm_token_type_ids" in inspect.signature(network.forward).parameters
        return {"input_ids": ids, **image, **({"mm_token_type_ids": (ids == 299).long()} if told else {})}
    ids[0, 5:9] = 299
    image = {"pixel_values": torch.randn(1, 3, 28, 28, generator=made)}
    return {"input_ids": ids, **image, **({"token_type_ids": (ids == 299).long()} if kind == "gemma3" else {})}


@pytest.mark.parametrize("kind", KINDS)
def test_text_is_what_explicit_masks_make_of_it(kind: str) -> None:
    network, ids, pieces = network_of(kind), tokens(60), [40, *[1] * 20]
    plan = ragged_plan(network, length=60, most_picks=6)
    with explicit_masks(network, plan, pieces), torch.no_grad():
        expected = network(input_ids=ids, use_cache=False).logits
    found = logits_in_pieces(network, ids, plan.cache(network), pieces)
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()
    layers = decoder_layers(network)[1]
    assert len(layers) == 2 and layers[0] is network.get_decoder().layers[0]


def test_layers_of_images_among_those_of_text_are_left_alone() -> None:
    """Mllama looks into the layers of the cache for images; text alone skips those that attend to them."""
    towers = {"attention_heads": 2, "num_global_layers": 1, "max_num_tiles": 1, "vision_output_dim": 64}
    parts = {"intermediate_layers_indices": [0], "supported_aspect_ratios": [[1, 1]]}
    text = {
        **TEXT,
        "num_hidden_layers": 3,
        "cross_attention_layers": [1],
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e4},
    }
    torch.manual_seed(0)
    config = AutoConfig.for_model("mllama", text_config=text, vision_config={**TOWER, **towers, **parts})
    network, ids, pieces = AutoModelForImageTextToText.from_config(config).eval(), tokens(60), [40, *[1] * 20]
    plan = ragged_plan(network, length=60)
    with explicit_masks(network, plan, pieces), torch.no_grad():
        expected = network(input_ids=ids, use_cache=False).logits
    found = logits_in_pieces(network, ids, plan.cache(network), pieces)
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("kind", ["gemma3", "llava", "qwen2_5_vl", "qwen3_vl"])
def test_images_are_read_in_full_and_kept_as_the_plan_says(kind: str, attention: str) -> None:
    """Gemma 3's image tokens see each other both ways. Behind the prompt, the next token sees what a cache cut by hand holds."""
    network = network_of(kind, attention)
    inputs = with_image(kind, network)
    whole = ragged_plan(network, length=60, even=57)
    own = network.generate(**inputs, **OPTIONS)
    assert torch.equal(network.generate(**inputs, **OPTIONS, past_key_values=whole.cache(network)), own)
    with whole.applied(network):
        assert torch.equal(network.generate(**inputs, **OPTIONS), own)
    narrow = ragged_plan(network, length=60, sinks=3, even=6)
    planned, cut = narrow.cache(network), None
    with torch.no_grad():
        first = network(**inputs, past_key_values=planned)
        filled = network(**inputs, use_cache=True)
        torch.testing.assert_close(first.logits, filled.logits)
        cut = copy.deepcopy(filled.past_key_values)
        for layer, entry in zip(cut.layers, narrow.layers, strict=True):
            if entry.planned:
                layer.keys, layer.values = (
                    torch.cat([states[:, :, :3], states[:, :, -5:]], dim=2) for states in (layer.keys, layer.values)
                )
        deltas = getattr(network.model, "rope_deltas", None)
        place = torch.tensor([[30 + (0 if deltas is None else int(deltas))]])
        given = {"input_ids": tokens(1), "position_ids": place if deltas is None else place.expand(3, 1, 1)}
        expected = network(**given, past_key_values=cut).logits
        found = network(**given, past_key_values=planned).logits
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["gemma3", "llava"])
def test_plan_evaluate_and_the_hint_they_print(kind: str, tmp_path: Path) -> None:
    from ropescope.compress import KVPlan
    from ropescope.network.loading.weights import load

    folder, text = tmp_path / "model", tmp_path / "text.txt"
    network_of(kind).save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    text.write_text("What a model attends to is written in its weights, and read from them. " * 40, "utf-8")
    plan, own = str(tmp_path / "plan.json"), ["--length", "256", "--text", str(text)]
    planning = ["plan", str(folder), *own, "--budget", "50%", "--prompts", "2", "--out", plan]
    scoring = ["evaluate", str(folder), *own, "--plan", plan, "--scored", "16", "--texts", "1", "--methods", "uniform"]
    for command in (planning, scoring):
        done = CliRunner().invoke(app, ["compress", *command])
        assert done.exit_code == 0, (done.output, done.exception)
    network = load(str(folder)).network
    kept = KVPlan.load(Path(plan)).cache(network)
    said = network.generate(tokens(40), **OPTIONS, past_key_values=kept)
    assert said.shape[1] == 48 and kept.get_seq_length() == 47
