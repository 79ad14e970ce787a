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
        words="lora adapter load merge serve rank alpha scaling dora rslora modules_to_save vllm lora base compatible forget",
    ),
    Question(
        "peft",
        "What is wrong in training code with LoRA, by line: read and never run.",
        "checks.finetuning.peft:PeftInputs",
        "checks.finetuning.peft:answer",
        {"code": "train.py", "base": "meta-llama/Llama-3.1-8B"},
        extra="peft",
        decides=True,
        placed=("code",),
        words="fine-tuning training code script bug wrong lora qlora trl sft trainer target_modules frozen not learning loss lint",
    ),
)
