"""A plan on a loaded network is what transformers makes of the config that the plan writes: to the bit, in float32."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_models
import torch
import transformers
from long_matrix import in_brief
from packaging.version import Version
from tiny_models import Tiny
from transformers import AutoModelForCausalLM
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from ropescope.errors import ExtendError
from ropescope.extend import RopePlan, plan_extension
from ropescope.extend.plan.groups import rope_groups
from ropescope.extend.settings.config_file import save_config
from ropescope.models.model import Model
from ropescope.models.opening import open as open_model
from ropescope.network.loading.transformers_messages import quiet_transformers
from ropescope.network.rotary import rotary_modules

VERSION = Version(transformers.__version__)
TARGET = 600
METHODS = ("linear", "ntk", "dynamic", "yarn", "llama3", "alpha", "searched")
# Another base, one that follows the length, and factors by formula and from a file.
BY_KIND = ("ntk", "dynamic", "yarn", "searched")
_MIXED = {"layer_types": ["sliding_attention", "sliding_attention", "full_attention"], "sliding_window": 24}
_OF_TABLE = {tiny.id: tiny for tiny in tiny_models.TINY}
FAMILIES = (
    *(
        _OF_TABLE[name]
        for name in ("llama", "gemma", "granite", "cohere", "starcoder2", "smollm3", "mixtral", "qwen3_moe", "qwen2", "gemma2",
                     "gemma3_text", "qwen3", "olmo2", "phi", "phi3", "glm4", "deepseek_v2", "deepseek_v3", "diffllama",
                     "falcon-alibi=False", "falcon-alibi=False-sdpa", "lfm2")
    ),
    *((Tiny("olmo3", _MIXED),) if Version("5.14") <= VERSION else ()),  # by type of layer since then
    Tiny("gpt_neox", {"hidden_size": 64, "head_dim": 16}),
    Tiny("stablelm", {"partial_rotary_factor": 0.5}),
)  # fmt: skip

BRIEF = ("llama", "gemma3_text", "phi3", "deepseek_v3", "gpt_neox", "olmo3")


class Loaded:
    """A tiny network, the folder it lies in, and what its files say."""

    def __init__(self, tiny: Tiny, folder: Path) -> None:
        self.tiny, self.folder = tiny, folder
        self.network = tiny_models.build(tiny)
        self.network.save_pretrained(folder)
        self.model: Model = open_model(folder, config_only=True)

    def plan(self, method: str) -> RopePlan:
        options: dict[str, Any] = {}
        if method == "searched":
            factors = {
                group.layer_type: [1.0 + 0.11 * pair for pair in range(group.rotary_dim // 2)]
                for group in rope_groups(self.model)
            }
            options = {"factors": factors, "attention_factor": 1.03}
        return plan_extension(self.model, TARGET, method, **options)


@pytest.fixture(scope="module", params=in_brief(FAMILIES, BRIEF, name=lambda tiny: tiny.id))
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    with quiet_transformers():
        yield Loaded(request.param, tmp_path_factory.mktemp("tiny"))


def positions(network: Any) -> list[dict[str, Any]]:
    """The inverse frequencies and attention factors of every rotary module."""
    found = []
    for parent, name in rotary_modules(network):
        module = getattr(parent, name)
        buffers = {key: value.clone() for key, value in module.named_buffers() if key.endswith("inv_freq")}
        found.append(buffers | {key: value for key, value in vars(module).items() if "attention_scaling" in key})
    return found


def alike(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> bool:
    def same(one: Any, other: Any) -> bool:
        return torch.equal(one, other) if isinstance(one, torch.Tensor) else bool(one == other)

    return len(ours) == len(theirs) and all(
        one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
        for one, other in zip(ours, theirs, strict=True)
    )


def logits(network: Any, length: int) -> torch.Tensor:
    with torch.no_grad():
        return network(tiny_models.tokens(length)).logits


def not_in_this_version(loaded: Loaded, method: str) -> bool:
    """Before 5.9, transformers looks for YaRN's original length beside the types of layers, and refuses the config."""
    return method == "yarn" and loaded.tiny.model_type == "gemma3_text" and Version("5.9") > VERSION


