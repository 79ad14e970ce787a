"""The quick reading of GGUF files is equal to the bit to what transformers and the gguf package do by themselves."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from gguf import quants
from transformers import AutoConfig, AutoModelForCausalLM
from transformers import modeling_gguf_pytorch_utils as loading

from ropescope.errors import SourceError
from ropescope.network.loading import weights
from ropescope.network.loading.gguf_reading import gguf_read_fast

KINDS = gguf.GGMLQuantizationType
WORDS = ["<unk>", "<s>", "</s>", *"▁abcdefghij", "▁a", "▁ab", "äß", *(f"w{index}" for index in range(47))]
MERGES = ["▁ a", "▁a b"]

# By transformers' name of the type: more of its config than the least, and the types that its matrices are stored in.
ARCHITECTURES: dict[str, tuple[dict[str, Any], tuple[KINDS, ...]]] = {
    "llama": ({}, (KINDS.Q4_1, KINDS.Q8_0)),
    "qwen2": ({}, (KINDS.Q4_0, KINDS.F16)),
    "qwen3": ({}, (KINDS.BF16,)),
    "qwen2_moe": ({"num_experts": 4}, (KINDS.Q5_0,)),
    "gemma2": ({"head_dim": 16}, (KINDS.Q5_1, KINDS.F32)),
    "starcoder2": ({}, (KINDS.Q5_0, KINDS.Q8_0)),
    "gpt2": ({"n_embd": 64, "n_layer": 2, "n_head": 4}, (KINDS.Q8_0,)),
    "lfm2": ({"full_attn_idxs": [1], "block_auto_adjust_ff_dim": False}, (KINDS.Q4_1,)),
}  # fmt: skip


def _blocks(kind: KINDS, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    """Random blocks of the type, their scales with them: any bytes are some weights."""
    stored = gguf.quant_shape_to_byte_shape(shape, kind)
    return rng.integers(0, 256, stored, dtype=np.uint8)


@pytest.mark.parametrize("kind", sorted(quants._type_traits, key=lambda kind: kind.value), ids=lambda kind: kind.name)
def test_weights_are_those_of_the_gguf_package(kind: KINDS) -> None:
    # Three dimensions, as experts have, and more weights than one stride.
    data = _blocks(kind, (2, 300, 512), np.random.default_rng(kind.value))
    with np.errstate(all="ignore"):
        theirs = gguf.dequantize(data, kind)
        with gguf_read_fast():
            ours = gguf.dequantize(data, kind)
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    assert np.array_equal(ours.view(np.uint32), theirs.view(np.uint32))


def test_metadata_are_those_of_the_gguf_package(tmp_path: Path) -> None:
    path = tmp_path / "keys.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("naïve")
    writer.add_uint64("a.number", 2**40)
    writer.add_bool("a.flag", True)
    for name, values in {
        "words": WORDS, "one.word": ["alone"], "numbers": [1, -2, 3], "one.number": [7], "floats": [0.1, -2.5e-7],
        "flags": [True, False, True],
    }.items():  # fmt: skip
        writer.add_array(name, values)
    writer.add_key_value("bytes", b"\x01\xff", gguf.GGUFValueType.ARRAY, gguf.GGUFValueType.UINT8)
    writer.add_tensor("token_embd.weight", np.ones((4, 4), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    def read() -> tuple[dict[str, Any], list[Any]]:
        reader = gguf.GGUFReader(path)
        fields = {
            name: (loading.read_field(reader, name), field.types, field.offset) for name, field in reader.fields.items()
        }
        return fields, [(tensor.name, tensor.data_offset, tensor.data.tolist()) for tensor in reader.tensors]

    theirs = read()
    with gguf_read_fast():
        ours = read()
    assert ours == theirs
    assert ours[0]["words"][0] == WORDS and ours[0]["floats"][0][0] == np.float32(0.1)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_a_network_is_that_of_transformers(model_type: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _written(model_type, tmp_path)
    ours = weights.load(path, dtype="float32")
    monkeypatch.setattr(weights, "gguf_read_fast", nullcontext)
    theirs = weights.load(path, dtype="float32")
    assert ours.network.config.to_dict() == theirs.network.config.to_dict()
    held, expected = ours.network.state_dict(), theirs.network.state_dict()
    assert held.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(held[name].view(torch.int32), value.view(torch.int32)), name
    assert len({float(value.float().std()) for value in held.values() if value.dim() > 1}) > 3  # something was read
    assert (ours.tokenizer is None) == (theirs.tokenizer is None)
    if theirs.tokenizer is not None:
        assert ours.tokenizer("a ab fij äß").input_ids == theirs.tokenizer("a ab fij äß").input_ids
        assert ours.tokenizer.backend_tokenizer.to_str() == theirs.tokenizer.backend_tokenizer.to_str()


def test_a_header_cut_short_is_told(tmp_path: Path) -> None:
    path = _written("llama", tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"w40")])
    with pytest.raises(SourceError, match="damaged"):
        weights.load(path)


def _written(model_type: str, folder: Path) -> Path:
    """A GGUF file of random weights, laid out as transformers' own table of names and keys has it."""
    more, kinds = ARCHITECTURES[model_type]
    sizes = {
        "vocab_size": len(WORDS), "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128,
    }  # fmt: skip
    config = AutoConfig.for_model(model_type, **(sizes if "n_embd" not in more else {"vocab_size": len(WORDS)}), **more)
    with torch.device("meta"):
        made = AutoModelForCausalLM.from_config(config)
    architecture = {"qwen2_moe": "qwen2moe"}.get(model_type, model_type)
    writer = gguf.GGUFWriter(folder / f"{model_type}.gguf", architecture)
    for key, theirs in loading.GGUF_TO_TRANSFORMERS_MAPPING["config"][model_type].items():
        value = None if theirs is None else getattr(config, str(theirs), None)
        if theirs == "rope_theta":
            value = 10000.0
        if model_type == "lfm2" and theirs == "num_key_value_heads":
            writer.add_array(f"{architecture}.{key}", [0, 2])
        elif isinstance(value, float):
            writer.add_float32(f"{architecture}.{key}", value)
        elif isinstance(value, int):
            writer.add_uint32(f"{architecture}.{key}", value)
    if model_type == "lfm2":
        writer.add_uint32("lfm2.shortconv.l_cache", config.conv_L_cache)
        writer.add_layer_norm_rms_eps(config.norm_eps)
    _add_vocabulary(writer)
    rng = np.random.default_rng(0)
    state = made.state_dict()
    processor = loading.TENSOR_PROCESSORS.get(architecture, loading.TensorProcessor)(config={})
    names = loading.get_gguf_hf_weights_map(made, processor)
    for index, (name, theirs) in enumerate(names.items()):
        name = f"{name}.weight" if name.endswith("_exps") else name
        shape = _stored_shape(name, tuple(state[theirs].shape), model_type)
        values = rng.normal(0, 0.2, shape).astype(np.float32)
        kind = kinds[index % len(kinds)]
        if len(shape) < 2 or shape[-1] % 32 or kind == KINDS.F32:
            writer.add_tensor(name, values)
        else:
            writer.add_tensor(name, quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return folder / f"{model_type}.gguf"


def _stored_shape(name: str, shape: tuple[int, ...], model_type: str) -> tuple[int, ...]:
    """What a file holds where transformers holds another: gate and up apart, Conv1D turned, ones left out."""
    if "ffn_gate_exps" in name or "ffn_up_exps" in name:
        return shape[0], shape[1] // 2, shape[2]
    if model_type == "gpt2" and len(shape) == 2 and name.startswith("blk"):
        return shape[::-1]
    if name.endswith(("ffn_gate_inp_shexp.weight", "shortconv.conv.weight")):
        return tuple(size for size in shape if size != 1)
    return shape


def _add_vocabulary(writer: Any) -> None:
    writer.add_tokenizer_model("llama")
    writer.add_token_list(WORDS)
    writer.add_token_scores([-float(index) for index in range(len(WORDS))])
    writer.add_token_types([2, 3, 3, *[1] * (len(WORDS) - 3)])
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
