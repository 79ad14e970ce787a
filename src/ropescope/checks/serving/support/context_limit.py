"""The most tokens that an engine starts a model with: it refuses a context beyond the one that the files state.

vLLM 0.33.0: `_get_and_verify_max_len` of config/model.py. SGLang 0.5.23: `_derive_context_length` of
configs/model_config.py and `get_context_length` of utils/hf_transformers/common.py. A table of learned positions has no
row beyond its end, whatever the engine.
"""

from __future__ import annotations

from typing import Final

from ropescope.checks.serving.serving import Serving

_SCALED_ALREADY: Final = frozenset({"yarn", "deepseek_yarn", "llama3", "longrope", "su"})
"""Rules under which both engines take `max_position_embeddings` for the scaled length, and apply no factor."""

_NAMES: Final = {"vllm": "vLLM", "sglang": "SGLang"}


def most_tokens(serving: Serving) -> int | None:
    """The longest context that the engine starts with; None where nothing bounds it."""
    context = serving.model.context
    if serving.engine.name in _NAMES and context.rule in _SCALED_ALREADY:
        return context.configured
    if serving.engine.name in _NAMES or serving.model.positions == "learned":
        return context.longest
    return None


def context_problem(serving: Serving) -> str:
    """Why the engine does not start with the context asked for, and what to do, in a sentence; "" if it does."""
    most, asked, model = most_tokens(serving), serving.context_tokens, serving.model
    if most is None or asked <= most:
        return ""
    if model.positions == "learned":
        return f"It has learned positions for {most:,} tokens and no more: give `context` {most}."
    engine = f"{_NAMES[serving.engine.name]} {serving.engine.version}"
    refused = f"{engine} refuses more than the {most:,} tokens of {model.context.configured_field or 'its config'}"
    if (scaled := model.context.longest) is not None and asked <= scaled:
        return f"{refused}: state the scaled length there ({scaled}), or give `context` {most}."
    scaling = " or scale its RoPE first (`extend plan`)" if model.positions == "rope" else ""
    return f"{refused}: give `context` {most}{',' if scaling else ''}{scaling}."