def from_saved_config(loaded: Loaded, plan: RopePlan, folder: Path) -> Any:
    """What transformers loads from the config that the plan writes, and the same weights."""
    save_config(plan, loaded.model, folder)
    for file in loaded.folder.glob("*.safetensors*"):
        (folder / file.name).symlink_to(file)
    return AutoModelForCausalLM.from_pretrained(folder, attn_implementation=loaded.tiny.attention).eval()


@pytest.mark.parametrize("method", in_brief(METHODS, BY_KIND))
def test_applied_plan_is_what_transformers_loads_from_the_saved_config(
    loaded: Loaded, method: str, tmp_path: Path
) -> None:
    if method == "dynamic" and loaded.tiny.model_type == "phi3":
        with pytest.raises(ExtendError, match="static scaling only"):
            loaded.plan(method)
        return
    plan = loaded.plan(method)
    if not_in_this_version(loaded, method):
        with pytest.raises(ExtendError, match="transformers refuses this RoPE scaling"):
            plan.apply(loaded.network)
        return
    plan = RopePlan.load(plan.save(tmp_path / "plan.json"))
    network = loaded.network
    before, before_short, before_long = positions(network), logits(network, 40), logits(network, 400)
    with plan.applied(network):
        inside, short, long = positions(network), logits(network, 40), logits(network, 400)
    assert alike(positions(network), before)
    assert torch.equal(logits(network, 400), before_long)

    other = from_saved_config(loaded, plan, tmp_path / "extended")
    assert alike(inside, positions(other))
    assert torch.equal(short, logits(other, 40))
    assert torch.equal(long, logits(other, 400))
    # And the plan does something: a test of two unchanged networks would pass as well.
    assert not torch.equal(long, before_long)
    if method == "dynamic":
        assert torch.equal(short, before_short)


@pytest.mark.parametrize("method", in_brief((method for method in METHODS if method != "dynamic"), BY_KIND))
def test_the_frequencies_of_the_plan_are_those_of_the_network(loaded: Loaded, method: str) -> None:
    plan = loaded.plan(method)
    if not_in_this_version(loaded, method):
        return
    for entry in plan.layer_types:
        prefix = f"{entry.layer_type}_" if entry.layer_type else ""
        with plan.applied(loaded.network):
            for module in positions(loaded.network):
                if f"{prefix}inv_freq" in module:
                    theirs = module[f"{prefix}inv_freq"]
                    torch.testing.assert_close(torch.tensor(entry.after), theirs.float(), rtol=2e-6, atol=0.0)
                    assert module[f"{prefix}attention_scaling"] == pytest.approx(entry.attention_factor, rel=1e-12)


def test_dynamic_follows_the_length_as_transformers_does(loaded: Loaded, tmp_path: Path) -> None:
    """It grows with a long text, and (since 5.14) is back at the trained base with the next short one."""
    if loaded.tiny.model_type == "phi3":
        return  # static scaling only, as the test above holds
    plan = loaded.plan("dynamic")
    entry = next(entry for entry in plan.layer_types if entry.changed)
    name = f"{entry.layer_type}_inv_freq" if entry.layer_type else "inv_freq"

    def steps(network: Any) -> list[torch.Tensor]:
        found = []
        for length in (40, TARGET, 300, 40):
            logits(network, length)
            found += [module[name] for module in positions(network) if name in module]
        return found

    with plan.applied(loaded.network):
        ours = steps(loaded.network)
    theirs = steps(from_saved_config(loaded, plan, tmp_path))
    assert len(ours) == len(theirs) == 4
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
    start, grown, _, back = ours
    torch.testing.assert_close(torch.tensor(entry.before), start, rtol=2e-6, atol=0.0)
    torch.testing.assert_close(torch.tensor(entry.after), grown, rtol=2e-6, atol=0.0)
    if Version("5.14") <= VERSION:
        assert torch.equal(start, back)


def test_a_short_text_is_left_alone(loaded: Loaded) -> None:
    plan = loaded.plan("searched")
    for n_tokens, same in ((plan.seen_length, True), (plan.seen_length + 1, False)):
        before = logits(loaded.network, 40)
        with plan.applied(loaded.network, n_tokens=n_tokens) as network:
            assert torch.equal(logits(network, 40), before) == same
        assert torch.equal(logits(loaded.network, 40), before)


