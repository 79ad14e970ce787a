"""What skipping key blocks as BLASST does costs in loss, how much it skips, and how far its rule λ = a / L holds.

    python benchmarks/blasst_quality.py [SOURCE] [--length 2048] [--skip 0.1] [--texts 4] [--calibration 3]

The a of each phase is found on calibration texts of a quarter, half and all of the length, and scored on held-out ones: the
first half of each text is context, the loss of the second is compared with that of full attention, text by text. Prefill:
all tokens in one pass. Decode: the context in full attention, then token by token (`--decode-tokens` of them). Times: of a
pass over the whole text, beside the model's own attention, in turns.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import torch

from ropescope.compress import blasst, calibrate_blasst
from ropescope.network.loading.weights import load
from ropescope.quality.loss import prefill, token_losses
from ropescope.quality.texts import calibration_texts, held_out_texts


def timed(run: Any) -> tuple[float, torch.Tensor]:
    started = time.perf_counter()
    losses = run()
    return time.perf_counter() - started, losses


def decode_losses(
    network: Any, tokens: torch.Tensor, context: int, count: int, inside: Any
) -> tuple[torch.Tensor, Any]:
    """The losses of `count` tokens behind `context`, fed one by one inside a context, and what the context gave."""
    cache = prefill(network, tokens[:context])
    losses = []
    with inside as given, torch.inference_mode():
        for i in range(context, context + count):
            logits = network(tokens[None, i : i + 1], past_key_values=cache, use_cache=True).logits[0, -1:].float()
            losses.append(torch.nn.functional.cross_entropy(logits, tokens[i + 1 : i + 2], reduction="none"))
    return torch.cat(losses), given


def shown(differences: list[float]) -> str:
    error = statistics.stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else float("nan")
    return f"{statistics.fmean(differences):+.4f} ± {error:.4f}"


def numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def score(network: Any, texts: list[torch.Tensor], a: dict[str, float], count: int) -> Iterator[str]:
    added: dict[str, list[float]] = {"prefill": [], "decode": []}
    share: dict[str, list[float]] = {"prefill": [], "decode": []}
    ratios = []
    for text in texts:
        half = len(text) // 2
        own_seconds, own = timed(lambda text=text, half=half: token_losses(network, text, skip=half, chunk=len(text)))
        with blasst(network, a=a) as run:
            seconds, losses = timed(
                lambda text=text, half=half: token_losses(network, text, skip=half, chunk=len(text))
            )
        added["prefill"].append(float((losses - own).mean()))
        share["prefill"].append(run.skipped("prefill"))
        ratios.append(seconds / own_seconds)
        whole, _ = decode_losses(network, text, half, count, nullcontext())
        cut, run = decode_losses(network, text, half, count, blasst(network, a=a))
        added["decode"].append(float((cut - whole).mean()))
        share["decode"].append(run.skipped("decode"))
    for phase in added:
        yield f"    {phase:<8} skipped {statistics.fmean(share[phase]):5.1%}   added loss {shown(added[phase])} nats a token"
    yield f"    a pass takes {statistics.median(ratios):.2f} × the model's own attention"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", default="smollm2")
    parser.add_argument("--length", type=int, default=2048)
    parser.add_argument("--skip", type=numbers, default=[0.1])
    parser.add_argument("--texts", type=int, default=4, help="of each kind")
    parser.add_argument("--calibration", type=int, default=3, help="of each length")
    parser.add_argument("--calibrate-at", help="lengths, as 512,2048; default: a quarter, half and all of the length")
    parser.add_argument("--decode-tokens", type=int, default=32)
    parser.add_argument("--dtype", default="float32")
    given = parser.parse_args()
    weights = load(given.source, dtype=given.dtype)
    network, tokenizer = weights.network, weights.tokenizer
    lengths = [given.length // 4, given.length // 2, given.length]
    if given.calibrate_at is not None:
        lengths = [int(length) for length in given.calibrate_at.split(",")]
    tuning = [text for n in lengths for text in calibration_texts(tokenizer, n, given.calibration)]
    texts = [torch.tensor(text.tokens) for text in held_out_texts(tokenizer, given.length, given.texts)]
    print(f"{given.source}: {len(tuning)} texts to calibrate, of {lengths} tokens, {len(texts)} to score")
    for skip in given.skip:
        found = calibrate_blasst(network, [text.tokens for text in tuning], skip)
        print(f"{skip:.0%} of the blocks asked for")
        for phase, one in found.items():
            by_length = {n: [t.skipped for t in one.texts if t.length == n] for n in lengths}
            slope = "" if one.slope is None else f", ln λ over ln L {one.slope:+.2f}"
            shares = ", ".join(f"{n:,}: {statistics.fmean(found):.0%}" for n, found in by_length.items())
            print(f"    {phase:<8} a = {one.a:.4g}{slope}; skipped by length {shares}")
        print(
            "\n".join(score(network, texts, {phase: one.a for phase, one in found.items()}, given.decode_tokens)),
            flush=True,
        )


if __name__ == "__main__":
    main()
