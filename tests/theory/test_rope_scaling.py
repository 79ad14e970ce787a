"""Inverse frequencies against the functions that `transformers` loads checkpoints with."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ropescope import theory
from ropescope.errors import DomainError

torch = pytest.importorskip("torch")
rope_utils = pytest.importorskip("transformers.modeling_rope_utils")
from transformers import LlamaConfig  # noqa: E402


def _theirs(rule, theta, head_dim, original_length=8192, length=0, max_length=0, **parameters):
    config = LlamaConfig(
        hidden_size=4 * head_dim,
        num_attention_heads=4,
        head_dim=head_dim,
        max_position_embeddings=max_length or original_length,
        rope_parameters={"rope_type": rule, "rope_theta": theta, **parameters},
    )
    frequencies, factor = rope_utils.ROPE_INIT_FUNCTIONS[rule](config, "cpu", seq_len=length or None)
    return [float(w) for w in frequencies], float(factor)


shapes = {"theta": st.floats(4, 7.5).map(lambda e: 10**e), "head_dim": st.sampled_from([64, 80, 128, 256])}


@settings(max_examples=25, deadline=None)
@given(**shapes, factor=st.floats(1, 64), length=st.integers(1, 200_000))
def test_linear_dynamic_and_default(theta, head_dim, factor, length):
    theirs, one = _theirs("linear", theta, head_dim, factor=factor)
    assert theory.inverse_frequencies(theta, head_dim, "linear", factor) == pytest.approx(theirs, rel=1e-6)
    assert one == theory.attention_factor("linear", factor)
    theirs, _ = _theirs("dynamic", theta, head_dim, length=length, factor=factor)
    ours = theory.inverse_frequencies(theta, head_dim, "dynamic", factor, 8192, length)
    assert ours == pytest.approx(theirs, rel=1e-6)
    plain, _ = _theirs("linear", theta, head_dim, factor=1.0)
    assert theory.inverse_frequencies(theta, head_dim) == pytest.approx(plain, rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    **shapes,
    factor=st.floats(1, 64),
    original=st.sampled_from([2048, 4096, 8192, 32768]),
    fast=st.sampled_from([32.0, 64.0, 8.0]),
    slow=st.sampled_from([1.0, 0.5, 2.0]),
    truncate=st.booleans(),
)
def test_yarn(theta, head_dim, factor, original, fast, slow, truncate):
    theirs, factor_theirs = _theirs(
        "yarn", theta, head_dim, original, factor=factor, beta_fast=fast, beta_slow=slow, truncate=truncate,
        original_max_position_embeddings=original,
    )  # fmt: skip
    ours = theory.inverse_frequencies(theta, head_dim, "yarn", factor, original, 0, fast, slow, truncate)
    # Their ramp is a float32 of a pair's place between two others: what is kept of the frequency divides its rounding.
    ramp = 1.2e-7 + 6e-8 * math.log(theta) / math.log(fast / slow)
    for mine, float32, unscaled in zip(ours, theirs, theory.inverse_frequencies(theta, head_dim), strict=True):
        assert mine == pytest.approx(float32, rel=1e-6 + ramp * (1 - 1 / factor) / (mine / unscaled))
    assert theory.attention_factor("yarn", factor) == pytest.approx(factor_theirs, rel=1e-12)


def test_yarn_with_mscale_as_in_deepseek():
    parameters = {"factor": 40.0, "mscale": 0.707, "mscale_all_dim": 1.0, "original_max_position_embeddings": 4096}
    _, factor = _theirs("yarn", 1e4, 64, 4096, **parameters)
    assert theory.attention_factor("yarn", 40, 4096, 0.707, 1.0) == pytest.approx(factor, rel=1e-12)
    assert theory.attention_factor("yarn", 4) == pytest.approx(1.1386294, rel=1e-7)


RELEASED = {  # rule, θ, rotary dimensions, trained length, parameters of the published config
    "Qwen2.5, YaRN": ("yarn", 1e6, 128, 32768, {"factor": 4.0}),
    "DeepSeek-V3": ("yarn", 1e4, 64, 4096, {"factor": 40.0, "beta_fast": 32.0, "beta_slow": 1.0}),
    "gpt-oss": ("yarn", 150000.0, 64, 4096, {"factor": 32.0, "truncate": False}),
    "Llama-3.1": ("llama3", 5e5, 128, 8192, {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}),
    "Llama-3.2-1B": ("llama3", 5e5, 64, 8192, {"factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}),
}


@pytest.mark.parametrize("name", RELEASED)
def test_released_models_to_one_in_a_million(name):
    rule, theta, head_dim, original, parameters = RELEASED[name]
    theirs, _ = _theirs(rule, theta, head_dim, original, original_max_position_embeddings=original, **parameters)
    ours = theory.inverse_frequencies(theta, head_dim, rule, original_length=original, **parameters)
    assert ours == pytest.approx(theirs, rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    **shapes,
    factor=st.floats(1, 64),
    original=st.sampled_from([2048, 8192, 32768]),
    low=st.floats(0.5, 2),
    gap=st.floats(0.5, 8),
)
def test_llama3(theta, head_dim, factor, original, low, gap):
    theirs, _ = _theirs(
        "llama3", theta, head_dim, original, factor=factor, low_freq_factor=low, high_freq_factor=low + gap,
        original_max_position_embeddings=original,
    )  # fmt: skip
    ours = theory.inverse_frequencies(
        theta, head_dim, "llama3", factor, original, low_freq_factor=low, high_freq_factor=low + gap
    )
    plain = theory.inverse_frequencies(theta, head_dim)
    for mine, float32, unscaled in zip(ours, theirs, plain, strict=True):
        turns, kept = original * unscaled / (2 * math.pi), mine / unscaled
        between = low * 0.9999 < turns < (low + gap) * 1.0001
        # Their share of interpolation is a float32 of turns / gap, and what is kept of the frequency divides its rounding.
        assert mine == pytest.approx(float32, rel=1e-6 + 1e-6 * between * turns / gap * (1 - 1 / factor) / kept)


@pytest.mark.parametrize("length", [1000, 4096, 4097, 100_000])
def test_longrope(length):
    short, long = [1 + i / 50 for i in range(48)], [1 + i for i in range(48)]
    theirs, factor = _theirs(
        "longrope", 1e4, 96, 4096, length, max_length=131072, short_factor=short, long_factor=long,
        original_max_position_embeddings=4096, factor=32.0,
    )  # fmt: skip
    ours = theory.inverse_frequencies(1e4, 96, "longrope", 32, 4096, length, short_factors=short, long_factors=long)
    assert ours == pytest.approx(theirs, rel=1e-6)
    assert theory.attention_factor("longrope", 32, 4096) == pytest.approx(factor, rel=1e-12)


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_proportional(share):
    theirs, _ = _theirs("proportional", 1e6, 256, factor=8.0, partial_rotary_factor=share)
    ours = theory.inverse_frequencies(1e6, 256, "proportional", 8, rotary_share=share)
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_static_ntk_stretches_the_slowest_pair_by_the_factor():
    plain = theory.inverse_frequencies(1e4, 128)
    scaled = theory.inverse_frequencies(1e4, 128, "ntk", 4)
    assert plain[-1] / scaled[-1] == pytest.approx(4, rel=1e-13)
    assert scaled[0] == plain[0] == 1
    # The dynamic rule at s times the trained length uses the stretch f·s − (f − 1).
    dynamic = theory.inverse_frequencies(1e4, 128, "dynamic", 2, 2048, 8192)
    assert dynamic == pytest.approx(theory.inverse_frequencies(1e4, 128, "ntk", 7, 2048), rel=1e-14)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1e4, 127), "head_dim = 127"),
        ((1e4, 128, "rope"), "rule = 'rope'"),
        ((1e4, 128, "linear", 0.5), "factor = 0.5"),
        ((1e4, 2, "ntk", 2), "head_dim = 2"),
        ((1e4, 128, "longrope", 2), "short_factors has 0 numbers"),
        ((0, 128), "theta = 0"),
        ((1e4, 128, "llama3", 8, 8192, 0, 32, 1, True, 4, 1), "high_freq_factor"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(DomainError, match=message):
        theory.inverse_frequencies(*arguments)
