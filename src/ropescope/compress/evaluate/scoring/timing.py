"""How long prefill and decoding take with a planned cache, over the same with transformers' DynamicCache."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from ropescope.compress.evaluate.results.result import Times
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.network.loading.weights import Weights
from ropescope.network.rotary import positions_of_whole

PREFILLS, STEPS, WARM_UP = 3, 24, 4


def times(weights: Weights, plan: KVPlan, tokens: Tensor) -> Times:
    """Ratios of times on `tokens` [1, tokens], at most as many as the plan is for; the last of them are decoded.

    Both caches are run in turn, so that a drift of the machine's speed falls on both alike; a ratio is one of neighbours.
    """
    network = weights.network
    context, rest = tokens[:, : -STEPS - WARM_UP], tokens[:, -STEPS - WARM_UP :]

    def fresh() -> tuple[Any, Any]:
        return plan.cache(network), DynamicCache(config=network.config.get_text_config(decoder=True))

    prefills: list[float] = []
    with torch.inference_mode(), positions_of_whole(network, tokens.shape[1]):
        for index in range(PREFILLS):
            planned, full = fresh()
            prefills.append(_ratio(network, planned, full, context, index))
        steps = [_ratio(network, planned, full, rest[:, at : at + 1], at) for at in range(STEPS + WARM_UP)]
    share = plan.bytes_at(tokens.shape[1]) / plan.bytes_before
    return Times(share, tokens.shape[1], _quartiles(prefills), _quartiles(steps[WARM_UP:]), PREFILLS, STEPS)


def _ratio(network: Any, planned: Any, full: Any, tokens: Tensor, index: int) -> float:
    order = (planned, full) if index % 2 else (full, planned)
    seconds = {id(cache): _seconds(network, lambda cache=cache: _run(network, cache, tokens)) for cache in order}  # type: ignore[misc]
    return seconds[id(planned)] / seconds[id(full)]


def _run(network: Any, cache: Any, tokens: Tensor) -> None:
    network.base_model(input_ids=tokens, past_key_values=cache, use_cache=True)


def _seconds(network: Any, work: Callable[[], None]) -> float:
    on_gpu = network.device.type == "cuda"
    if on_gpu:
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if on_gpu:
        torch.cuda.synchronize()
    return time.perf_counter() - started


def _quartiles(values: list[float]) -> tuple[float, float, float]:
    low, middle, high = statistics.quantiles(values, n=4)
    return low, middle, high
