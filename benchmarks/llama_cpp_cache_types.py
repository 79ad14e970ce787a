"""What smaller cache types of llama.cpp cost: the loss of held-out texts by its own server, beside its cache in 16 bits.

    pip install xllamacpp, then
    python benchmarks/llama_cpp_cache_types.py FILE.gguf [--texts 2] [--types f16,q8_0,q4_0] [--length 2112]

As plan_restrictions.py: the last 64 tokens come one by one behind the others, and all but the first are scored, each given all
before it. The server answers with the probability of every token. Keys and values have the same type, with flash attention.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import xllamacpp
from plan_restrictions import said

from ropescope.network.loading.weights import load
from ropescope.quality.texts import held_out_texts

NEW = 64


def losses(path: Path, kind: str, texts: list[list[int]], n_vocabulary: int) -> list[float]:
    """The mean nats of each text with a cache of this type."""
    given = xllamacpp.CommonParams()
    given.model.path, given.n_parallel, given.n_gpu_layers, given.warmup = str(path), 1, 0, False
    given.n_ctx, given.cpuparams.n_threads = len(texts[0]) + 64, 1
    given.cache_type_k = given.cache_type_v = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{kind.upper()}")
    given.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED
    server, found = xllamacpp.Server(given), []
    for tokens in texts:
        nats = []
        for at in range(len(tokens) - NEW + 1, len(tokens)):
            answer = server.handle_completions(
                {
                    "prompt": tokens[:at],
                    "n_predict": 1,
                    "n_probs": n_vocabulary,
                    "temperature": 0.0,
                    "cache_prompt": True,
                }
            )
            told = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
            nats.append(-next(entry["logprob"] for entry in told if entry["id"] == tokens[at]))
        found.append(float(np.mean(nats)))
        print(kind, len(found), round(found[-1], 4), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--texts", type=int, default=2, help="texts of each of three kinds")
    parser.add_argument("--types", default="f16,q8_0,q4_0")
    parser.add_argument("--length", type=int, default=2112)
    given = parser.parse_args()
    weights = load(str(given.file))
    texts = [list(text.tokens) for text in held_out_texts(weights.tokenizer, given.length, given.texts)]
    first, *others = given.types.split(",")
    n_vocabulary = int(weights.model.vocab_size or 0)
    base = np.array(losses(given.file, first, texts, n_vocabulary))
    print(f"{first}: {said(base)}")
    for kind in others:
        print(f"{kind} less {first}: {said(np.array(losses(given.file, kind, texts, n_vocabulary)) - base)}")


if __name__ == "__main__":
    main()
