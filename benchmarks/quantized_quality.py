"""What quantising a planned cache costs in loss and in bytes, beside the same plan in the model's type.

    python benchmarks/quantized_quality.py [SOURCE] [--length 2112] [--scored 64] [--budgets 0.15,0.3,0.6] [--texts 6]

Each text is read into the cache in one pass, which then is cut and quantised; the loss of the last `--scored` tokens is
compared with that of the same plan unquantised, text by text. Plans are uniform windows: what is asked is what rounding adds.
"""

from __future__ import annotations

import argparse
import math
import statistics
from typing import Any

import torch

from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.planning import plan_uniform
from ropescope.compress.plan.target import TYPES, Target
from ropescope.network.loading.weights import load
from ropescope.quality.loss import decoder_of, token_losses
from ropescope.quality.texts import held_out_texts


def loss(network: Any, plan: KVPlan, tokens: torch.Tensor, scored: int) -> tuple[float, int]:
    """Nats a token over the last tokens, and the bytes held when they come."""
    cache, context = plan.cache(network), len(tokens) - scored
    with torch.inference_mode():
        decoder_of(network)(input_ids=tokens[None, : context - 1], past_key_values=cache, use_cache=True)
    held = cache.held_bytes()
    return float(token_losses(network, tokens[context - 1 :], cache=cache).double().mean()), held


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", default="smollm2")
    parser.add_argument("--length", type=int, default=2112)
    parser.add_argument("--scored", type=int, default=64)
    parser.add_argument("--budgets", default="0.15,0.3,0.6")
    parser.add_argument("--texts", type=int, default=6, help="of each kind")
    parser.add_argument("--dtype", default="auto")
    given = parser.parse_args()
    weights = load(given.source, dtype=given.dtype)
    texts = held_out_texts(weights.tokenizer, given.length, given.texts)
    print(f"{given.source}: {len(texts)} texts of {given.length:,} tokens, {given.dtype}; added loss in nats a token")
    for share in map(float, given.budgets.split(",")):
        target = Target(budget_share=share)
        plan = plan_uniform(weights.model, target, length=given.length, cache_type=TYPES[given.dtype])
        plans = {"in its type": plan, "4 bits": plan.quantized(4), "2 bits": plan.quantized(2)}
        losses: dict[str, list[float]] = {name: [] for name in plans}
        for text in texts:
            for name, one in plans.items():
                found, held = loss(weights.network, one, torch.tensor(text.tokens), given.scored)
                losses[name].append(found)
                assert held <= 1.02 * one.bytes_after
        for name, one in plans.items():
            added = [a - b for a, b in zip(losses[name], losses["in its type"], strict=True)]
            error = statistics.stdev(added) / math.sqrt(len(added)) if len(added) > 1 else float("nan")
            part = one.bytes_after / one.bytes_before
            print(
                f"  {share:.0%}, {name:12} {part:6.1%} of the bytes, {statistics.fmean(added):+.4f} ± {error:.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
