"""Ollama: the length is a parameter, RoPE is what the file says."""

from __future__ import annotations

from typing import Final

from ropescope.extend.plan.frequencies import above_the_rule
from ropescope.extend.plan.rope_plan import RopePlan
from ropescope.extend.settings.gguf_file import why_not
from ropescope.extend.settings.setting import EngineSettings, is_gguf, printable

READ_FROM: Final = "docs/modelfile.mdx of ollama/ollama (commit 8852220)"
_CONVERTED: Final = ("linear", "yarn", "llama3", "ntk", "alpha")
"""What llama.cpp's converter writes into a file from the config."""


def settings(plan: RopePlan, source: str) -> EngineSettings:
    """The Modelfile, and what it cannot say."""
    file = source if is_gguf(source) and not plan.changes else "./MODEL.gguf"
    text = f"FROM {printable(file)}\nPARAMETER num_ctx {plan.target_length}"
    remarks: tuple[str, ...] = ()
    architecture = str(plan.extras.get("architecture") or "")
    if plan.changes and architecture and not why_not(plan, architecture):
        remarks = (
            "A Modelfile has no parameter for RoPE: `save_gguf` MODEL.gguf writes a copy of the file that holds it.",
        )
    elif plan.changes and any(above_the_rule(entry.parameters) is not None for entry in plan.layer_types):
        remarks = (
            "A Modelfile has no parameter for RoPE, and llama.cpp's converter drops this model's attention factor. Make "
            "the plan from a GGUF file of the model, with `save_gguf` MODEL.gguf.",
        )
    elif plan.changes and plan.method in _CONVERTED:
        remarks = (
            "A Modelfile has no parameter for RoPE: MODEL.gguf has to hold the scaling. Make the plan from a GGUF file of "
            "the model, with `save_gguf` MODEL.gguf. Or write the config with `save_config` FOLDER, add weights and "
            "tokenizer, and convert the folder with llama.cpp's convert_hf_to_gguf.py.",
        )
    elif plan.method == "searched" and not plan.by_length:
        remarks = (
            (
                "A Modelfile has no parameter for RoPE. Make the plan from a GGUF file of the model, with `save_gguf` "
                "MODEL.gguf."
            ),
        )
    elif plan.changes:
        text = ""
        remarks = (
            f"A Modelfile has no parameter for RoPE, and a GGUF file cannot hold {plan.method}: use `method` yarn.",
        )
    return EngineSettings("ollama", "documentation of 2026", READ_FROM, "text", text, remarks)
