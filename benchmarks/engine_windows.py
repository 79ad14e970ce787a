"""What vLLM itself reads of the windows that `compress plan --engine vllm` emits, and the blocks that it then holds.

    pip install vllm==0.33.0 and ropescope into one environment, then
    python benchmarks/engine_windows.py FOLDER plan.json [--in-flight 8192]

FOLDER needs a config.json, and no weights; no GPU is needed. vLLM's own code reads that config with the overrides, and its cache
specs say how many blocks of 16 tokens a sequence takes in a layer of each kind. plan.json is the plan that `--out` kept.
--in-flight: tokens that vLLM runs at once (its max_num_batched_tokens), which a sliding layer holds beside its window.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from types import SimpleNamespace

import torch

from ropescope.compress.engines.settings import settings_for
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.models.opening import open as open_model

BLOCK = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("plan", type=Path)
    parser.add_argument("--in-flight", type=int, default=8192)
    given = parser.parse_args()
    from vllm.transformers_utils.config import get_config
    from vllm.v1.kv_cache_interface import FullAttentionSpec, SlidingWindowSpec

    plan, model = KVPlan.load(given.plan), open_model(given.folder)
    told = settings_for(plan, model, "vllm", str(given.folder)).overrides
    read = get_config(str(given.folder), trust_remote_code=False, hf_overrides_kw=dict(told))
    assert read.layer_types == told["layer_types"] and read.sliding_window == told["sliding_window"]
    shape = {"block_size": BLOCK, "num_kv_heads": 1, "head_size": 64, "dtype": torch.bfloat16}
    sliding = SlidingWindowSpec(**shape, sliding_window=read.sliding_window)
    whole = FullAttentionSpec(**shape)
    config = SimpleNamespace(
        max_in_flight_tokens=given.in_flight,
        model_config=SimpleNamespace(max_model_len=plan.length),
        parallel_config=SimpleNamespace(
            decode_context_parallel_size=1, prefill_context_parallel_size=1, pipeline_parallel_size=1
        ),
    )
    blocks = {
        "sliding_attention": sliding.max_memory_usage_bytes(config) // sliding.page_size_bytes,
        "full_attention": whole.max_memory_usage_bytes(config) // whole.page_size_bytes,
    }
    kinds = read.layer_types
    held = sum(blocks[kind] for kind in kinds)
    print(
        f"{type(read).__name__} with a window of {read.sliding_window:,} tokens in {kinds.count('sliding_attention')} layers"
    )
    print(f"blocks of {BLOCK} tokens for {plan.length:,} tokens: {blocks}")
    share = held / (len(kinds) * blocks["full_attention"])
    print(f"of the whole cache: {share:.3f}; planned {plan.bytes_after / plan.bytes_before:.3f}")


if __name__ == "__main__":
    main()
