"""Logical parameters of quantised checkpoints, against the published sizes of released models."""

import json

import pytest
import stored_models as made
from packed_tables import FORMATS, awq

from ropescope.models import open as open_model
from ropescope.models.safetensors.elements import Uncountable, alike
from ropescope.models.safetensors.elements import elements as elements_of_kinds
from ropescope.models.safetensors.header import StoredTensor


def elements(tensors, method):
    return elements_of_kinds(alike(tensors), tensors, method)


BITS = {
    "GPTQ, 3 bits": 3,
    "bitsandbytes int8": 8,
    "FP8 in blocks": 8,
    "FP8 in tensors": 8,
    "compressed-tensors W8A16": 8,
}


@pytest.mark.parametrize("name", FORMATS)
def test_llama_has_its_parameters_however_they_are_packed(tmp_path, name):
    parts, method = FORMATS[name]
    table = dict(made.llama_rest())
    for module, (out, width) in made.llama_linears().items():
        table |= {f"{module}.{leaf}": stored for leaf, stored in parts(module, out, width).items()}
    folder = made.write_folder(tmp_path / "llama", made.LLAMA_31_8B | {"quantization_config": method}, table)
    found = open_model(folder)
    assert found.parameters.total == found.parameters.active == made.LLAMA_31_8B_PARAMETERS
    assert found.parameters.count == "exact" and found.parameters.source == "model.safetensors"
    assert found.parameters.parts["mlp"] == 32 * 3 * 4096 * 14336
    assert found.parameters.parts["attention"] == 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024)
    # What is not quantised takes two bytes, what is takes at least its bits, and scales add a little to that.
    quantised = 32 * (3 * 4096 * 14336 + 2 * 4096 * 4096 + 2 * 4096 * 1024)
    least = 2 * (made.LLAMA_31_8B_PARAMETERS - quantised) + quantised * BITS.get(name, 4) // 8
    assert least < found.weights.n_bytes < 1.11 * least
    assert found.weights.n_bytes == sum(found.weights.by_type.values())
    assert found.weights.n_bytes == (folder / "model.safetensors").stat().st_size - header_bytes(folder)


def header_bytes(folder):
    with (folder / "model.safetensors").open("rb") as file:
        return 8 + int.from_bytes(file.read(8), "little")


def test_gpt_oss_20b_in_mxfp4(tmp_path):
    # Shapes of openai/gpt-oss-20b. Its model card: 20.91 B parameters, 19.12 B of them in MLPs (experts and routers),
    # 0.64 B in attention, 1.16 B in embedding and head; 3.61 B active, which leave the embedding out.
    config = {
        "model_type": "gpt_oss", "num_hidden_layers": 24, "num_attention_heads": 64, "num_key_value_heads": 8,
        "head_dim": 64, "hidden_size": 2880, "intermediate_size": 2880, "vocab_size": 201088, "sliding_window": 128,
        "num_local_experts": 32, "num_experts_per_tok": 4, "max_position_embeddings": 131072,
        "tie_word_embeddings": False, "quantization_config": {"quant_method": "mxfp4"},
    }  # fmt: skip
    table = {
        "model.embed_tokens.weight": ("BF16", (201088, 2880)), "lm_head.weight": ("BF16", (201088, 2880)),
        "model.norm.weight": ("BF16", (2880,)),
    }  # fmt: skip
    for layer in range(24):
        at = f"model.layers.{layer}"
        for name, out, width in (("q", 4096, 2880), ("k", 512, 2880), ("v", 512, 2880), ("o", 2880, 4096)):
            table[f"{at}.self_attn.{name}_proj.weight"] = ("BF16", (out, width))
            table[f"{at}.self_attn.{name}_proj.bias"] = ("BF16", (out,))
        table[f"{at}.self_attn.sinks"] = ("BF16", (64,))
        table[f"{at}.mlp.router.weight"] = ("BF16", (32, 2880))
        table[f"{at}.mlp.router.bias"] = ("BF16", (32,))
        for name, rows in (("gate_up_proj", 5760), ("down_proj", 2880)):
            table[f"{at}.mlp.experts.{name}_blocks"] = ("U8", (32, rows, 90, 16))
            table[f"{at}.mlp.experts.{name}_scales"] = ("U8", (32, rows, 90))
            table[f"{at}.mlp.experts.{name}_bias"] = ("BF16", (32, rows))
        for name in ("input", "post_attention"):
            table[f"{at}.{name}_layernorm.weight"] = ("BF16", (2880,))
    found = open_model(made.write_folder(tmp_path / "gpt-oss", config, table)).parameters
    assert found.total == 20_914_757_184
    assert round(found.parts["experts"] + found.parts["router"], -7) == 19_120_000_000
    assert round(found.parts["attention"], -7) == 640_000_000
    assert round(found.parts["embedding"] + found.parts["output"], -7) == 1_160_000_000
    assert round(found.active - found.parts["embedding"], -7) == 3_610_000_000


