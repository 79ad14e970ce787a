"""The script that makes a quantised checkpoint of 16-bit weights with LLM Compressor (0.14), for engines that load such
checkpoints and do not make them."""

from __future__ import annotations

import re
from typing import Final

from ropescope.checks.serving.weights.files import no_flag
from ropescope.models.model import Model

RECIPES: Final = {
    "awq": ('AWQModifier(), QuantizationModifier(targets=["Linear"], scheme="W4A16_ASYM", ignore=ignore)', True),
    "gptq": ('GPTQModifier(targets=["Linear"], scheme="W4A16", ignore=ignore)', True),
    "nvfp4": ('QuantizationModifier(targets=["Linear"], scheme="NVFP4", ignore=ignore)', True),
    "mxfp4": ('QuantizationModifier(targets=["Linear"], scheme="MXFP4A16", ignore=ignore)', False),
    "int8": ('QuantizationModifier(targets=["Linear"], scheme="W8A8", ignore=ignore)', False),
    "fp8": ('QuantizationModifier(targets=["Linear"], scheme="FP8_DYNAMIC", ignore=ignore)', False),
}
"""Precision → (modifiers, whether they need text to calibrate on)."""

_IMPORTS: Final = {
    "AWQModifier": "from llmcompressor.modifiers.transform.awq import AWQModifier",
    "GPTQModifier": "from llmcompressor.modifiers.gptq import GPTQModifier",
    "QuantizationModifier": "from llmcompressor.modifiers.quantization import QuantizationModifier",
}


def checkpoint_name(model: Model, precision: str) -> str:
    """The folder that the script writes."""
    name = re.sub(r"[^\w.-]+", "-", model.name.rsplit("/", 1)[-1], flags=re.ASCII).strip("-.") or "model"
    return no_flag(f"{name}-{precision}")


def checkpoint_script(model: Model, source: str, revision: str | None, precision: str) -> str:
    """Python that writes `model` (an engine's name of it: `source`), quantised, to the folder `checkpoint_name`."""
    modifiers, calibrated = RECIPES[precision]
    ignore = ["lm_head"]
    if any(layer.experts is not None for layer in model.layers):
        ignore += ["re:.*gate$", "re:.*router.*"]
    if model.parameters is not None and "vision" in model.parameters.parts:
        ignore += ["re:.*vision.*", "re:.*visual.*"]
    imports = ["from llmcompressor import oneshot", *(line for name, line in _IMPORTS.items() if name in modifiers)]
    data = ', dataset="open_platypus", max_seq_length=2048' if calibrated else ""
    pinned = "" if revision is None else f", model_revision={revision!r}"
    return "\n".join(
        (
            *imports,
            f"ignore = {ignore!r}",
            f"oneshot(model={source!r}{pinned}, recipe=[{modifiers}]{data}, output_dir={checkpoint_name(model, precision)!r})",
        )
    )