def test_deepseek_gets_the_softmax_scale_of_a_larger_factor(tmp_path: Path) -> None:
    """Its attention takes a scale from YaRN's factor when it is built; a new rotary module alone would miss that."""
    yarn = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64,
            "mscale": 1.0, "mscale_all_dim": 0.7}  # fmt: skip
    base = _OF_TABLE["deepseek_v3"]
    with quiet_transformers():
        loaded = Loaded(Tiny("deepseek_v3", {**base.settings, "rope_parameters": yarn}), tmp_path / "model")
        plan = plan_extension(loaded.model, 512)
        assert (plan.method, plan.factor, plan.native_length) == ("yarn", 8.0, 256)
        scales = {module.scaling for module in loaded.network.modules() if hasattr(module, "scaling")}
        with plan.applied(loaded.network):
            inside = {module.scaling for module in loaded.network.modules() if hasattr(module, "scaling")}
            found = logits(loaded.network, 300)
        assert {module.scaling for module in loaded.network.modules() if hasattr(module, "scaling")} == scales
        other = from_saved_config(loaded, plan, tmp_path / "extended")
    assert inside == {module.scaling for module in other.modules() if hasattr(module, "scaling")} != scales
    assert torch.equal(found, logits(other, 300))


def test_a_rotary_module_with_a_config_of_its_own_follows(tmp_path: Path) -> None:
    """Granite's sliding models keep a copy of the config, with a base of its own, for every base that a layer has."""
    if "granite_swa" not in CONFIG_MAPPING:
        pytest.skip("this transformers does not know the type")
    windows = {"sliding_window": 24, "layer_types": ["sliding_attention", "full_attention", "full_attention"]}
    with quiet_transformers():
        loaded = Loaded(Tiny("granite_swa", {**windows, "layer_rope_theta": [0, 10000.0, 10000.0]}), tmp_path / "model")
        plan = plan_extension(loaded.model, TARGET)
        before = logits(loaded.network, 300)
        with plan.applied(loaded.network):
            inside = logits(loaded.network, 300)
        other = from_saved_config(loaded, plan, tmp_path / "extended")
    assert torch.equal(inside, logits(other, 300))
    assert not torch.equal(inside, before)
    with pytest.raises(ExtendError, match="a base for every layer"):
        plan_extension(loaded.model, TARGET, "ntk")


def test_apply_stays_and_reaches_what_is_saved_of_the_network(tiny_folder: Path, tmp_path: Path) -> None:
    network = AutoModelForCausalLM.from_pretrained(tiny_folder)
    plan = plan_extension(open_model(tiny_folder, config_only=True), 1024)
    assert plan.apply(network) is network
    network.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["rope_parameters"]["factor"] == 4.0
    assert config["max_position_embeddings"] == 1024


def test_an_error_inside_leaves_the_network_as_it_was(tiny_folder: Path) -> None:
    network = AutoModelForCausalLM.from_pretrained(tiny_folder)
    rotary, parameters = network.model.rotary_emb, network.config.rope_parameters
    plan = plan_extension(open_model(tiny_folder, config_only=True), 1024)
    with contextlib.suppress(ZeroDivisionError), plan.applied(network):
        assert network.model.rotary_emb is not rotary
        raise ZeroDivisionError
    assert network.model.rotary_emb is rotary
    assert network.config.rope_parameters is parameters
    assert network.config.max_position_embeddings == 256


def test_what_does_not_fit_is_refused(tiny_folder: Path) -> None:
    plan = plan_extension(open_model(tiny_folder, config_only=True), 1024)
    with pytest.raises(ExtendError, match=r"The plan is for .* \(llama\); this network is a qwen3"):
        plan.apply(tiny_models.build(_OF_TABLE["qwen3"]))
    with pytest.raises(ExtendError, match="has no config"):
        plan.apply(torch.nn.Linear(2, 2))
    network = tiny_models.build(_OF_TABLE["gptj"])
    with pytest.raises(ExtendError, match="does not read its RoPE from its config"):
        plan.apply(network)
