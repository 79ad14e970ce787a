"""Rows of the matrix: fine-tune a model."""

from __future__ import annotations

import json

from matrix.row import Row

LORA = {
    "peft_type": "LORA", "base_model_name_or_path": "meta-llama/Llama-3.1-8B", "r": 16, "lora_alpha": 16,
    "target_modules": ["q_proj", "v_proj"],
}  # fmt: skip

ROWS = (
    Row(
        "adapter", {"source": "{new}/lora", "base": "{config}"},
        lambda d: d["parameters"] == 6_815_744 and d["shapes"]["model.layers.0.self_attn.v_proj"]["B"] == [1024, 16],
        {"source": "{config}", "base": "{config}"}, "peft_type", files={"lora/adapter_config.json": json.dumps(LORA)},
    ),
)  # fmt: skip
