"""What Leaky ReRoPE costs: time of a chunked prefill and of decoding after it, as ratios to the network as it is, in one run.

    python benchmarks/rerope_cost.py [SOURCE] [--length 16384] [--chunk 2048] [--decode 16] [--dtype float32]

Chunks of both prefills alternate, each on its own cache, and so do the tokens that are decoded, so that a drift of the machine's
speed falls on both alike. The ratios are those of the sums of processor time (all threads). The network as it is runs the
attention that transformers chooses, with its mask.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from typing import Any

import torch
from transformers import DynamicCache

from ropescope.extend.plan.planning import plan_extension
from ropescope.network.loading.weights import load
from ropescope.quality.loss import decoder_of


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", nargs="?", default="smollm2")
    parser.add_argument("--length", type=int, default=16384)
    parser.add_argument("--chunk", type=int, default=2048)
    parser.add_argument("--decode", type=int, default=16)
    parser.add_argument("--dtype", default="float32")
    given = parser.parse_args()
    weights = load(given.source, dtype=given.dtype)
    network, plan = weights.network, plan_extension(weights.model, given.length + given.decode, "rerope")
    ids = torch.randint(5, 40000, (1, given.length + given.decode), generator=torch.Generator().manual_seed(0))
    caches = {name: DynamicCache() for name in ("as it is", "rerope")}
    spent = {(name, phase): 0.0 for name in caches for phase in ("within", "beyond", "decoding")}

    def through(name: str, part: torch.Tensor, phase: str) -> None:
        context: Any = plan.applied(network) if name == "rerope" else contextlib.nullcontext()
        with context:
            before = time.process_time()
            decoder_of(network)(input_ids=part, past_key_values=caches[name], use_cache=True)
            spent[name, phase] += time.process_time() - before

    starts = [*range(0, given.length, given.chunk), *range(given.length, given.length + given.decode)]
    with torch.inference_mode():
        for turn, start in enumerate(starts):
            stop = min(start + given.chunk, given.length) if start < given.length else start + 1
            phase = "decoding" if start >= given.length else "beyond" if stop > plan.trained_length else "within"
            for name in list(caches) if turn % 2 else list(caches)[::-1]:
                through(name, ids[:, start:stop], phase)
    for phase in ("within", "beyond", "decoding"):
        one, other = spent["as it is", phase], spent["rerope", phase]
        print(f"{phase}: as it is {one:.2f} s, rerope {other:.2f} s, ratio {other / max(one, 1e-9):.3f}")


if __name__ == "__main__":
    main()
