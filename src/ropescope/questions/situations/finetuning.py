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
    Question(
        "budget",
        "What training, hosting and buying a model cost, and what a sum of money trains.",
        "checks.finetuning.budget:BudgetInputs",
        "checks.finetuning.budget:answer",
        {
            "source": "meta-llama/Llama-3.1-8B",
            "gpu": "h100-sxm",
            "price": "2.50",
            "batch": "32",
            "context": "8k",
            "input_tokens": "1500",
            "output_tokens": "500",
            "api": "openai:gpt-4o",
        },
        extra="prices",
        words="cost price train host buy api money dollars budget afford cheaper self-host break-even flops hours training memory",
    ),
)
