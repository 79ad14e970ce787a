"""Operating points: base and context length of released models, as their published configs state them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A released model: `rope_theta` and `max_position_embeddings` of its config.json on the Hugging Face Hub.

    `original_length` is the length before a scaling rule, where the config states one; 0 otherwise. `label_side` is
    where its name stands in the picture.
    """

    label: str
    hub_id: str
    theta: float
    length: int
    scaling_rule: str = "default"
    original_length: int = 0
    label_side: str = "right"


OPERATING_POINTS = (
    OperatingPoint("Pythia-1B", "EleutherAI/pythia-1b", 1e4, 2_048),
    OperatingPoint("Llama-2-7B", "meta-llama/Llama-2-7b-hf", 1e4, 4_096),
    OperatingPoint("Mistral-7B-v0.1", "mistralai/Mistral-7B-v0.1", 1e4, 32_768),
    OperatingPoint("DeepSeek-V3", "deepseek-ai/DeepSeek-V3", 1e4, 163_840, "yarn", 4_096),
    OperatingPoint("SmolLM2-135M", "HuggingFaceTB/SmolLM2-135M", 1e5, 8_192),
    OperatingPoint("gpt-oss-20b", "openai/gpt-oss-20b", 1.5e5, 131_072, "yarn", 4_096, "left"),
    OperatingPoint("Llama-3-8B", "meta-llama/Meta-Llama-3-8B", 5e5, 8_192),
    OperatingPoint("Llama-3.1-8B", "meta-llama/Llama-3.1-8B", 5e5, 131_072, "llama3", 8_192),
    OperatingPoint("CodeLlama-7B", "codellama/CodeLlama-7b-hf", 1e6, 16_384),
    OperatingPoint("Qwen3-8B", "Qwen/Qwen3-8B", 1e6, 40_960),
    OperatingPoint("Yi-6B", "01-ai/Yi-6B", 5e6, 4_096),
)
