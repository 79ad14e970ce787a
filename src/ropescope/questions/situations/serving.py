"""What users ask when they serve a model."""

from __future__ import annotations

from typing import Final

from ropescope.questions.question import Question

QUESTIONS: Final = (
    Question(
        "fit",
        "Whether a model fits a device: part by part, with the culprit, the longest context, and the ways out.",
        "checks.fit:FitInputs",
        "checks.fit:answer",
        {
            "source": "Qwen/Qwen3-30B-A3B",
            "gpu": "4090",
            "engine": "llama.cpp",
            "precision": "Q4_K_M",
            "context": "32k",
        },
        decides=True,
        instead={"list-gpus": "devices"},
        words="fit run memory vram ram gpu gib out of memory oom enough load card kv cache size longest context offload does",
    ),
    Question(
        "speed",
        "How fast a device could decode and prefill at most, by batch, and what a token costs.",
        "checks.speed:SpeedInputs",
        "checks.speed:answer",
        {"source": "meta-llama/Llama-3.1-8B", "gpu": "h100-sxm", "context": "8k", "batch": "32", "price": "2.50"},
        instead={"list-gpus": "devices"},
        words="fast speed throughput tokens per second latency ttft decode prefill tok/s slow cost per million",
    ),
    Question(
        "launch",
        "The command that serves a model: every flag is one the engine has, with its reason; and whether it fits.",
        "checks.launch:LaunchInputs",
        "checks.launch:answer",
        {"source": "./qwen3-8b-Q4_K_M.gguf", "gpu": "4090", "context": "32k", "kv_precision": "q8_0"},
        copied="the command",
        instead={"list-gpus": "devices"},
        words="serve command flags start server vllm sglang llama.cpp ollama deploy options arguments settings",
    ),
    Question(
        "prompt-cache",
        "What a prompt edit costs with a provider's prompt cache: the first changed block, and N requests before and after.",
        "checks.prompts.caching.asking:PromptCacheInputs",
        "checks.prompts.caching.asking:answer",
        {"request": "before.json", "edited": "after.json", "requests": "100", "gap": "1m"},
        extra="prices",
        placed=("request", "edited"),
        words="prompt caching cache_control breakpoint cached tokens openai anthropic claude api bill cost changed invalidated hit",
    ),
    Question(
        "hardware",
        "Which devices, how many of them and how shared, serve a model; which sets no other beats.",
        "checks.hardware:HardwareInputs",
        "checks.hardware:answer",
        {
            "source": "meta-llama/Llama-3.1-8B",
            "context": "32k",
            "batch": "8",
            "price": ["h100-sxm=2.50", "l40s=0.80", "4090=0.40"],
        },
        words="gpu buy rent choose which cheapest how many gpus devices price cost cluster pareto cards",
    ),
    Question(
        "tools-schema",
        "Whether a JSON schema lets a model write its reasoning before its answer, by engine, and what engines refuse in it.",
        "checks.prompts.schemas.asking:ToolsSchemaInputs",
        "checks.prompts.schemas.asking:answer",
        {"schema": "schema.json", "engine": "openai"},
        extra="schemas",
        decides=True,
        copied="the schema with the reasoning first",
        placed=("schema",),
        words="json schema structured output function calling tools mcp response_format pydantic key order reasoning answer strict",
    ),
    Question(
        "devices",
        "The devices that are known by name, with memory, bandwidth and compute, and where each figure is from.",
        "checks.devices:DevicesInputs",
        "checks.devices:answer",
        {},
        placed=(),
        words="gpus list bandwidth tflops specs hardware known",
    ),
    Question(
        "speculative",
        "Whether a draft model can serve a target, in which engines, and how much faster that is.",
        "checks.speculating.speculative:SpeculativeInputs",
        "checks.speculating.speculative:answer",
        {"target": "./qwen2.5-72b", "draft": "./qwen2.5-0.5b", "engine": "vllm", "acceptance": "0.7"},
        decides=True,
        placed=("target", "draft"),
        words="speculative decoding draft model assisted generation eagle mtp medusa acceptance faster speculation vocabulary",
        weights_with=("measure",),
    ),
)
