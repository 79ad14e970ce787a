"""From GGUF metadata to a Model."""

import pytest

from ropescope.errors import FormatError
from ropescope.models import embedded_model_path, from_gguf
from ropescope.models import open as open_model
from ropescope.models.gguf import GGUFArray, GGUFHeader
from ropescope.models.model import Model
from ropescope.models.source import Source

STATE = {"ssm__conv_kernel": 4, "ssm__inner_size": 128, "ssm__state_size": 16}
BASE = {"block_count": 2, "embedding_length": 64, "attention.head_count": 4, "context_length": 256}


def model(arch: str = "llama", **keys) -> Model:
    named = {key.replace("__", "."): value for key, value in keys.items()}
    values = {key: value for key, value in (BASE | named).items() if value is not None}
    metadata = {"general.architecture": arch, **{f"{arch}.{key}": value for key, value in values.items()}}
    return from_gguf(GGUFHeader(3, "little", metadata, (), 0, 0), source=Source("gguf", "x"))


@pytest.mark.weights
def test_smollm2():
    found = open_model("smollm2")
    assert found.source.path == embedded_model_path()
    assert (len(found.layers), found.context_length, found.vocab_size, found.hidden_size) == (30, 8192, 49152, 576)
    assert {(layer.n_heads, layer.n_kv_heads, layer.head_dim) for layer in found.layers} == {(9, 3, 64)}
    assert found.rope_thetas == (100_000.0,)
    assert not found.assumed
    assert Model.from_dict(found.to_dict()) == found


def test_what_is_absent_is_assumed_and_said():
    found = model()
    assert found.layers[0].rope.theta == 10000.0
    assert "rope.freq_base is not in the file" in found.assumed["rope.theta"]
    assert found.layers[0].n_kv_heads == 4
    assert found.context_field == "llama.context_length"
    assert model(rope__freq_base=5e5).assumed == {}


def test_partial_rotation_scaling_and_key_length():
    found = model(
        attention__key_length=32, rope__dimension_count=8, rope__scaling__type="yarn", rope__scaling__factor=4.0,
        rope__scaling__original_context_length=64,
    )  # fmt: skip
    rope = found.layers[0].rope
    assert (found.layers[0].head_dim, rope.rotary_fraction) == (32, 0.25)
    assert rope.scaling == {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
    assert found.context.trained == 64


def test_windows_by_period_by_array_and_throughout():
    gemma = model("gemma3", block_count=12, attention__sliding_window=512, rope__freq_base=1e6)
    assert [layer.kind for layer in gemma.layers].count("full") == 2
    assert gemma.layers[5].kind == "full" and gemma.layers[5].rope.theta == 1e6
    assert gemma.layers[0].window_tokens == 512 and gemma.layers[0].rope.theta == 10000.0
    pattern = GGUFArray("bool", 2, 0, (True, False))
    listed = model(attention__sliding_window=8, attention__sliding_window_pattern=pattern)
    assert [layer.window_tokens for layer in listed.layers] == [8, None]
    assert all(layer.kind == "sliding" for layer in model(attention__sliding_window=8).layers)


def test_hybrids_and_models_without_attention():
    kv = GGUFArray("uint32", 2, 0, (0, 4))
    jamba = model("jamba", attention__head_count_kv=kv, **STATE)
    assert [layer.kind for layer in jamba.layers] == ["state-space", "full"]
    assert jamba.layers[1].rope is None
    assert {layer.kind for layer in model("mamba", attention__head_count=0, **STATE).layers} == {"state-space"}
    assert model("rwkv6", attention__head_count=0, wkv__head_size=16).positions == "none"
    assert model("bloom").positions == "alibi" and model("bloom").layers[0].rope is None


def test_layouts_that_llama_cpp_keeps_in_its_code():
    qwen = model("qwen3next", block_count=8, **STATE)
    assert [layer.index for layer in qwen.attention_layers] == [3, 7] and qwen.layers[0].kind == "linear"
    llama4 = model("llama4", block_count=4)
    assert "chunks of 8192" in llama4.assumed["window_tokens"]
    unchunked = model("llama4", block_count=4, attention__sliding_window=0)
    assert {layer.kind for layer in unchunked.layers} == {"full"} and unchunked.layers[3].rope is not None
    assert [layer.kind for layer in llama4.layers] == ["chunked"] * 3 + ["full"]
    assert llama4.layers[0].window_tokens == 8192 and llama4.layers[3].rope is None
    mla = model("deepseek2", attention__head_count_kv=1, attention__key_length=576, attention__key_length_mla=192,
                rope__dimension_count=64)  # fmt: skip
    assert (mla.layers[0].n_kv_heads, mla.layers[0].head_dim) == (4, 192)
    assert mla.layers[0].rope.rotary_fraction == pytest.approx(1 / 3)
    assert model("falcon-h1", **STATE).layers[0].beside == ("state-space",)
    with pytest.raises(FormatError, match="does not say which are which"):
        model("newhybrid", **STATE)
    with pytest.raises(FormatError, match="encoder-decoder"):
        model("t5")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"block_count": None}, "block_count is missing"),
        ({"block_count": 0}, "llama.block_count is 0"),
        ({"block_count": "2"}, "llama.block_count is '2'"),
        ({"attention__head_count": 5}, "divide evenly"),
        ({"attention__head_count_kv": 3}, "divide evenly among the KV heads"),
        ({"rope__freq_base": float("nan")}, "rope.freq_base is nan"),
        ({"rope__dimension_count": 64}, "more than a head's 16"),
        ({"attention__sliding_window": True}, "sliding_window is True"),
        ({"attention__head_count_kv": GGUFArray("uint32", 1, 0, (4,))}, "has 1 entries for 2 layers"),
    ],
)
def test_refuses_numbers_that_cannot_be(keys, words):
    with pytest.raises(FormatError, match=words):
        model(**keys)
