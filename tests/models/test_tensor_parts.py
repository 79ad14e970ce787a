"""The parts of a network by the names of its tensors."""

import pytest

from ropescope.models.tensor_parts import layer_of, part_of

NAMES = {
    "embedding": (
        "model.embed_tokens.weight", "transformer.wte.weight", "transformer.wpe.weight", "token_embd.weight",
        "model.language_model.embed_tokens.weight", "gpt_neox.embed_in.weight", "per_layer_token_embd.weight",
        "transformer.embedding.word_embeddings.weight", "model.tok_embeddings.weight", "backbone.embeddings.weight",
    ),
    "attention": (
        "model.layers.0.self_attn.q_proj.weight", "transformer.h.3.attn.c_attn.weight", "blk.7.attn_qkv.weight",
        "gpt_neox.layers.0.attention.query_key_value.weight", "blk.0.attn_kv_a_mqa.weight", "blk.0.attn_sinks.weight",
        "transformer.encoder.layers.0.self_attention.dense.weight", "model.layers.0.attention.wqkv.weight",
        "model.layers.0.self_attn.kv_a_proj_with_mqa.weight", "backbone.layers.9.mixer.q_proj.weight",
        "model.layers.0.self_attn.gate_proj.weight", "model.layers.0.self_attn.indexer.wq_b.weight",
    ),
    "mixer": (
        "backbone.layers.0.mixer.in_proj.weight", "model.layers.0.mamba.A_log", "model.layers.0.linear_attn.conv1d.weight",
        "blk.0.ssm_conv1d.weight", "blk.0.time_mix_w0.weight", "model.layers.0.conv.in_proj.weight",
        "blk.0.shortconv.conv.weight", "model.layers.0.temporal_block.rg_lru.recurrent_param",
    ),
    "mlp": (
        "model.layers.0.mlp.gate_proj.weight", "transformer.h.0.mlp.c_fc.weight", "model.decoder.layers.0.fc1.weight",
        "model.layers.0.mlp.shared_experts.up_proj.weight", "blk.0.ffn_up_shexp.weight", "blk.0.ffn_down.weight",
        "model.layers.0.feed_forward.w1.weight", "backbone.layers.0.mixer.up_proj.weight",
        "model.layers.0.shared_mlp.input_linear.weight", "model.layers.0.mlp.pre_expert_proj.weight",
    ),
    "experts": (
        "model.layers.0.mlp.experts.17.gate_proj.weight", "model.layers.0.block_sparse_moe.experts.3.w2.weight",
        "blk.0.ffn_gate_exps.weight", "model.layers.0.mlp.experts.gate_up_proj_blocks",
        "model.layers.0.feed_forward.experts.down_proj", "transformer.blocks.0.ffn.experts.mlp.w1",
    ),
    "router": (
        "model.layers.0.mlp.gate.weight", "model.layers.0.block_sparse_moe.gate.weight", "blk.0.ffn_gate_inp.weight",
        "model.layers.0.mlp.router.bias", "model.layers.0.mlp.shared_expert_gate.weight",
        "transformer.blocks.0.ffn.router.layer.weight", "model.layers.3.mlp.gate.wg.weight",
    ),
    "norm": (
        "model.norm.weight", "model.layers.0.input_layernorm.weight", "transformer.ln_f.bias", "output_norm.weight",
        "model.layers.0.self_attn.q_norm.weight", "blk.0.attn_norm.weight", "transformer.h.0.ln_1.weight",
        "bert.embeddings.LayerNorm.weight", "backbone.norm_f.weight", "blk.1.ssm_norm.weight",
    ),
    "output": (
        "lm_head.weight", "embed_out.weight", "output.weight", "transformer.output_layer.weight", "head.weight",
        "language_model.lm_head.weight",
    ),
    "vision": (
        "model.visual.blocks.0.attn.qkv.weight", "vision_tower.encoder.layers.0.mlp.fc1.weight", "v.blk.0.attn_q.weight",
        "model.multi_modal_projector.linear_1.weight", "mm.0.weight", "model.audio_tower.layers.0.fc1.weight",
        "visual.merger.mlp.0.weight",
    ),
    "prediction": ("mtp.layers.0.mlp.gate_proj.weight", "blk.46.nextn.eh_proj.weight", "model.mtp_layers.0.token_layernorm.weight"),
    "other": ("model.layers.0.laurel.linear_left.weight", "blk.0.altup_correct_coef.weight", "model.layers.0.attn_hc.base"),
}  # fmt: skip


@pytest.mark.parametrize("part", NAMES)
def test_names_of_released_models(part):
    assert {name: part_of(name) for name in NAMES[part]} == dict.fromkeys(NAMES[part], part)


def test_layers():
    assert layer_of("model.layers.61.mlp.experts.200.up_proj.weight") == 61
    assert layer_of("transformer.h.0.attn.c_attn.weight") == layer_of("blk.0.attn_q.weight") == 0
    assert layer_of("transformer.blocks.12.ffn.experts.mlp.w1") == 12
    assert layer_of("lm_head.weight") is None
    assert layer_of("model.layers.99999999999999.x") is None


def test_gguf_names_have_a_part():
    from gguf.constants import TENSOR_NAMES

    names = {name.replace("{bid}", "3").replace("{xid}", "1") for name in TENSOR_NAMES.values()}
    # Speech decoders, and what Gemma 3n adds to a layer.
    odd = ("conv", "posnet", "altup", "laurel", "rope", "per_layer_model_proj", "blk.3.inp_gate", "blk.3.proj",
           "blk.3.layer_output_scale")  # fmt: skip
    assert {name for name in names if part_of(f"{name}.weight") == "other" and not name.startswith(odd)} == {
        "blk.3.altup_correct_coef", "blk.3.altup_correct_scale", "blk.3.altup_predict_coef", "blk.3.altup_router",
        "blk.3.laurel_l", "blk.3.laurel_r",
    }  # fmt: skip
