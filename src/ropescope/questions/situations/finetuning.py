"""What users ask when they fine-tune a model."""

from __future__ import annotations

from typing import Final

from ropescope.questions.question import Question

QUESTIONS: Final = (
    Question(
        "adapter",
        "Whether a LoRA fits its base, tensor by tensor, and which engines load it as it was trained.",
        "checks.finetuning.adapter:AdapterInputs",
        "checks.finetuning.adapter:answer",
        {"source": "./my-lora", "base": "meta-llama/Llama-3.1-8B", "engine": "vllm"},
        decides=True,
    ),
)
