"""Several requests at once with planned caches, beside transformers' whole cache in the same loop and its generate_batch.

    ropescope compress plan smollm2 --budget 30% --out plan.json
    python benchmarks/serving_loop.py plan.json [--source smollm2] [--requests 1,4,8] [--steps 16] [--shared 1408] [--rounds 3]

Decoding: requests whose prompts end up to a tenth of the plan's length apart are read, and decode steps of both caches alternate
in one process, so that a drift of the machine's speed falls on both alike. generate_batch runs behind them on the same prompts;
counted are its steps once all of them decode.

Prefix: time to the first token of prompts that begin alike, with and without what the first of them left, in turn.
"""

from __future__ import annotations

import argparse
import statistics
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from transformers import ContinuousBatchingConfig, GenerationConfig

from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.serving.server import PlannedServer
from ropescope.network.loading.weights import Weights, load
from ropescope.quality.texts import held_out_texts

GREEDY = {"do_sample": False, "eos_token_id": None, "pad_token_id": 0}
PAGE = 128


def prompts_of(weights: Weights, plan: KVPlan, count: int, steps: int) -> list[list[int]]:
    """Held-out text, the first prompt as long as the plan allows, the last a tenth shorter."""
    longest = plan.length - 2 * steps - 8
    texts = [list(text.tokens) for text in held_out_texts(weights.tokenizer, plan.length, count)][:count]
    return [text[: longest - plan.length // 10 * row // max(1, count - 1)] for row, text in enumerate(texts)]


def seconds(work: Any) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def decode(network: Any, plan: KVPlan, prompts: list[list[int]], steps: int) -> None:
    """Steps of the loop with planned and with whole caches, in turn; then of generate_batch."""
    servers = {
        name: PlannedServer(network, own, max_batch=len(prompts)) for name, own in (("planned", plan), ("whole", None))
    }
    for server in servers.values():
        for ids in prompts:
            server.submit(ids, max_new_tokens=4 * steps + len(prompts), **GREEDY)
        while server.waiting:
            server.step()
    times: dict[str, list[float]] = {name: [] for name in servers}
    for turn in range(steps + 3):
        for name in sorted(servers, reverse=turn % 2 == 0):
            times[name].append(seconds(servers[name].step))
    ratios = [whole / planned for planned, whole in zip(times["planned"][3:], times["whole"][3:], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    rates = {name: len(prompts) / statistics.median(found[3:]) for name, found in times.items()}
    held = {name: server.held_bytes() for name, server in servers.items()}
    del servers
    paged, reserved = paged_rate(network, prompts, steps)
    print(
        f"{len(prompts)} at once: {rates['planned']:.1f} tokens/s planned, {rates['whole']:.1f} whole ({middle:.2f} ×, quartiles "
        f"{low:.2f}–{high:.2f}), {paged:.1f} generate_batch; {held['planned']:,} bytes planned, {held['whole']:,} whole "
        f"({held['planned'] / held['whole']:.1%}), {reserved:,} reserved by generate_batch",
        flush=True,
    )


def paged_rate(network: Any, prompts: list[list[int]], steps: int) -> tuple[float, int]:
    """Tokens per second of generate_batch once all requests decode, and the bytes of its paged cache."""
    answer = 2 * steps + 8 * len(prompts)
    # Its scheduler admits nobody while less than a fifth of the blocks is free.
    blocks = int(1.3 * sum((len(ids) + answer) // PAGE + 1 for ids in prompts))
    config = ContinuousBatchingConfig(page_size=PAGE, num_blocks=blocks, max_batch_tokens=512)
    settings = GenerationConfig(max_new_tokens=answer, **{**GREEDY, "eos_token_id": -1})
    found = network.generate_batch(
        prompts, generation_config=settings, continuous_batching_config=config, record_timestamps=True
    )
    begun = max(result.timestamps[0] for result in found.values())
    ended = min(result.timestamps[-1] for result in found.values())
    moments = [moment for moment in next(iter(found.values())).timestamps if begun < moment <= ended]
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    text = network.config.get_text_config()
    dim = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    size = 2 * text.num_hidden_layers * text.num_key_value_heads * dim * network.dtype.itemsize * blocks * PAGE
    return (len(prompts) / statistics.median(gaps) if gaps else float("nan")), size


def first_token(server: PlannedServer, ids: list[int]) -> float:
    """Seconds from submitting a prompt to an idle server until its first token."""

    def work() -> None:
        request = server.submit(ids, max_new_tokens=1, **GREEDY)
        while not request.tokens:
            server.step()

    return seconds(work)


def prefix(network: Any, plan: KVPlan, texts: list[list[int]], shared: int) -> None:
    """Prompts that begin with the same `shared` tokens, in turn on a server that keeps prefixes and on one that does not."""
    prompts = [texts[0][:shared] + text[shared : plan.length - 8] for text in texts]
    keeping, plain = PlannedServer(network, plan, prefix_bytes=1 << 30), PlannedServer(network, plan)
    cold = first_token(keeping, prompts[0])
    pairs = []
    for turn, ids in enumerate(prompts[1:]):
        order = (keeping, plain) if turn % 2 else (plain, keeping)
        found = {id(server): first_token(server, ids) for server in order}
        pairs.append((found[id(plain)], found[id(keeping)]))
    assert keeping.prefixes is not None
    ratios = [alone / behind for alone, behind in pairs]
    alone, behind = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"first token of {len(prompts[0]):,} tokens, {shared:,} shared: {alone:.2f} s alone, {behind:.2f} s behind the prefix "
        f"({statistics.median(ratios):.2f} ×, {min(ratios):.2f}–{max(ratios):.2f}); the first took {cold:.2f} s; "
        f"{keeping.prefixes.tokens_saved:,} tokens saved by {keeping.prefixes.hits} hits, {keeping.prefixes.held_bytes:,} bytes",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", type=Path)
    parser.add_argument("--source", default="smollm2")
    parser.add_argument("--requests", default="1,4,8")
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--shared", type=int, default=1408)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--device")
    given = parser.parse_args()
    weights, plan = load(given.source, dtype=given.dtype, device=given.device), KVPlan.load(given.plan)
    print(
        f"{plan.bytes_after / plan.bytes_before:.1%} of {plan.bytes_before:,} bytes planned for {plan.length:,} tokens; "
        f"{weights.network.dtype}, {torch.get_num_threads()} threads",
        flush=True,
    )
    texts = prompts_of(weights, plan, given.rounds + 1, 0)
    prefix(weights.network, plan, [text[: plan.length - plan.length // 10 - 8] for text in texts], given.shared)
    for count in map(int, given.requests.split(",")):
        decode(weights.network, plan, prompts_of(weights, plan, count, given.steps), given.steps)


if __name__ == "__main__":
    main()
