"""Planning: what is chosen, what it does to the frequencies, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from math import isclose, log, pi
from pathlib import Path
from typing import Any

import gguf_models
import pytest
import released_configs as released
from hypothesis import given
from hypothesis import strategies as st

from ropescope.errors import ExtendError, FormatError
from ropescope.extend import RopePlan, plan_extension
from ropescope.extend.plan.groups import rope_groups
from ropescope.models.config.reading import from_config
from ropescope.models.model import Model
from ropescope.models.opening import open as open_model

SMOLLM2 = from_config(released.SMOLLM2_135M, name="SmolLM2")
PHI_LONGROPE = {
    **released.PHI_3_MINI_4K,
    "max_position_embeddings": 131072,
    "original_max_position_embeddings": 4096,
    "sliding_window": None,
    "rope_scaling": {"type": "longrope", "short_factor": [1.0] * 48, "long_factor": [1.5 + 0.5 * i for i in range(48)]},
}
QWEN_1M = {
    **released.QWEN25_7B, "max_position_embeddings": 1010000, "rope_theta": 1e7,
    "dual_chunk_attention_config": {"chunk_size": 262144, "local_size": 8192, "original_max_position_embeddings": 262144},
}  # fmt: skip


def model(config: dict[str, Any], **changes: Any) -> Model:
    return from_config({**config, **changes}, name="a model")


# -- what each method does ------------------------------------------------------------------------


def stretches(plan: RopePlan) -> list[float]:
    return [was / now for was, now in zip(plan.layer_types[0].before, plan.layer_types[0].after, strict=True)]


def test_linear_divides_every_pair() -> None:
    assert stretches(plan_extension(SMOLLM2, 16384, "linear")) == pytest.approx([2.0] * 32)


def test_ntk_keeps_the_fastest_pair_and_stretches_the_slowest_by_the_factor() -> None:
    plan = plan_extension(SMOLLM2, 32768, "ntk")
    found = stretches(plan)
    assert found[0] == pytest.approx(1.0)
    assert found[-1] == pytest.approx(4.0)
    assert plan.layer_types[0].theta == pytest.approx(1e5 * 4 ** (64 / 62))


def test_yarn_by_hand() -> None:
    """Pair 10 turns 35.7 times in 8,192 tokens and stays, pair 21 turns 0.68 times and is divided; 0.1 ln 2 + 1."""
    plan = plan_extension(SMOLLM2, 16384, "yarn")
    found = stretches(plan)
    assert found[10] == 1.0
    assert found[21] == pytest.approx(2.0)
    assert 1.0 < found[15] < 2.0
    assert plan.layer_types[0].attention_factor == pytest.approx(0.1 * log(2) + 1)
    assert plan.layer_types[0].parameters == {
        "rope_type": "yarn",
        "rope_theta": 100000.0,
        "factor": 2.0,
        "original_max_position_embeddings": 8192,
    }


def test_alpha_without_a_gamma_is_the_stretch_and_with_one_is_alpha_opt() -> None:
    assert plan_extension(SMOLLM2, 16384, "alpha").layer_types[0].theta == pytest.approx(2e5)
    # α_opt = (T/√2)(1 + γ)/(1 − γ)/θ: 16384 / 1.41421 × 1.85 / 0.15 = 142,885 for γ = 0.85
    plan = plan_extension(SMOLLM2, 16384, "alpha", gamma=0.85)
    assert plan.layer_types[0].theta == pytest.approx(142884.6, abs=0.1)
    assert any("out of reach" in caveat for caveat in plan.caveats)
    assert plan_extension(SMOLLM2, 16384, "alpha", alpha=4.0).layer_types[0].theta == pytest.approx(4e5)


def test_searched_factors_are_said_as_longrope_with_both_lists_alike() -> None:
    factors = [1.0 + pair / 31 for pair in range(32)]
    plan = plan_extension(SMOLLM2, 16384, "searched", factors=factors, attention_factor=1.05)
    assert stretches(plan) == pytest.approx(factors)
    entry = plan.layer_types[0]
    assert entry.attention_factor == 1.05
    assert entry.parameters["rope_type"] == "longrope"
    assert entry.parameters["short_factor"] == entry.parameters["long_factor"] == factors


@pytest.mark.parametrize(
    ("factors", "why"),
    [
        ([1.0] * 31, "31 factors do not fit 32 pairs"),
        ([1.0] * 31 + [0.0], "give numbers above 0"),
        ([1.0] * 31 + [float("nan")], "give numbers above 0"),
        ([2.0] + [1.0] * 31, "may not fall"),
    ],
)
def test_impossible_factors(factors: list[float], why: str) -> None:
    with pytest.raises(ExtendError, match=why):
        plan_extension(SMOLLM2, 16384, "searched", factors=factors)


def test_dynamic_leaves_the_stated_length_to_transformers() -> None:
    plan = plan_extension(SMOLLM2, 16384, "dynamic")
    assert plan.max_position_embeddings == 8192
    # (s · T/T0 − (s − 1)) with s = T/T0 = 2 is 3: the base of 16,384 tokens.
    assert stretches(plan)[-1] == pytest.approx(3.0)


def test_phi3_takes_longrope_only_so_that_is_what_yarn_is_written_as() -> None:
    plain = model(PHI_LONGROPE, rope_scaling=None, max_position_embeddings=4096)
    plan = plan_extension(plain, 8192, "yarn")
    entry = plan.layer_types[0]
    assert entry.parameters["rope_type"] == "longrope"
    assert entry.parameters["attention_factor"] == pytest.approx(0.1 * log(2) + 1)
    assert entry.parameters["long_factor"] == pytest.approx(stretches(plan))
    with pytest.raises(ExtendError, match="static scaling only"):
        plan_extension(plain, 8192, "dynamic")


# -- what is chosen -------------------------------------------------------------------------------


def test_within_the_trained_length_nothing_is_needed() -> None:
    plan = plan_extension(SMOLLM2, 4096)
    assert (plan.method, plan.changes, plan.max_position_embeddings) == ("none", False, 8192)
    assert "no scaling is needed" in plan.reasons[0]
    with pytest.raises(ExtendError, match=r"within the 8,192 .* no scaling is needed"):
        plan_extension(SMOLLM2, 4096, "yarn")


def test_yarn_is_chosen_and_training_is_asked_for_beyond_four() -> None:
    assert plan_extension(SMOLLM2, 32768).method == "yarn"
    assert not any("fine-tune" in caveat for caveat in plan_extension(SMOLLM2, 32768).caveats)
    assert any("fine-tune" in caveat for caveat in plan_extension(SMOLLM2, 65536).caveats)


@pytest.mark.parametrize(
    ("config", "target", "method"),
    [
        (released.SMOLLM2_135M, 32768, "rerope"),
        (released.SMOLLM2_135M, 4096, "none"),
        # Where its attention cannot be replaced: what a config can say.
        (released.LLAMA_31_8B, 262144, "llama3"),
        (released.GEMMA_3_27B, 262144, "linear"),
        (released.DEEPSEEK_V3, 327680, "yarn"),
    ],
)
def test_what_need_not_be_in_a_config_is_read_farther(config: dict[str, Any], target: int, method: str) -> None:
    plan = plan_extension(model(config), target, in_config=False)
    assert plan.method == method and plan.in_config == (method != "rerope")
    assert plan_extension(model(config), target).in_config


@pytest.mark.parametrize(
    ("config", "native", "trained", "reach", "beyond", "method", "factor"),
    [
        (released.LLAMA_31_8B, "llama3", 8192, 131072, 262144, "llama3", 16.0),
        (released.LLAMA_32_1B, "llama3", 8192, 131072, 262144, "llama3", 64.0),
        (released.DEEPSEEK_V3, "yarn", 4096, 163840, 327680, "yarn", 80.0),
        (released.GPT_OSS_20B, "yarn", 4096, 131072, 262144, "yarn", 64.0),
        (released.GEMMA_3_27B, "linear", 131072, 131072, 262144, "linear", 16.0),
        (released.QWEN3_8B, "none", 32768, 40960, 131072, "yarn", 4.0),
    ],
)
def test_native_scaling_is_recognised_and_goes_on_from_its_own_start(
    config: dict[str, Any], native: str, trained: int, reach: int, beyond: int, method: str, factor: float
) -> None:
    read = model(config)
    within = plan_extension(read, reach)
    assert (within.native_method, within.trained_length, within.native_length) == (native, trained, reach)
    assert within.method == "none"
    assert within.rope_parameters["full_attention" if len(within.layer_types) > 1 else "rope_type"]
    farther = plan_extension(read, beyond)
    assert (farther.method, farther.factor) == (method, factor)


def test_nothing_is_stacked_on_the_scaling_a_model_came_with() -> None:
    """Another method starts from the base without scaling, at the length before it."""
    plan = plan_extension(model(released.LLAMA_31_8B), 262144, "linear")
    plain = [500000 ** (-2 * pair / 128) for pair in range(64)]
    assert plan.layer_types[0].after == pytest.approx([w / 32 for w in plain])
    assert any("is lost" in caveat for caveat in plan.caveats)


def test_yarn_of_deepseek_keeps_its_own_ramp_and_scale() -> None:
    plan = plan_extension(model(released.DEEPSEEK_V3), 327680)
    assert plan.layer_types[0].parameters["mscale_all_dim"] == 1.0
    assert plan.layer_types[0].rotary_dim == 64
    assert any("(0.1 × 1 × ln s + 1)²" in caveat for caveat in plan.caveats)


def test_gemma_3_is_stretched_in_its_full_layers_alone() -> None:
    plan = plan_extension(model(released.GEMMA_3_27B), 262144)
    by_type = {entry.layer_type: entry for entry in plan.layer_types}
    assert by_type["sliding_attention"].before == by_type["sliding_attention"].after
    assert by_type["sliding_attention"].theta == 10000.0
    assert by_type["full_attention"].before == pytest.approx([2 * w for w in by_type["full_attention"].after])
    assert plan.config_path == "text_config."
    assert "1,024" in by_type["sliding_attention"].untouched


def test_longrope_has_no_formula_beyond_its_length() -> None:
    phi = model(PHI_LONGROPE)
    within = plan_extension(phi, 131072)
    assert (within.method, within.native_method, within.trained_length) == ("none", "longrope", 4096)
    # √(1 + ln 32 / ln 4096): the factor that Phi-3's config leaves to be computed.
    assert within.layer_types[0].attention_factor == pytest.approx((1 + log(32) / log(4096)) ** 0.5)
    with pytest.raises(ExtendError, match="no formula extends them"):
        plan_extension(phi, 262144)
    assert plan_extension(phi, 262144, "ntk").factor == 64.0


def test_qwen_1m_has_its_length_from_an_attention_of_its_own() -> None:
    plan = plan_extension(model(QWEN_1M), 262144)
    assert (plan.method, plan.trained_length, plan.native_length) == ("none", 262144, 262144)
    assert plan.extras["elsewhere"] == 1010000
    assert "dual chunk attention" in plan.native
    assert plan_extension(model(QWEN_1M), 524288).method == "yarn"


def test_layers_that_only_see_a_window_need_nothing() -> None:
    plan = plan_extension(model(released.MISTRAL_7B_V01), 65536)
    assert plan.method == "none"
    assert "training covered every distance" in plan.reasons[0]


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (released.BLOOM_7B1, "ALiBi's biases by distance"),
        (
            {"model_type": "jamba", "attn_layer_period": 2, "attn_layer_offset": 1, "num_hidden_layers": 4},
            "no positions at all.: it has no length limit",
        ),
        (released.GPT2, "a longer table needs training"),
        (released.JAMBA_V01, "score it on longer text as it is"),
    ],
)
def test_a_model_without_rope_is_told_what_could_be_done(config: dict[str, Any], why: str) -> None:
    with pytest.raises(ExtendError, match=f"has no RoPE to scale.*{why}"):
        plan_extension(model(config), 1 << 20)


@pytest.mark.parametrize(
    ("target", "method", "options", "why"),
    [
        (16384, "yran", {}, "Did you mean yarn"),
        (1, "auto", {}, "not a target length"),
        (True, "auto", {}, "not a target length"),
        (16384, "linear", {"factor": 0.5}, "extends nothing"),
        (16384, "yarn", {"factor": 1.5}, "reaches 12,288 tokens, not 16,384"),
        (16384, "yarn", {"factor": float("nan")}, "extends nothing"),
        (16384, "none", {"factor": 2.0}, "has no factor"),
        (16384, "yarn", {"gamma": 0.85}, "gamma is an option of the method alpha"),
        (16384, "alpha", {"gamma": 0.85, "alpha": 2.0}, "not both"),
        (16384, "alpha", {"gamma": 1.0}, "has no base"),
        (16384, "alpha", {"alpha": -1.0}, "not a usable RoPE base"),
        (16384, "alpha", {"alpha": 1e-5}, "not a usable RoPE base"),
        (16384, "searched", {}, "run `extend search`"),
        (16384, "yarn", {"factors": [1.0] * 32}, "an option of the method searched"),
        (16384, "longrope", {}, "LongRoPE has no formula"),
        (16384, "searched", {"factors": [1.0] * 32, "attention_factor": -1.0}, "attention factor"),
    ],
)
def test_what_cannot_be(target: int, method: str, options: dict[str, Any], why: str) -> None:
    with pytest.raises(ExtendError, match=why):
        plan_extension(SMOLLM2, target, method, **options)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"rope_scaling": {"rope_type": "linear", "factor": 2.0}, "rope_parameters": {"rope_type": "yarn", "factor": 2.0}},
            "rope_scaling and rope_parameters of the config differ in rope_type",
        ),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}}, "rope_theta is 100000 and rope_parameters.rope_theta"),
    ],
)  # fmt: skip
def test_a_config_that_contradicts_itself(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ExtendError, match=why):
        plan_extension(model(released.SMOLLM2_135M, **changes), 16384)


def test_a_config_that_says_the_same_twice_is_read() -> None:
    both = {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 8192}
    twice = model(released.SMOLLM2_135M, rope_scaling=both, rope_parameters={**both, "rope_theta": 100000})
    assert plan_extension(twice, 32768).factor == 4.0


def test_a_length_that_no_file_states_has_to_be_given() -> None:
    unknown = {name: value for name, value in released.SMOLLM2_135M.items() if name != "max_position_embeddings"}
    bare = model({**unknown, "model_type": "unheard_of"})
    with pytest.raises(ExtendError, match="give `trained`"):
        plan_extension(bare, 16384)
    assert plan_extension(bare, 16384, trained=4096).factor == 4.0


# -- the plan as data -----------------------------------------------------------------------------


@given(
    st.sampled_from(("linear", "ntk", "dynamic", "yarn", "llama3", "alpha", "rerope")),
    st.integers(8193, 1 << 20),
)
def test_any_plan_is_saved_and_read_back_equal_and_slows_no_pair_down_backwards(method: str, target: int) -> None:
    plan = plan_extension(SMOLLM2, target, method)
    assert RopePlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    entry = plan.layer_types[0]
    # No pair gets faster, and none is stretched beyond what its method may do.
    most = {"dynamic": plan.factor**2, "rerope": plan.factor * 4 / 3}.get(method, plan.factor)
    assert all(1 - 1e-9 <= stretch <= most * (1 + 1e-9) for stretch in stretches(plan))
    assert all(isclose(length or 0, 2 * pi / w) for length, w in zip(entry.wavelengths(), entry.after, strict=True))


def test_what_is_no_plan(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(FormatError, match="Not a RoPE plan"):
        RopePlan.load(tmp_path / "a.json")
    with pytest.raises(FormatError, match="is not a RoPE plan"):
        RopePlan.load(tmp_path / "missing.json")
    data = plan_extension(SMOLLM2, 16384).to_dict()
    with pytest.raises(FormatError, match="make it again"):
        RopePlan.from_dict({**data, "more": 1})
    data["layer_types"][0]["after"] = data["layer_types"][0]["after"][:-1]
    with pytest.raises(FormatError, match="damaged"):
        RopePlan.from_dict(data)


def test_planning_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom ropescope.extend import plan_extension\nimport ropescope.extend.report\n"
        "import ropescope.extend.settings, ropescope.extend.settings.config_file\n"
        "print(sorted({'torch', 'transformers', 'numpy', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_groups_of_a_model_with_one_rope_have_no_name() -> None:
    (group,) = rope_groups(SMOLLM2)
    assert (group.layer_type, len(group.layers), group.rotary_dim, group.window_tokens) == ("", 30, 64, None)


def test_a_gguf_file_with_factors_of_its_own_is_not_scaled_on_top(tmp_path: Path) -> None:
    """Llama 3.1's ramp is a tensor there, and no key of the file tells of it."""
    keys = {
        "block_count": 1, "attention.head_count": 4, "embedding_length": 256, "feed_forward_length": 64,
        "context_length": 131072, "rope.freq_base": 500000.0, "vocab_size": 32,
    }  # fmt: skip
    plain = {"token_embd.weight": ((32, 256), "F32")}
    with_factors = {**plain, "rope_freqs.weight": ((32,), "F32")}
    file = gguf_models.write(tmp_path / "llama31.gguf", "llama", keys, with_factors)
    with pytest.raises(ExtendError, match=r"in a tensor \(rope_freqs\.weight\)"):
        plan_extension(open_model(file, config_only=True), 262144)
    file = gguf_models.write(tmp_path / "plain.gguf", "llama", keys, plain)
    made = plan_extension(open_model(file, config_only=True), 262144)
    assert (made.method, made.factor, made.extras["architecture"]) == ("yarn", 2.0, "llama")
