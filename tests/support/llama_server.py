"""llama.cpp's own server, asked for the likeliest next tokens of a prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tiny_gguf
import torch

CLOSE, APART = 0.01, 0.1
"""llama.cpp keeps parts of its sums in 16 bits, so its log-probabilities are some thousandths off."""


def prompt(length: int) -> list[int]:
    return torch.randint(3, tiny_gguf.VOCABULARY, (length,), generator=torch.Generator().manual_seed(length)).tolist()


def theirs(path: Path, lengths: tuple[int, ...], **flags: Any) -> list[dict[int, float]]:
    """The same of the likeliest tokens, by a server that was started with `flags`."""
    import xllamacpp

    given = xllamacpp.CommonParams()
    given.model.path, given.n_parallel, given.n_gpu_layers, given.warmup = str(path), 1, 0, False
    given.cache_type_k = given.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    for name, value in flags.items():
        setattr(given, name, value)
    server, found = xllamacpp.Server(given), []
    for length in lengths:
        answer = server.handle_completions(
            {"prompt": prompt(length), "n_predict": 1, "n_probs": 40, "temperature": 0.0, "cache_prompt": False}
        )
        if "error" in answer:
            raise ValueError(answer["error"]["message"])
        likeliest = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        found.append({entry["id"]: entry["logprob"] for entry in likeliest})
    return found


def apart(one: torch.Tensor, other: dict[int, float]) -> float:
    return max(abs(float(one[token]) - value) for token, value in other.items())
