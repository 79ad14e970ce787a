"""Which splits of a model an engine loads: what must divide, read from the sources of vLLM and SGLang.

Heads: `verify_with_parallel_config` (vLLM config/model.py) and `QKVParallelLinear` of both; KV heads are copied where
there are more devices than heads. Widths: `divide` in both engines' linear.py. Vocabulary: padded to 64 in both
(vocab_parallel_embedding.py); SGLang pads further until it divides. FP8 blocks: `validate_fp8_block_shape` and
`validate_fp8_block_shape_moe` (fp8_utils.py of both). Groups of GPTQ, AWQ and compressed-tensors:
`verify_group_size_divides_partition` (vLLM distributed/utils.py), marlin_utils.py and moe_wna16.py of both. Experts:
expert_map_manager.py (vLLM), fused_moe_triton/layer.py (SGLang). Mamba-2 and linear attention: mamba_mixer2.py,
mamba_utils.py. MXFP4 experts are padded and never refused (`mxfp4_round_up_hidden_size_and_intermediate_size`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import gcd
from typing import Final

from ropescope.checks.serving.parallel import Parallel
from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.splits.linear_layers import LinearLayer, linear_layers, mixer_heads
from ropescope.checks.serving.splits.weight_blocks import Blocks, blocks_of, method_of
from ropescope.models.config.encoders import ENCODERS
from ropescope.models.model import Model

VOCABULARY_PADDING: Final = 64
"""Both engines pad the vocabulary to this (DEFAULT_VOCAB_PADDING_SIZE)."""

REFINED: Final = 32
"""The finest blocks into which vLLM cuts those of FP8 experts (`refine_fp8_moe_block_shape`, in releases from 0.29 on)."""

NO_STAGES: Final[Mapping[str, frozenset[str]]] = {
    "vllm": frozenset(
        """
        alice_ai aria diffusion_gemma diffusion_gemma_text domyn_edge dory gemma3n gemma3n_text hrm_text idefics3
        mamba2 paddleocr_vl phi4mm smolvlm zamba2
        """.split()
    ),
    "sglang": frozenset({"deepseek_v41", "deepseek_v41_text"}),
}
"""Model types without pipeline parallelism: vLLM's classes that are no `SupportsPP`, SGLang's deepseek_v4_hook.py. Neither
engine cuts BERT-like encoders (bert.py, roberta.py, modernbert.py) or Whisper into stages."""

MOST_OFFERED: Final = 64
BALANCE: Final = 0.9
"""The share of another's free memory that SGLang asks of each device (`init_torch_distributed`, model_executor)."""
_PADDED_SHARED: Final = ("deepseek_v4", "deepseek_v41")
"""Model types whose shared expert vLLM pads to whole blocks (models/deepseek_v4/nvidia/model.py)."""


def split_problem(serving: Serving) -> str:
    """Why the devices of `serving` cannot share its model under its engine, and which splits can; "" if they can."""
    cause = _cause(serving, serving.split)
    if not cause or serving.engine.split == "layers" or _unbalanced(serving, serving.split):
        return cause
    return f"{cause} {_offer(serving)}"


def tensor_splits(serving: Serving, most: int = MOST_OFFERED) -> tuple[int, ...]:
    """The numbers of devices, up to `most`, over which the engine can cut every layer of the model."""
    return tuple(n for n in range(1, most + 1) if not _cause(serving, Parallel(n)))


def _offer(serving: Serving) -> str:
    plain = tensor_splits(serving)
    said = f"Tensor splits that work: {', '.join(map(str, plain))}." if plain else "No tensor split works."
    whole = replace(serving.split, experts=True)
    if _has_experts(serving.model) and not serving.split.experts and not _cause(serving, whole):
        said += f" With whole experts on each device (`ep`), {whole.count} work too."
    return said


def _cause(serving: Serving, split: Parallel) -> str:
    model, engine = serving.model, serving.engine
    if engine.split == "layers":
        n_layers = len(model.layers)
        return "" if split.count <= n_layers else f"{n_layers} layers cannot be dealt out to {split.count} devices."
    return next(_causes(serving, split), "")


