"""Which architectures each engine can give windows, read from the engine's source.

Listed is what is exact: the engine reads the setting for that architecture, computes the layer otherwise as before (no other
RoPE, no learned sinks), and frees the memory outside the window. No engine here keeps first tokens beside a window, or tokens by
their content.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ropescope.errors import PlanError
from ropescope.models.model import Model

ENGINES: Final = ("transformers", "vllm", "sglang", "llama.cpp")
VERSIONS: Final[Mapping[str, str]] = {"vllm": "0.33.0", "sglang": "0.5.23", "llama.cpp": "b11549"}
NAMES: Final[Mapping[str, str]] = {"vllm": "vLLM", "sglang": "SGLang", "llama.cpp": "llama.cpp"}


@dataclass(frozen=True, slots=True)
class Windows:
    """How an engine gives layers of these model types a window. by: `layer_types` of the config, any layers; or the
    `period` of a GGUF file, of which the last layer of each period keeps everything. flags: that it also needs.
    read_from: the files of its source."""

    model_types: frozenset[str]
    by: Literal["layer_types", "period"]
    read_from: str
    flags: tuple[tuple[str, str], ...] = ()


CARRIED: Final[Mapping[str, tuple[Windows, ...]]] = {
    "vllm": (
        Windows(
            frozenset({"llama", "mistral"}),
            "layer_types",
            "vllm/model_executor/models/llama.py; vllm/v1/core/single_type_kv_cache_manager.py frees the blocks",
        ),
        Windows(frozenset({"apertus"}), "layer_types", "vllm/model_executor/models/apertus.py"),
        Windows(frozenset({"gemma2"}), "layer_types", "vllm/model_executor/models/gemma2.py"),
        Windows(
            frozenset({"qwen2", "qwen3"}),
            "layer_types",
            "vllm/model_executor/models/transformers/base.py (its own qwen2.py and qwen3.py read no windows by layer)",
            (("--model-impl", "transformers"),),
        ),
    ),
    "sglang": (),
    "llama.cpp": (
        Windows(
            frozenset({"olmo2", "gemma2"}),
            "period",
            "src/models/olmo2.cpp and gemma2.cpp, load_swa_pattern; src/llama-kv-cache-iswa.cpp holds windows alone",
        ),
    ),
}
"""Engine → what it carries. Gemma 3, Cohere 2 and EXAONE 4 are not there: their sliding layers have other positions, so a window
would change more than what is kept. gpt-oss is not: its windows have learned sinks. SGLang 0.5.23 masks OLMo 2's windows and holds
every token; the pools that hold less are those of model types that come with windows (configs/model_config.py)."""


def windows_in(engine: str, model: Model) -> Windows | None:
    """How `engine` gives layers of `model` a window; None where it cannot."""
    return next((found for found in CARRIED[engine] if model.model_type in found.model_types), None)


def own_window(model: Model) -> int | None:
    """The window of the layers that slide already, which new ones share; None where none does.

    Raises PlanError for layers of several windows, which no setting tells apart.
    """
    found = {layer.window_tokens for layer in model.layers if layer.kind == "sliding"}
    if len(found) > 1:
        raise PlanError(f"{model.name} has sliding layers of several windows, and engines are told one.")
    return next(iter(found), None)


def full_layers(model: Model) -> list[frozenset[int]]:
    """The sets of layers that a period lets keep everything: none, or every n-th of those that do now."""
    full = frozenset(layer.index for layer in model.layers if layer.kind == "full")
    n = len(model.layers)
    sets = [frozenset[int]()] + [frozenset(range(period - 1, n, period)) for period in range(2, n + 1)]
    return [one for one in sets if one <= full]


def period_of(full: frozenset[int]) -> int:
    """The period whose last layers are `full`; 0 for none."""
    return min(full) + 1 if full else 0
