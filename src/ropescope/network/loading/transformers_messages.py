"""What transformers says while it loads: bars and warnings are silenced, and an error becomes one sentence."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ropescope.models.source import Source


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """transformers' bars and warnings would bury the answer; its errors still come as errors."""
    from transformers.utils import logging as transformers_logging

    level, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    others = {name: logging.getLogger(name).level for name in ("gguf", "huggingface_hub")}
    transformers_logging.set_verbosity(logging.CRITICAL)
    transformers_logging.disable_progress_bar()
    from transformers import modeling_gguf_pytorch_utils as gguf_loading

    tqdm = gguf_loading.tqdm
    gguf_loading.tqdm = functools.partial(tqdm, disable=True)
    for name in others:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()
        for name, value in others.items():
            logging.getLogger(name).setLevel(value)
        gguf_loading.tqdm = tqdm


def why_not_loaded(source: Source, error: Exception) -> str:
    """The sentence for what was raised where the weights of `source` were loaded."""
    cause = " ".join(str(error).split()) or type(error).__name__
    lowered = cause.lower()
    name = source.name
    if "trust_remote_code" in lowered:
        return f"{name} needs code from its own repository, which is never run unasked: add `trust_remote_code` if you trust it."
    if (
        "no file named" in lowered
        or "does not appear to have" in lowered
        or ("safetensors" in lowered and "not" in lowered)
    ):
        return f"{name} has no safetensors weights that can be read ({_short(cause)}): ropescope reads safetensors and GGUF only."
    if any(word in lowered for word in ("header", "incomplete", "deserializ", "truncated", "cannot reshape", "mmap")):
        return f"The weights of {name} are damaged or cut short ({_short(cause)}): download them again."
    if isinstance(error, MemoryError) or "out of memory" in lowered or "can't allocate" in lowered:
        return f"{name} does not fit in memory ({_short(cause)}): use a smaller model or `dtype` bfloat16."
    if (
        "unrecognized" in lowered
        or "not recognize" in lowered
        or "does not support" in lowered
        or "not supported" in lowered
    ):
        return f"transformers cannot load {name} as a causal language model ({_short(cause)})."
    return f"{name} cannot be loaded: {_short(cause)}"


def _short(text: str, limit: int = 300) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