def _causes(serving: Serving, split: Parallel) -> Iterator[str]:
    model = serving.model
    if _unbalanced(serving, split):
        yield (
            f"SGLang refuses --tp-size {split.stage} where one device has less than {BALANCE:.0%} of the free memory of another; "
            "with SGLANG_ENABLE_TP_MEMORY_INBALANCE_CHECK=0 it takes each for the smallest."
        )
    if split.pipeline > len(model.layers):
        yield f"{len(model.layers)} layers make no {split.pipeline} pipeline stages."
    types = {model.model_type, str(model.config.get("model_type", ""))}
    none = NO_STAGES.get(serving.engine.name, frozenset()) | ENCODERS | {"whisper"}
    if split.pipeline > 1 and types & none:
        yield f"{serving.engine.name} {serving.engine.version} has no pipeline stages for {model.model_type}."
    yield from _heads(model, split.tensor)
    yield from _experts(serving, split)
    layers = linear_layers(model)
    yield from _widths(serving, split, layers)
    if serving.engine.name == "vllm" and model.vocab_size and split.tensor > 1:
        padded = -(-model.vocab_size // VOCABULARY_PADDING) * VOCABULARY_PADDING
        if padded % split.tensor:
            yield f"vocab_size {model.vocab_size:,}, padded to {padded:,}, does not divide by {split.tensor}."
    yield from _blocks(serving, split, layers)


def _unbalanced(serving: Serving, split: Parallel) -> bool:
    memories = [device.memory_bytes for device in serving.devices]
    return serving.engine.name == "sglang" and split.stage > 1 and min(memories) < BALANCE * max(memories)


def _heads(model: Model, tensor: int) -> Iterator[str]:
    if tensor == 1:
        return
    for layer in model.attention_layers:
        if layer.n_heads % tensor:
            yield f"{layer.n_heads} heads (layer {layer.index}) do not divide by {tensor}, but by {_divisors(layer.n_heads)}."
        shares = layer.n_kv_heads % tensor == 0 or tensor % layer.n_kv_heads == 0
        if layer.latent is None and not shares:
            yield f"{layer.n_kv_heads} KV heads (layer {layer.index}) cannot be shared by {tensor} devices."
    for heads in mixer_heads(model):
        if heads.number % tensor and not (heads.one_for_all and heads.number == 1):
            yield f"{heads.field} {heads.number} does not divide by {tensor}, but by {_divisors(heads.number)}."


def _has_experts(model: Model) -> bool:
    return any(layer.experts is not None for layer in model.layers)


def _experts(serving: Serving, split: Parallel) -> Iterator[str]:
    total = next((layer.experts.total for layer in serving.model.layers if layer.experts is not None), None)
    if total is None:
        if split.experts:
            yield f"{serving.model.name} has no experts to spread (`ep`)."
        return
    if split.tensor > total or (split.experts and split.stage > total):
        yield f"{split.stage} devices are more than the {total} experts."
    elif split.experts and serving.engine.name == "sglang" and total % split.stage:
        yield f"{total} experts do not divide by {split.stage}, as SGLang needs of whole experts (`ep`)."


def _share(serving: Serving, split: Parallel, layer: LinearLayer) -> int:
    """Over how many devices a layer is cut."""
    if layer.expert:
        return 1 if split.experts else split.stage
    if layer.name.startswith(_MLPS) and serving.engine.name == "sglang":
        return split.stage  # attention alone is held in copies
    return split.tensor


_MLPS: Final = ("gate_proj", "down_proj", "shared expert")


def _widths(serving: Serving, split: Parallel, layers: tuple[LinearLayer, ...]) -> Iterator[str]:
    padded = _pads_experts(serving)
    for layer in layers:
        cut = _share(serving, split, layer)
        if layer.width % cut and not (layer.expert and padded) and not layer.unit > 1:
            yield f"{layer.made_of} does not divide by {cut} ({layer.name}, layer {layer.layer})."


def _pads_experts(serving: Serving) -> bool:
    return method_of(serving) == "mxfp4"


def _blocks(serving: Serving, split: Parallel, layers: tuple[LinearLayer, ...]) -> Iterator[str]:
    """Blocks that lie on two devices at once, so that their scale cannot be shared out."""
    for layer in layers:
        cut, blocks = _share(serving, split, layer), blocks_of(serving, layer)
        if blocks is None:
            continue
        if layer.cut != "rows" and blocks.rows <= 1:
            continue  # groups lie along the inputs, which these do not cut
        if cut == 1 and layer.cut != "merged":
            continue  # whole matrices may end in part of a block; those that are joined with others may not
        if layer.shared and serving.engine.name == "vllm" and serving.model.model_type.startswith(_PADDED_SHARED):
            continue
        if layer.cut == "merged" and not layer.expert and serving.engine.name == "vllm":
            continue  # `_maybe_allow_fp8_block_shape_mismatch` of linear.py
        block = blocks.columns if layer.cut == "rows" else blocks.rows
        held = layer.width // cut if not layer.copied else layer.unit * max(layer.copied // cut, 1)
        if held % block == 0 or (layer.expert and blocks.finest and _halves(held, block, blocks.finest)):
            continue
        finer = _finer(serving, layer, held, blocks)
        if cut > 1 or not finer:
            yield _sentence(serving, layer, cut, held, block, blocks, finer)


def _halves(held: int, block: int, finest: int) -> bool:
    while held % block and block > finest:
        block //= 2
    return held % block == 0


def _finer(serving: Serving, layer: LinearLayer, held: int, blocks: Blocks) -> int:
    """The finer blocks into which vLLM re-cuts those of FP8 experts; 0 where it cannot."""
    fine = gcd(blocks.rows, blocks.columns, held, serving.model.hidden_size or blocks.columns)
    able = layer.expert and serving.engine.name == "vllm" and method_of(serving) == "fp8"
    return fine if able and fine >= REFINED else 0


def _sentence(serving: Serving, layer: LinearLayer, cut: int, held: int, block: int, blocks: Blocks, finer: int) -> str:
    told = f"{layer.made_of}{f' / {cut}' if cut > 1 else ''} = {held}" if cut > 1 or layer.copied else layer.made_of
    text = f"{told} is no multiple of {block} ({blocks.field}; {layer.name}, layer {layer.layer})"
    if finer:
        return (
            f"{text}: vLLM 0.25 refuses to load it; from 0.29 on it re-cuts the blocks to {finer} × {finer} for its "
            "Triton kernels."
        )
    return f"{text}: {'SGLang' if serving.engine.name == 'sglang' else 'vLLM'} refuses to load it."


def _divisors(number: int) -> str:
    return ", ".join(str(n) for n in range(1, number + 1) if number % n == 0)
