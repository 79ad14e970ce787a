"""Rows of the matrix: fine-tune a model."""

from __future__ import annotations

import json

from matrix.row import Row

LORA = {
    "peft_type": "LORA", "base_model_name_or_path": "meta-llama/Llama-3.1-8B", "r": 16, "lora_alpha": 16,
    "target_modules": ["q_proj", "v_proj"],
}  # fmt: skip
CODE = """from peft import LoraConfig, PeftModel
from transformers import AutoModelForCausalLM, Trainer
model = AutoModelForCausalLM.from_pretrained("meta-llama/Llama-3.1-8B")
model = PeftModel.from_pretrained(model, "out", config=LoraConfig(target_modules=["query_key_value"]))
Trainer(model=model).train()
"""

ROWS = (
    Row(
        "adapter", {"source": "{new}/lora", "base": "{config}"},
        lambda d: d["parameters"] == 6_815_744 and d["shapes"]["model.layers.0.self_attn.v_proj"]["B"] == [1024, 16],
        {"source": "{config}", "base": "{config}"}, "peft_type", files={"lora/adapter_config.json": json.dumps(LORA)},
    ),
    Row(
        "peft", {"code": "{new}/train.py", "base": "{config}"},
        lambda d: [(f["line"], f["rule"]) for f in d["faults"]] == [(4, "frozen-adapter"), (4, "no-match")]
        and (d["configs"][0]["matched"], d["linear_layers"]) == (0, 224),
        {"code": "{new}/none.py"}, "none.py", files={"train.py": CODE},
    ),
    Row(
        "budget",
        {
            "source": "{config}", "gpu": "h100-sxm", "count": "8", "parameters": "8B", "tokens_per_parameter": "20",
            "mfu": "45%", "price": "2.5",
        },
        lambda d: round(d["training"]["days"], 2) == 24.97 and round(d["training"]["cost"]) == 11_984,
        {"source": "{config}", "gpu": "h100-sxm", "money": "5000"}, "price",
    ),
)  # fmt: skip
