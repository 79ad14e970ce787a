"""Whether an engine serves a model's architecture, the class that its config names under `architectures`.

`architectures.csv` holds the classes that each engine lists: "yes", "until VERSION", or the plugin that serves it;
nothing where the engine does not list it. vLLM and SGLang try their Transformers backend for a class that they do not list,
which runs decoders and encoders of attention layers.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from ropescope.checks.serving.serving import Serving
from ropescope.models.config.encoder_decoders import is_encoder_decoder
from ropescope.models.model import ATTENTION_KINDS

_LISTS: Final[Mapping[str, tuple[str, str]]] = {
    "vllm": ("vLLM 0.33.0 (2026-11-01)", "vllm/model_executor/models/registry.py of the package vllm 0.33.0"),
    "sglang": ("SGLang 0.5.23 (2026-10-30)", "EntryClass of sglang/srt/models of the package sglang 0.5.23"),
    "llama.cpp": (
        "llama.cpp's converter at commit 0c1e57098",
        "ModelBase.register in the conversion scripts of llama.cpp as vendored by llama-cpp-python-0.3.36",
    ),
}
"""(what a sentence calls the list, where it was read) of each engine."""

_FALL_BACK: Final = ("vllm", "sglang")
_HEADS: Final = (
    "ForCausalLM",
    "ForConditionalGeneration",
    "ChatModel",
    "LMHeadModel",
    "ForTextEncoding",
    "EmbeddingModel",
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForRewardModeling",
    "RewardModel",
    "Model",
)
"""Heads that vLLM puts one for another on a model that it lists (`_SUFFIX_TO_DEFAULTS` of its config/model.py)."""


def architecture_problem(serving: Serving) -> str:
    """Why the engine serves no model of this class, in a sentence; "" where it does, where it may, and where no list
    tells."""
    named = _unlisted(serving)
    if not named:
        return ""
    list_name, engine = _LISTS[serving.engine.name][0], serving.engine.name
    plugin = next((told for name in named if (told := _row(engine, name)).startswith("https:")), "")
    if plugin:
        return f"{list_name} serves {named[0]} with a plugin alone: {plugin}."
    kind = _no_backend_runs(serving)
    return f"{list_name} does not list {named[0]}, {kind}: no other way to serve it is known here." if kind else ""


def architecture_remarks(serving: Serving) -> tuple[str, ...]:
    """What to say of a class that the engine does not list, and may serve all the same."""
    named = _unlisted(serving)
    if not named or architecture_problem(serving):
        return ()
    list_name, engine = _LISTS[serving.engine.name][0], serving.engine.name
    until = next((told for name in named if (told := _row(engine, name)).startswith("until ")), "")
    said = f"{list_name} does not list {named[0]}" + (f" any more (it did {until})" if until else "")
    if engine in _FALL_BACK:
        return (f"{said}: it is served only where the engine's Transformers backend takes it.",)
    return (f"{said}: a newer version may.",)


def _no_backend_runs(serving: Serving) -> str:
    """What makes a model one that no Transformers backend runs; "" for none of that."""
    model = serving.model
    if is_encoder_decoder(model.config):
        return "an encoder-decoder"
    if not any(layer.kind in ATTENTION_KINDS for layer in model.layers):
        return "a model without attention"
    return ""


def _unlisted(serving: Serving) -> tuple[str, ...]:
    """The classes that the config names, where the engine has a list and lists none of them."""
    engine, named = serving.engine.name, serving.model.config.get("architectures")
    if engine not in _LISTS or serving.model.source.kind == "gguf" or not isinstance(named, list):
        return ()
    names = tuple(str(name) for name in named)
    return () if any(_is_listed(engine, name) for name in names) else names


def _is_listed(engine: str, name: str) -> bool:
    if _row(engine, name) == "yes":
        return True
    head = next((head for head in _HEADS if name.endswith(head)), "") if engine == "vllm" else ""
    return bool(head) and any(_row(engine, name.removesuffix(head) + other) == "yes" for other in _HEADS)


def _row(engine: str, name: str) -> str:
    return _rows().get(name, {}).get(engine, "")


@cache
def _rows() -> Mapping[str, Mapping[str, str]]:
    text = files("ropescope.checks.serving.support").joinpath("architectures.csv").read_text(encoding="utf-8")
    return {row["architecture"]: row for row in csv.DictReader(text.splitlines())}
