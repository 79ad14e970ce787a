"""Time to a standard error of 0.02 on γ: ours against the published way, on the same weights and texts, in one run.

    python benchmarks/time_to_precision.py [SOURCE] [--prompts 12] [--published-prompts 8]

The published way runs one eager forward with `output_attentions=True` for every prompt and distance (d + 50 tokens) and
reads one cell of it. Both ways measure some prompts; the standard error falls as the root of their number, so the prompts
needed for 0.02, and with them the time, follow. Loading is left out of both.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from ropescope.measure.curve import Decay
from ropescope.measure.instrument import Request, make_corpus
from ropescope.measure.intervals import normal_draws
from ropescope.measure.protocol import LEGACY_DISTANCES, LEGACY_KEY, LEGACY_LENGTH
from ropescope.measure.session import Plan, measure
from ropescope.measure.summary import summarise
from ropescope.network.loading.weights import Weights, load

TARGET = 0.02


def published(weights: Weights, request: Request, n_prompts: int) -> tuple[float, float, float]:
    """γ, its standard error over prompts, and seconds a prompt, in the published way."""
    network, corpus = weights.network, make_corpus(request, weights)
    network.set_attn_implementation("eager")
    cells = np.zeros((n_prompts, len(LEGACY_DISTANCES)))
    started = time.perf_counter()
    for prompt in range(n_prompts):
        ids = torch.from_numpy(corpus.prompt(prompt, LEGACY_LENGTH))[None].to(network.device)
        for slot, distance in enumerate(LEGACY_DISTANCES):
            with torch.inference_mode():
                output = network(ids[:, : distance + LEGACY_KEY + 1], output_attentions=True, use_cache=False)
            rows = [weights[0, :, -1, LEGACY_KEY].float().mean() for weights in output.attentions]
            cells[prompt, slot] = torch.stack(rows).mean().item()
    seconds = (time.perf_counter() - started) / n_prompts
    network.set_attn_implementation("sdpa")
    fitted = np.array(LEGACY_DISTANCES) >= 30
    decay = Decay(np.log(np.array(LEGACY_DISTANCES)[fitted]), cells[:, fitted])
    gamma = decay.gamma(normal_draws(n_prompts, 2000, 0))
    assert gamma.value is not None and gamma.se is not None
    return gamma.value, gamma.se, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", default="smollm2")
    parser.add_argument("--prompts", type=int, default=12)
    parser.add_argument("--published-prompts", type=int, default=8)
    parser.add_argument("--corpora", default="text,random")
    parser.add_argument("--dtype", default="auto")
    given = parser.parse_args()
    weights = load(given.source, dtype=given.dtype)
    print(f"weights in {weights.dtype} ({weights.dtype_reason})")
    for corpus in given.corpora.split(","):
        request = Request(given.source, corpus=corpus, plan=Plan(prompts=given.prompts))
        profile = measure(weights, make_corpus(request, weights), request.plan)
        gamma = summarise(profile).gamma
        assert gamma.value is not None and gamma.se is not None
        our_prompts = max(2.0, given.prompts * (gamma.se / TARGET) ** 2)
        ours = our_prompts * profile.provenance["seconds"] / given.prompts
        their_gamma, their_se, seconds = published(weights, request, given.published_prompts)
        their_prompts = given.published_prompts * (their_se / TARGET) ** 2
        theirs = their_prompts * seconds
        print(f"{corpus}:")
        print(
            f"  fixed length   γ {gamma.value:.3f} ± {gamma.se:.3f}: {our_prompts:6.1f} prompts, {ours:8.1f} s to ± {TARGET}"
        )
        print(
            f"  published way  γ {their_gamma:.3f} ± {their_se:.3f}: {their_prompts:6.1f} prompts, {theirs:8.1f} s to ± {TARGET}"
        )
        print(f"  ratio          {theirs / ours:.0f} ×")


if __name__ == "__main__":
    main()
