"""Commands: how each engine is told to serve a model — the command, every setting with its reason, and what is missing.

Whatever comes from a user, a file or a config reaches a shell quoted and Python as a literal; a name with control
characters is refused. A flag that the engine's version does not have cannot be written: see `Settings.add`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from ropescope.checks.serving.launch.checkpoint_engines import sglang, transformers, vllm
from ropescope.checks.serving.launch.gguf_engines import llama_cpp, ollama
from ropescope.checks.serving.launch.merging import merged_first
from ropescope.checks.serving.launch.settings import Command
from ropescope.checks.serving.serving import Serving


def command(serving: Serving, gguf: str | None = None) -> Command:
    """The command that serves `serving`; `gguf` names a file or a Hub repository (`org/name:Q4_K_M`) to run instead.

    Raises DomainError for a source that cannot be written in a command, and for what the engine cannot run.
    """
    served, steps = merged_first(serving)
    made = _WRITERS[served.engine.name](served, gguf)
    return replace(made, before=(*steps, *made.before)) if steps else made


_WRITERS: Final[Mapping[str, Callable[[Serving, str | None], Command]]] = {
    "llama.cpp": llama_cpp,
    "ollama": ollama,
    "vllm": vllm,
    "sglang": sglang,
    "transformers": transformers,
}
