"""Names of modules without building the network: those that transformers builds, and matched as peft matches them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import released_configs as released
import torch
from lazily import lazily

from ropescope.checks.finetuning.matching import DEFAULTS, Targets, key_of, targeted
from ropescope.checks.finetuning.modules import Modules, modules_of
from ropescope.errors import FormatError
from ropescope.models import open as open_model
from ropescope.models.counts.meta import network_on_meta

peft = lazily("peft", reason="peft is not installed: pip install 'ropescope[peft]'")

TYPES = {
    "llama": released.LLAMA_31_8B, "qwen3": released.QWEN3_8B, "gemma2": released.GEMMA_2_9B, "phi": released.PHI_2,
    "phi3": released.PHI_3_MINI_4K, "gpt2": released.GPT2, "gpt_neox": released.GPT_NEOX_20B, "falcon": released.FALCON_7B,
    "bloom": released.BLOOM_7B1, "opt": released.OPT_13B, "starcoder2": released.STARCODER2_3B,
    "qwen3_moe": released.QWEN3_30B_A3B, "mixtral": released.MIXTRAL_8X7B, "deepseek_v2": released.DEEPSEEK_V2_LITE,
}  # fmt: skip
DEPTH = ("num_hidden_layers", "n_layer")
TARGETS = {
    "names": Targets(("q_proj", "v_proj", "c_attn", "query_key_value", "qkv_proj")),
    "pattern": Targets(r".*\.(?:q_proj|o_proj|c_proj|dense)"),
    "all": Targets("all-linear"),
    "output": Targets(("lm_head", "embed_out", "down_proj")),
    "without": Targets(("q_proj", "dense", "c_proj"), exclude=("layers.0.self_attn.q_proj",)),
    "saved": Targets(("q_proj", "lm_head"), modules_to_save=("lm_head",)),
    "one layer": Targets(("q_proj", "c_attn", "dense"), layers=(1,)),
}


def shallow(config: Mapping[str, Any]) -> dict[str, Any]:
    """`config` with two layers."""
    return {name: 2 if name in DEPTH else value for name, value in config.items() if name != "layer_types"}


@pytest.fixture(scope="module", params=TYPES)
def built(request: pytest.FixtureRequest) -> tuple[Any, Modules]:
    config = shallow(TYPES[request.param])
    return network_on_meta(config)[0], modules_of(open_model(config))


def linear_of(network: Any) -> dict[str, tuple[int, int]]:
    from transformers.pytorch_utils import Conv1D

    return {
        name: tuple(module.weight.shape)[:: -1 if isinstance(module, Conv1D) else 1]
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D)
    }


def test_the_linear_layers_are_those_that_transformers_builds(built: tuple[Any, Modules]) -> None:
    network, modules = built
    assert {**modules.linear, **modules.output} == linear_of(network)
    names = {name for name, module in network.named_modules() if module is network.get_input_embeddings()}
    assert set(modules.embedding) == names


@pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS)
def test_names_match_as_in_peft(built: tuple[Any, Modules], targets: Targets) -> None:
    from peft.tuners.tuners_utils import _maybe_include_all_linear_layers, check_target_module_exists

    network, modules = built
    config = peft.LoraConfig(
        target_modules=targets.modules if isinstance(targets.modules, str) else list(targets.modules),
        exclude_modules=list(targets.exclude) or None,
        modules_to_save=list(targets.modules_to_save) or None,
        layers_to_transform=list(targets.layers) or None,
    )
    config = _maybe_include_all_linear_layers(config, network)
    theirs = {name for name, _ in network.named_modules() if name and check_target_module_exists(config, name)}
    excluded = {name for name in theirs if type(check_target_module_exists(config, name)).__name__ == "_ExcludedModule"}
    known = {*modules.shapes, *modules.containers}
    assert set(targeted(targets, modules)) == (theirs - excluded) & known
    assert (theirs - excluded) <= known


def test_defaults_are_those_of_peft() -> None:
    from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as theirs

    assert {name: list(targets) for name, targets in DEFAULTS.items()} == {name: theirs[name] for name in DEFAULTS}


@pytest.mark.parametrize(
    "key", [r"q_proj", r"layers.1.self_attn.q_proj", r".*layers\.[01]\..*q_proj", r"^model\.layers.*"]
)
def test_patterns_of_ranks_match_as_in_peft(key: str) -> None:
    from peft.utils.other import get_pattern_key

    for name in ("model.layers.1.self_attn.q_proj", "model.layers.1.mlp.seq_proj", "q_proj"):
        assert (key_of([key], name) or name) == get_pattern_key([key], name)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "((a*)?)*", ".*.*.*.*.*.*x", "(", "x" * 5000])
def test_a_pattern_that_could_take_hours_is_refused(pattern: str) -> None:
    with pytest.raises(FormatError, match="pattern"):
        targeted(Targets(pattern), Modules({"a" * 90: (1, 1)}, {}, {}, "made"))
