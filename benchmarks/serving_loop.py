"""Several requests at once with planned caches, beside transformers' whole cache in the same loop and its generate_batch.

    ropescope compress plan smollm2 --budget 30% --out plan.json
    python benchmarks/serving_loop.py plan.json [--source smollm2] [--requests 1,4,8] [--steps 16] [--shared 1408] [--rounds 3]

Prefix: time to the first token of prompts that begin alike, with and without what the first of them left, in turn.

Decoding: requests of different lengths are read, and decode steps of both caches alternate in one process, so that a drift of the
machine's speed falls on both alike. generate_batch runs behind them on the same prompts; counted are its passes in which all of
them decode. The prompts begin alike, so that reading them takes less time; a decode step does not get faster by it.

With one thread on a CPU the clock is the processor time of the thread that computes: other work on the machine disturbs it less.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
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


def prompts_of(weights: Weights, plan: KVPlan, count: int, shared: int, room: int) -> list[list[int]]:
    """Held-out text behind the same `shared` tokens: the first leaves `room` tokens of the plan, the last is a tenth shorter."""
    texts = [list(text.tokens) for text in held_out_texts(weights.tokenizer, plan.length, count)][:count]
    shorter = [plan.length // 10 * row // max(1, count - 1) for row in range(count)]
    return [
        texts[0][:shared] + text[shared : plan.length - room - less] for text, less in zip(texts, shorter, strict=True)
    ]


def clock_of(network: Any) -> Callable[[], float]:
    """What tells the time, called in the thread that computes."""
    return time.thread_time if network.device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter


def seconds(work: Callable[[], Any], network: Any) -> float:
    clock = clock_of(network)
    started = clock()
    work()
    return clock() - started


def decode(network: Any, plan: KVPlan, prompts: list[list[int]], steps: int) -> None:
    """Steps of the loop with planned and with whole caches, in turn; then of generate_batch."""
    servers = {
        name: PlannedServer(network, own, max_batch=len(prompts), prefix_bytes=1 << 34)
        for name, own in (("planned", plan), ("whole", None))
    }
    servers["whole"].prefixes = servers[
        "planned"
    ].prefixes  # before any cut both are the same, so prompts are read once
    for server in servers.values():
        for ids in prompts:
            server.submit(ids, max_new_tokens=4 * steps + len(prompts), **GREEDY)
        while server.waiting or len(server.running) < len(prompts):
            server.step()
    times: dict[str, list[float]] = {name: [] for name in servers}
    for turn in range(steps + 3):
        for name in sorted(servers, reverse=turn % 2 == 0):
            times[name].append(seconds(servers[name].step, network))
    ratios = [whole / planned for planned, whole in zip(times["planned"][3:], times["whole"][3:], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    rates = {name: len(prompts) / statistics.median(found[3:]) for name, found in times.items()}
    held = {name: server.held_bytes() for name, server in servers.items()}
    del servers
    paged = paged_rate(network, prompts, steps)
    print(
        f"{len(prompts)} at once: {rates['planned']:.1f} tokens/s planned, {rates['whole']:.1f} whole ({middle:.2f} ×, quartiles "
        f"{low:.2f}–{high:.2f}), {paged:.1f} generate_batch; {held['planned']:,} bytes planned, {held['whole']:,} whole "
        f"({held['planned'] / held['whole']:.1%})",
        flush=True,
    )


def paged_rate(network: Any, prompts: list[list[int]], steps: int) -> float:
    """Tokens per second of generate_batch where all requests decode."""
    answer = 2 * steps + 8 * len(prompts)
    # Its scheduler admits nobody while less than a fifth of the blocks is free.
    blocks = int(1.3 * sum((len(ids) + answer) // PAGE + 1 for ids in prompts))
    clock, passes = clock_of(network), []

    def note(_: Any, __: Any, given: dict[str, Any]) -> None:
        passes.append((clock(), given["input_ids"].numel()))

    handle = network.register_forward_pre_hook(note, with_kwargs=True)
    network.generate_batch(
        prompts,
        generation_config=GenerationConfig(max_new_tokens=answer, **{**GREEDY, "eos_token_id": -1}),
        continuous_batching_config=ContinuousBatchingConfig(page_size=PAGE, num_blocks=blocks, max_batch_tokens=512),
    )
    handle.remove()
    gaps = [after - at for (at, tokens), (after, _) in pairwise(passes) if tokens == len(prompts)]
    return len(prompts) / statistics.median(gaps) if gaps else float("nan")


def first_token(server: PlannedServer, ids: list[int]) -> float:
    """Seconds from submitting a prompt to an idle server until its first token."""

    def work() -> None:
        request = server.submit(ids, max_new_tokens=1, **GREEDY)
        while not request.tokens:
            server.step()

    return seconds(work, server.model)


def prefix(network: Any, plan: KVPlan, prompts: list[list[int]], shared: int) -> None:
    """Prompts that begin with the same `shared` tokens, in turn on a server that keeps prefixes and on one that does not."""
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
    prompts = prompts_of(weights, plan, given.rounds + 1, given.shared, room=plan.length // 10)
    prefix(weights.network, plan, prompts, given.shared)
    for count in map(int, given.requests.split(",")):
        room = given.steps + 2 * count + 8
        decode(weights.network, plan, prompts_of(weights, plan, count, given.shared, room), given.steps)


if __name__ == "__main__":
    main()
