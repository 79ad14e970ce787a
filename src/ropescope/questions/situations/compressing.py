"""What users ask when the KV cache or the weights shall be smaller."""

from __future__ import annotations

from typing import Final

from ropescope.questions.question import Question

QUESTIONS: Final = (
    Question(
        "compress plan",
        "Plan which tokens each KV head keeps, for a share of the attention or a budget of bytes.",
        "compress.asking:PlanInputs",
        "compress.asking:answer",
        {"source": "smollm2", "budget": "30%", "out": "plan.json"},
        "weights",
        keeps="the plan (JSON)",
        decides=True,
        words="kv cache smaller compress evict eviction prune snapkv window budget sinks streaming",
    ),
    Question(
        "compress evaluate",
        "Score what smaller caches cost: added loss on held-out text by method and budget, and which budget is enough.",
        "compress.evaluate.inputs:EvaluateInputs",
        "compress.evaluate.asking:answer",
        {"source": "smollm2", "budgets": "15%,30%,60%", "needle": True, "figure": "tradeoff.svg"},
        "weights",
        keeps="the numbers (JSON)",
        words="kv cache eviction quality compare snapkv pyramidkv methods loss cost compress score",
    ),
    Question(
        "quantisation",
        "What a quantisation costs: published divergence and perplexity, or measured against the original weights.",
        "checks.quantising.quantisation:QuantisationInputs",
        "checks.quantising.quantisation:answer",
        {"source": "meta-llama/Meta-Llama-3-8B", "format": "Q4_K_M"},
        words="quantise quantization quality loss gguf q4_k_m q8_0 perplexity kl divergence bits awq gptq int4 fp8 worse",
        weights_with=("against", "rounded"),
    ),
)
