"""The rotary tables that vLLM or SGLang builds from the emitted settings, against the plan's own frequencies.

    pip install vllm==0.33.0 (or sglang==0.5.23) and ropescope into one environment, then
    python benchmarks/engine_positions.py vllm|sglang FOLDER --to 16384

FOLDER needs a Llama's config.json, and no weights. The engine's own code reads that config with the overrides that are shown for
it, checks the length, and makes the cosines and sines of every position; no model is served and no GPU is needed. Printed is
how far they are from the plan's at most, over all positions of the target. Angles are in float32 there: near 16,384 radians
that alone is 1e-3.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from ropescope import models
from ropescope.extend import RopePlan, plan_extension
from ropescope.extend.settings import settings_for

METHODS = ("none", "linear", "ntk", "dynamic", "yarn", "llama3", "alpha", "searched")


def by_vllm(folder: Path, overrides: dict[str, Any], plan: RopePlan, head_dim: int) -> Any:
    """vLLM's rotary module."""
    import vllm.platforms
    from vllm.platforms.cpu import CpuPlatform

    if not torch.cuda.is_available():
        vllm.platforms._current_platform = CpuPlatform()
    from vllm.config import ModelConfig, VllmConfig, set_current_vllm_config
    from vllm.model_executor.layers import rotary_embedding

    config = VllmConfig()
    config.model_config = ModelConfig(
        model=str(folder), skip_tokenizer_init=True, hf_overrides=overrides, max_model_len=plan.target_length,
        dtype="float32",
    )  # fmt: skip
    read = config.model_config.hf_config
    rotary_embedding._ROPE_DICT.clear()  # it keeps modules by their settings
    with set_current_vllm_config(config):
        return rotary_embedding.get_rope(
            head_dim,
            max_position=read.max_position_embeddings,
            rope_parameters=read.rope_parameters,
            dtype=torch.float32,
        )


def by_sglang(folder: Path, overrides: dict[str, Any], plan: RopePlan, head_dim: int) -> Any:
    """SGLang's, asked for as its Llama does."""
    from sglang.srt.configs.model_config import ModelConfig
    from sglang.srt.layers.rotary_embedding import factory, get_rope

    model = ModelConfig(
        model_path=str(folder), context_length=plan.target_length, model_override_args=json.dumps(overrides),
        dtype="float32",
    )  # fmt: skip
    read = model.hf_config
    factory._ROPE_DICT.clear()
    return get_rope(
        head_dim, rotary_dim=head_dim, max_position=read.max_position_embeddings,
        base=read.rope_parameters["rope_theta"], rope_scaling=read.rope_parameters, dtype=torch.float32,
    )  # fmt: skip


def apart(rotary: Any, plan: RopePlan) -> float:
    """The largest difference of a cosine or sine, over the positions of the target."""
    entry = plan.layer_types[0]
    table = getattr(rotary, "cos_sin_cache", None)
    if table is None:  # LongRoPE's short positions come first, and with long prompts the long ones are read
        table = rotary.long_short_cos_sin_cache[plan.trained_length :]
    if len(table) < plan.target_length:
        raise SystemExit(f"{plan.method}: the engine has {len(table):,} positions, not {plan.target_length:,}.")
    angles = torch.arange(plan.target_length, dtype=torch.float64)[:, None] * torch.tensor(
        entry.after, dtype=torch.float64
    )
    made = torch.cat([angles.cos(), angles.sin()], dim=-1) * entry.attention_factor
    return float((table[: plan.target_length].double().cpu() - made).abs().max())


def main() -> None:
    """Build and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engine", choices=("vllm", "sglang"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--to", type=int, default=16384)
    given = parser.parse_args()
    model = models.open(str(given.folder))
    head_dim = model.layers[0].head_dim
    factors = {
        "factors": [1.0 + 2 * pair / head_dim for pair in range(head_dim // 2)], "attention_factor": 1.05
    }  # fmt: skip
    for method in METHODS:
        plan = plan_extension(model, given.to, method, **(factors if method == "searched" else {}))
        told = settings_for(plan, str(given.folder), given.engine)
        if not told.text:
            print(f"{method:10} not written for it: {told.remarks[0]}")
            continue
        build = by_vllm if given.engine == "vllm" else by_sglang
        rotary = build(given.folder, dict(told.overrides), plan, head_dim)
        print(f"{method:10} {type(rotary).__name__:36} {apart(rotary, plan):.1e}")


if __name__ == "__main__":
    main()
