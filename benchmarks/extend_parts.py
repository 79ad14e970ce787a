"""What the parts of a searched plan are worth: its stretch and its attention factor, changed one at a time.

    python benchmarks/extend_parts.py SOURCE PLAN.json [--texts 1] [--dtype float32]

Each calibration text is read once under the plan. For every variant the keys of that pass are turned and the last 1,024 tokens
of the target scored again, token by token against the plan itself: ± is half of a 95 % interval over those tokens. Then the
trained length is read by itself under the plan's attention factors with the frequencies left alone: what prompts would pay
within it, if only longer ones were stretched (two lists of LongRoPE's form have one attention factor between them).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import torch
from transformers import DynamicCache

from ropescope.extend.plan.planning import plan_extension
from ropescope.extend.plan.rope_plan import RopePlan
from ropescope.extend.search.rerotation import layout_of, rerotated
from ropescope.extend.search.spans import SCORED
from ropescope.network.loading.weights import Weights, load
from ropescope.quality.loss import span_losses, token_losses
from ropescope.quality.texts import calibration_texts

POWERS = (0.9, 1.1)
"""Of every factor: a little less stretch, a little more."""
FACTORS = (1.0, 1.03, 1.045, 1.09)
"""Attention factors in place of the plan's."""


def variant(weights: Weights, plan: RopePlan, power: float, attention_factor: float) -> RopePlan:
    """The plan with its factors to a power, and another attention factor."""
    # Pairs that are slowed alike differ in their last bits, and factors have to rise.
    factors = list(accumulate((factor**power for factor in plan.layer_types[0].divisors), max))
    return plan_extension(
        weights.model, plan.target_length, "searched", trained=plan.trained_length, factors=factors,
        attention_factor=attention_factor,
    )  # fmt: skip


def told(less: torch.Tensor) -> str:
    """A mean difference with half of its interval."""
    return f"{float(less.mean()):+.4f} ± {1.96 * float(less.std()) / len(less) ** 0.5:.4f}"


def at_target(weights: Weights, plan: RopePlan, variants: dict[str, RopePlan], tokens: torch.Tensor) -> None:
    """Score the end of the target under every variant, from one reading under the plan."""
    network, start, end = weights.network, plan.target_length - SCORED, plan.target_length
    layout = layout_of(network, tokens, plan, variant(weights, plan, 1.2, 1.1))
    assert layout is not None, "the keys of this network cannot be turned"
    cache = DynamicCache()
    with plan.applied(network):
        (read,) = span_losses(network, tokens[:end], [(start, end)], cache=cache)
    print(f"  at the end of {end:,} tokens: {float(read.mean()):.4f} nats a token; less that:")
    for name, other in variants.items():
        before = rerotated(cache, plan, other, layout, start - 1)
        with other.applied(network):
            (found,) = span_losses(network, tokens[start - 1 : end], [(1, SCORED + 1)], cache=before)
        print(f"    {name:24} {told(found.double() - read.double())}", flush=True)


def within(weights: Weights, plan: RopePlan, factors: Sequence[float], tokens: torch.Tensor) -> None:
    """Score the trained length by itself under attention factors alone."""
    short = tokens[: plan.seen_length]
    plain = token_losses(weights.network, short).double()
    print(
        f"  within {plan.seen_length:,} tokens: {float(plain.mean()):.4f} nats a token unscaled; with a factor alone:"
    )
    for factor in factors:
        with variant(weights, plan, 0.0, factor).applied(weights.network):
            less = token_losses(weights.network, short).double() - plain
        print(f"    attention factor {factor:<7.4g} {100 * float(less.mean() / plain.mean()):+.2f} %", flush=True)


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("plan", type=Path)
    parser.add_argument("--texts", type=int, default=1)
    parser.add_argument("--dtype", default="float32")
    given = parser.parse_args()
    weights, plan = load(given.source, dtype=given.dtype), RopePlan.load(given.plan)
    own = plan.layer_types[0].attention_factor
    variants = {f"factors to the power {power:g}": variant(weights, plan, power, own) for power in POWERS}
    variants |= {f"attention factor {factor:g}": variant(weights, plan, 1.0, factor) for factor in FACTORS}
    for text in calibration_texts(weights.tokenizer, plan.target_length, given.texts):
        print(f"{text.kind}: {text.name}", flush=True)
        tokens = torch.tensor(text.tokens, device=weights.network.device)
        within(weights, plan, (own, 1.03), tokens)
        at_target(weights, plan, variants, tokens)


if __name__ == "__main__":
    main()
