"""Questions on one long context: asked together, against one by one, as a ratio of processor time in one run.

    python benchmarks/questions.py [SOURCE] [--length 8192] [--questions 20] [--dtype float32]

The context is filled once. Both ways give the same answers but for rounding: the largest difference of an answer's
log-probability is printed, and how many verdicts differ.
"""

from __future__ import annotations

import argparse
import time

import torch

from ropescope.network.loading.weights import load
from ropescope.quality.loss import prefill
from ropescope.quality.retrieval import score, scores
from ropescope.quality.trials import trials


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", nargs="?", default="smollm2")
    parser.add_argument("--length", type=int, default=8192)
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--dtype", default="auto")
    given = parser.parse_args()
    weights = load(given.source, dtype=given.dtype)
    print(f"weights in {weights.dtype} ({weights.dtype_reason})")
    network, count = weights.network, given.questions
    depths = (0.1, 0.3, 0.5, 0.7, 0.9)
    group = trials(
        weights.tokenizer, "multi-key", given.length, depths=depths, per_depth=count // 5, keys_per_context=count
    )
    began = time.process_time()
    cache = prefill(network, torch.tensor(group[0].context))
    filled = time.process_time()
    together = scores(network, cache, group)
    middle = time.process_time()
    each = [score(network, cache, trial) for trial in group]
    ended = time.process_time()
    print(f"prefill {filled - began:.1f} s, together {middle - filled:.1f} s, one by one {ended - middle:.1f} s")
    print(f"{len(group)} questions together cost {(middle - filled) / (ended - middle):.3f} of one by one")
    apart = max(abs(one.answer - other.answer) for one, other in zip(together, each, strict=True))
    differ = sum(
        (one.right, one.exact) != (other.right, other.exact) for one, other in zip(together, each, strict=True)
    )
    print(f"log-probabilities differ by at most {apart:.3f}; {differ} of {len(group)} verdicts differ")


if __name__ == "__main__":
    main()
