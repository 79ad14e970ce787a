"""What a planned cache holds and how fast it decodes, beside transformers' DynamicCache on the same model.

    python benchmarks/planned_cache.py [SOURCE] [--length 8192] [--budgets 0.15,0.3,0.6,1.0] [--steps 24] [--batch 1]
        [--quantized 4]

Both caches are filled with the same random keys and values (the time of a step does not depend on them), and decode steps
alternate between them in one process: a drift of the machine's speed falls on both alike. `ragged` gives every KV head a
window of its own, the most calls a layer can need; `even` gives all heads the same. With --quantized, the planned cache
stores what it keeps in so many bits.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from dataclasses import replace
from typing import Any

import torch
from transformers import DynamicCache

from ropescope.compress.cache.layer import PlannedLayer
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.planning import plan_uniform
from ropescope.compress.plan.target import TYPES, Target
from ropescope.network.loading.weights import load


def ragged(plan: KVPlan, seed: int = 0) -> KVPlan:
    """The same bytes, with windows that differ from head to head by up to ±80 %."""
    rng = random.Random(seed)
    windows = [window for layer in plan.planned_layers for window in layer.windows]
    most = plan.length - plan.sinks
    for i in range(0, len(windows) - 1, 2):
        shift = int(rng.uniform(0, min(0.8 * windows[i], most - windows[i])))
        windows[i], windows[i + 1] = windows[i] + shift, windows[i + 1] - shift
    rest = iter(windows)
    layers = (replace(layer, windows=tuple(next(rest) for _ in layer.windows)) for layer in plan.layers)
    return replace(plan, layers=tuple(layers))


def fill(cache: Any, network: Any, tokens: int, batch: int) -> None:
    """`tokens` random tokens in every layer."""
    config = network.config.get_text_config()
    dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    for layer in cache.layers:
        states = torch.randn(batch, config.num_key_value_heads, tokens, dim).to(network.device, network.dtype)
        layer.update(states, states.clone())
        if isinstance(layer, PlannedLayer):
            layer.waiting = None
            layer._write(states, states)  # without attention: queries matter to picks only, and here are none


def step(network: Any, cache: Any, token: torch.Tensor) -> float:
    """Seconds of one decode step."""
    if network.device.type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    network(token, past_key_values=cache)
    if network.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def compare(network: Any, plan: KVPlan, steps: int, batch: int, name: str) -> None:
    filled = plan.length - steps - 4
    planned, full = plan.cache(network), DynamicCache(config=network.config)
    fill(planned, network, filled, batch)
    fill(full, network, filled, batch)
    token = torch.full((batch, 1), 100, device=network.device)
    ratios, full_times = [], []
    with torch.inference_mode():
        for index in range(steps + 4):
            caches = (planned, full) if index % 2 else (full, planned)
            times = {id(cache): step(network, cache, token) for cache in caches}
            if index >= 4:
                ratios.append(times[id(planned)] / times[id(full)])
                full_times.append(times[id(full)])
    low, middle, high = statistics.quantiles(ratios, n=4)
    held, said = planned.held_bytes() / batch, plan.bytes_after
    print(
        f"{name:16s} {said / plan.bytes_before:6.1%} of {plan.bytes_before:,} bytes planned, {held / said:.4f} × that held; "
        f"a step takes {middle:.3f} × DynamicCache's (quartiles {low:.3f}–{high:.3f}; {1e3 * statistics.median(full_times):.0f} ms)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", default="smollm2")
    parser.add_argument("--length", type=int, default=8192)
    parser.add_argument("--budgets", default="0.15,0.3,0.6,1.0")
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--device")
    parser.add_argument("--quantized", type=int)
    given = parser.parse_args()
    weights = load(given.source, dtype=given.dtype, device=given.device)
    for share in map(float, given.budgets.split(",")):
        target = Target(budget_share=share)
        even = plan_uniform(
            weights.model,
            target,
            length=given.length,
            cache_type=TYPES[str(weights.network.dtype).removeprefix("torch.")],
        )
        for name, plan in (("even", even), ("ragged", ragged(even))):
            plan = plan if given.quantized is None else plan.quantized(given.quantized)
            if name == "even" or share < 1:
                compare(weights.network, plan, given.steps, given.batch, f"{name} {share:.0%}")


if __name__ == "__main__":
    main()