def test_deepseek_v3_in_fp8_with_its_prediction_layer(tmp_path):
    # Shapes of deepseek-ai/DeepSeek-V3. The Hub counts 3,918,786,560 numbers in BF16, 680,571,043,840 in F8_E4M3 and
    # 41,555,600 in F32, which are scales and the routers' balance; its README: 671 B, 37 B active, and for MTP 11.5 B
    # beside an embedding and a head of 0.9 B each that it shares with the model, and that the files hold twice.
    config = {
        "model_type": "deepseek_v3", "num_hidden_layers": 61, "num_attention_heads": 128, "num_key_value_heads": 128,
        "hidden_size": 7168, "intermediate_size": 18432, "moe_intermediate_size": 2048, "vocab_size": 129280,
        "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
        "n_routed_experts": 256, "num_experts_per_tok": 8, "n_shared_experts": 1, "first_k_dense_replace": 3,
        "num_nextn_predict_layers": 1, "max_position_embeddings": 163840, "tie_word_embeddings": False,
        "quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128]},
    }  # fmt: skip
    table = {
        "model.embed_tokens.weight": ("BF16", (129280, 7168)), "lm_head.weight": ("BF16", (129280, 7168)),
        "model.norm.weight": ("BF16", (7168,)),
    }  # fmt: skip

    def quantised(name, out, width):
        table[f"{name}.weight"] = ("F8_E4M3", (out, width))
        table[f"{name}.weight_scale_inv"] = ("F32", (-(-out // 128), -(-width // 128)))

    def plain(name, *shape):
        table[f"{name}.weight"] = ("BF16", shape)

    def mlp(name, inner):
        quantised(f"{name}.gate_proj", inner, 7168)
        quantised(f"{name}.up_proj", inner, 7168)
        quantised(f"{name}.down_proj", 7168, inner)

    for layer in range(62):
        at = f"model.layers.{layer}"
        quantised(f"{at}.self_attn.q_a_proj", 1536, 7168)
        quantised(f"{at}.self_attn.q_b_proj", 128 * 192, 1536)
        quantised(f"{at}.self_attn.kv_a_proj_with_mqa", 576, 7168)
        quantised(f"{at}.self_attn.kv_b_proj", 128 * 256, 512)
        quantised(f"{at}.self_attn.o_proj", 7168, 128 * 128)
        plain(f"{at}.self_attn.q_a_layernorm", 1536)
        plain(f"{at}.self_attn.kv_a_layernorm", 512)
        plain(f"{at}.input_layernorm", 7168)
        plain(f"{at}.post_attention_layernorm", 7168)
        if layer < 3:
            mlp(f"{at}.mlp", 18432)
            continue
        plain(f"{at}.mlp.gate", 256, 7168)
        table[f"{at}.mlp.gate.e_score_correction_bias"] = ("F32", (256,))
        mlp(f"{at}.mlp.shared_experts", 2048)
        for expert in range(256):
            mlp(f"{at}.mlp.experts.{expert}", 2048)
    last = "model.layers.61"
    plain(f"{last}.embed_tokens", 129280, 7168)
    plain(f"{last}.enorm", 7168)
    plain(f"{last}.hnorm", 7168)
    plain(f"{last}.eh_proj", 7168, 14336)
    plain(f"{last}.shared_head.norm", 7168)
    plain(f"{last}.shared_head.head", 129280, 7168)
    model = open_model(made.write_folder(tmp_path / "deepseek", config, table))
    found = model.parameters
    assert model.weights.by_type == {
        "F8_E4M3": 680_571_043_840, "BF16": 2 * 3_918_786_560, "F32": 4 * 41_555_600,
    }  # fmt: skip
    assert found.total == 680_571_043_840 + 3_918_786_560
    assert round(found.total - found.parts["prediction"], -9) == 671_000_000_000
    assert found.parts["prediction"] - 2 * 129280 * 7168 == pytest.approx(11.5e9, rel=0.01)
    assert found.parts["experts"] == 58 * 256 * 3 * 7168 * 2048
    assert found.active == found.total - found.parts["prediction"] - found.parts["experts"] * 248 // 256
    assert 37_000_000_000 < found.active < 38_000_000_000


def stored(table):
    return [StoredTensor(name, dtype, shape, 0) for name, (dtype, shape) in table.items()]


@pytest.mark.parametrize(
    "table",
    [
        {"a.codes": ("I16", (8, 8, 2)), "a.codebooks": ("F16", (2, 256, 1, 8))},
        {"a.W_q": ("U8", (8, 8)), "a.scale": ("F16", (8, 1))},
        {"a.qweight": ("I32", (8, 8))},
        {"a.weight": ("U8", (8, 8))},
        {"a.weight_packed": ("I32", (8, 8)), "a.weight_scale": ("F16", (8, 1))},
    ],
)
def test_an_unknown_packing_is_no_number(tmp_path, table):
    with pytest.raises(Uncountable, match="a"):
        elements(stored(table), {})
    folder = made.write_folder(tmp_path / "model", made.LLAMA_31_8B, table)
    found = open_model(folder)
    assert found.parameters.count == "closed" and found.weights.n_bytes > 0
    assert "packed in a way not known here" in found.notes[-1]


def test_buffers_are_bytes_and_no_parameters():
    table = {
        "h.0.attn.bias": ("F32", (1, 1, 8, 8)), "h.0.attn.masked_bias": ("F32", ()), "h.0.attn.c_attn.bias": ("F32", (24,)),
        "rotary_emb.inv_freq": ("F32", (4,)), "embeddings.position_ids": ("I64", (1, 8)), "gate.weight": ("F32", (4, 8)),
        "gate.e_score_correction_bias": ("F32", (4,)), "causal": ("BOOL", (8, 8)), "steps": ("I64", ()),
    }  # fmt: skip
    assert elements(stored(table), {}) == {"h.0.attn.c_attn.bias": 24, "gate.weight": 32}


def test_a_scale_that_scales_nothing_is_a_parameter():
    table = {"norm.scale": ("F32", (8,)), "attn.logit_scale": ("F32", ()), "x.weight": ("F8_E4M3", (2, 2))}
    assert elements(stored(table), {"quant_method": "fp8"}) == {"norm.scale": 8, "attn.logit_scale": 1, "x.weight": 4}


def test_a_sparse_matrix_counts_its_zeros():
    table = {"a.compressed": ("F16", (100,)), "a.bitmask": ("U8", (16, 2)), "a.row_offsets": ("I64", (16,)),
             "a.shape": ("I64", (2,))}  # fmt: skip
    assert elements([StoredTensor(t.name, t.dtype, t.shape, 32) for t in stored(table)], {}) == {"a.compressed": 256}


def test_the_config_may_be_silent_and_json_may_be_strange(tmp_path):
    table = dict(made.llama_rest())
    for module, (out, width) in made.llama_linears().items():
        table |= {f"{module}.{leaf}": stored for leaf, stored in awq(module, out, width).items()}
    for strange in ([], 4, {"bits": "four", "config_groups": [1]}, {"quant_method": None, "bits": True}):
        folder = made.write_folder(tmp_path / "llama", made.LLAMA_31_8B | {"quantization_config": strange}, table)
        assert json.loads((folder / "config.json").read_text())["quantization_config"] == strange
        assert open_model(folder).parameters.total == made.LLAMA_31_8B_PARAMETERS


def test_experts_alike_are_counted_together_and_others_apart():
    table = {f"layers.{layer}.experts.{expert}.w.weight": ("F32", (2, 3)) for layer in (0, 1) for expert in range(10)}
    table["layers.1.experts.9.w.weight"] = ("F32", (5, 5))
    assert elements(stored(table), {}) == {
        "layers.0.experts.0.w.weight": 60, "layers.1.experts.0.w.weight": 54, "layers.1.experts.9.w.weight": 25,
    }  # fmt: skip
