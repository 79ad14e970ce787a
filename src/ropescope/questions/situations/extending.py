"""What users ask when a model shall read more than it was trained for."""

from __future__ import annotations

from typing import Final

from ropescope.questions.question import Question

QUESTIONS: Final = (
    Question(
        "extend plan",
        "Plan how a model reads N tokens: which scaling, what it does, and the settings of each engine.",
        "extend.asking:PlanInputs",
        "extend.asking:answer",
        {"source": "smollm2", "to": "16Ki", "engine": ["vllm"]},
        keeps="the plan (JSON)",
        words="longer context yarn rope scaling extend ntk linear beyond trained stretch million rope_scaling override 1m",
    ),
    Question(
        "extend evaluate",
        "Score ways to read N tokens: loss by position on held-out text, and what is found in long contexts.",
        "extend.evaluate.inputs:EvaluateInputs",
        "extend.evaluate.asking:answer",
        {"source": "smollm2", "to": "16Ki", "methods": "none,ntk,yarn", "questions": "4", "figure": "bands.svg"},
        "weights",
        keeps="the numbers (JSON)",
        words="yarn quality longer context passkey retrieval needle loss beyond extend score test",
    ),
    Question(
        "extend search",
        "Search for a plan that reads N tokens better than YaRN (or Leaky ReRoPE) does by rule, without training.",
        "extend.search.inputs:SearchInputs",
        "extend.search.asking:answer",
        {"source": "smollm2", "to": "16Ki", "minutes": "10", "out": "plan.json"},
        "weights",
        keeps="the plan (JSON), for extend evaluate",
        words="longrope search factors own yarn better optimise",
    ),
    Question(
        "extend lm-eval",
        "Run lm-eval's tasks on a model whose context is extended; lm-eval downloads their data.",
        "extend.evaluate.lm_eval_asking:LmEvalInputs",
        "extend.evaluate.lm_eval_asking:answer",
        {"source": "smollm2", "to": "16Ki", "tasks": "niah_single_1", "lengths": "16384", "limit": "20"},
        "weights",
        "lm-eval",
        words="lm-eval ruler niah tasks longer context extended",
    ),
)
