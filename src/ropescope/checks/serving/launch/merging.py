"""A model with an adapter, as engines take it: the adapter is merged into its base first, by peft."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

from ropescope.checks.serving.serving import Serving
from ropescope.checks.serving.weights.files import printable
from ropescope.errors import DomainError
from ropescope.models.source import Source


def merged_first(serving: Serving) -> tuple[Serving, tuple[str, ...]]:
    """(what is served, of a model with an adapter the folder in which it is merged; the steps that make that folder).

    Raises DomainError for an adapter on a GGUF file or on quantised weights, and for a name that cannot stand in a command.
    """
    source = serving.model.source
    if source.adapter is None:
        return serving, ()
    if source.kind == "gguf" or source.file is not None:
        raise DomainError(
            f"{source.name} is an adapter on a GGUF file: give an adapter whose base is a folder or a Hub id, which it can be "
            "merged into."
        )
    if serving.model.quantization is not None:
        raise DomainError(
            f"{source.name} is an adapter of weights in {serving.model.quantization.method}, into which nothing is merged: give an "
            "adapter whose base has 16-bit weights."
        )
    folder = re.sub(r"[^\w.-]+", "-", source.name.rsplit("/", 1)[-1], flags=re.ASCII).strip("-.") + "-merged"
    adapter, base = printable(source.adapter.spelled), printable(source.base.spelled)
    lines = (
        "from peft import AutoPeftModelForCausalLM as Adapted",
        "from transformers import AutoTokenizer",
        f"Adapted.from_pretrained({adapter!r}, dtype='auto').merge_and_unload().save_pretrained({folder!r})",
        f"AutoTokenizer.from_pretrained({base!r}).save_pretrained({folder!r})",
    )
    model = replace(serving.model, source=Source("folder", source.name, path=Path(folder)))
    return replace(serving, model=model), (f"python -c {shlex.quote('; '.join(lines))}",)
