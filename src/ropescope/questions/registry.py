"""The registry: every question that ropescope answers, by the situation it is asked in. One entry each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from ropescope.errors import InputError
from ropescope.questions.question import Question

GROUPS: Final[Mapping[str, str]] = {
    "compress": "Plan a smaller KV cache from what a model's heads attend to, and score it.",
    "atlas": "Rank measured profiles, those that may be compared; without a command: the ranking.",
    "extend": "Plan a longer context: choose a RoPE scaling, and write its settings.",
}
"""What the questions have in common whose names begin with the same word."""

SITUATIONS: Final[Mapping[str, tuple[Question, ...]]] = {
    "Read and serve a model": (
        Question(
            "show",
            "What a model is, from its files alone: layers, context, memory, parameters, precision, tokenizer.",
            "checks.show:ShowInputs",
            "checks.show:answer",
            {"source": "smollm2"},
        ),
        Question(
            "compare",
            "The same facts of two or more models side by side, differences first.",
            "checks.compare:CompareInputs",
            "checks.compare:answer",
            {"sources": ["smollm2", "./my-model"]},
            placed=("sources",),
        ),
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
        ),
        Question(
            "speed",
            "How fast a device could decode and prefill at most, by batch, and what a token costs.",
            "checks.speed:SpeedInputs",
            "checks.speed:answer",
            {"source": "meta-llama/Llama-3.1-8B", "gpu": "h100-sxm", "context": "8k", "batch": "32", "price": "2.50"},
            instead={"list-gpus": "devices"},
        ),
        Question(
            "launch",
            "The command that serves a model: every flag is one the engine has, with its reason; and whether it fits.",
            "checks.launch:LaunchInputs",
            "checks.launch:answer",
            {"source": "./qwen3-8b-Q4_K_M.gguf", "gpu": "4090", "context": "32k", "kv_precision": "q8_0"},
            copied="the command",
            instead={"list-gpus": "devices"},
        ),
        Question(
            "devices",
            "The devices that are known by name, with memory, bandwidth and compute, and where each figure is from.",
            "checks.devices:DevicesInputs",
            "checks.devices:answer",
            {},
            placed=(),
        ),
    ),
    "Measure how far it attends": (
        Question(
            "measure",
            "Measure how a model's attention falls with distance, per layer and head, with errors and a null.",
            "measure.asking:MeasureInputs",
            "measure.asking:answer",
            {"source": "smollm2", "control": "random-init", "out": "smollm2.parquet"},
            "weights",
            keeps="the profile (Parquet)",
        ),
        Question(
            "show-profile",
            "Show a kept profile again; a control beside it (NAME.control.parquet) is shown with it.",
            "measure.asking:ShowProfileInputs",
            "measure.asking:shown",
            {"profile": "smollm2.parquet"},
            "data",
            placed=("profile",),
        ),
        Question(
            "predict",
            "Predict the exponent from a model's config: γ_Padé and its family, each with what it is worth.",
            "checks.predict:PredictInputs",
            "checks.predict:answer",
            {"source": "smollm2"},
        ),
    ),
    "Read a longer context": (
        Question(
            "extend plan",
            "Plan how a model reads N tokens: which scaling, what it does, and the settings of each engine.",
            "extend.asking:PlanInputs",
            "extend.asking:answer",
            {"source": "smollm2", "to": "16Ki", "engine": ["vllm"]},
            keeps="the plan (JSON)",
        ),
        Question(
            "extend evaluate",
            "Score ways to read N tokens: loss by position on held-out text, and what is found in long contexts.",
            "extend.evaluate.inputs:EvaluateInputs",
            "extend.evaluate.asking:answer",
            {"source": "smollm2", "to": "16Ki", "methods": "none,ntk,yarn", "questions": "4", "figure": "bands.svg"},
            "weights",
            keeps="the numbers (JSON)",
        ),
        Question(
            "extend search",
            "Search for a plan that reads N tokens better than YaRN (or Leaky ReRoPE) does by rule, without training.",
            "extend.search.inputs:SearchInputs",
            "extend.search.asking:answer",
            {"source": "smollm2", "to": "16Ki", "minutes": "10", "out": "plan.json"},
            "weights",
            keeps="the plan (JSON), for extend evaluate",
        ),
        Question(
            "extend lm-eval",
            "Run lm-eval's tasks on a model whose context is extended; lm-eval downloads their data.",
            "extend.evaluate.lm_eval_asking:LmEvalInputs",
            "extend.evaluate.lm_eval_asking:answer",
            {"source": "smollm2", "to": "16Ki", "tasks": "niah_single_1", "lengths": "16384", "limit": "20"},
            "weights",
            "lm-eval",
        ),
    ),
    "Shrink the KV cache": (
        Question(
            "compress plan",
            "Plan which tokens each KV head keeps, for a share of the attention or a budget of bytes.",
            "compress.asking:PlanInputs",
            "compress.asking:answer",
            {"source": "smollm2", "budget": "30%", "out": "plan.json"},
            "weights",
            keeps="the plan (JSON)",
        ),
        Question(
            "compress evaluate",
            "Score what smaller caches cost: added loss on held-out text by method and budget, and which budget is enough.",
            "compress.evaluate.inputs:EvaluateInputs",
            "compress.evaluate.asking:answer",
            {"source": "smollm2", "budgets": "15%,30%,60%", "needle": True, "figure": "tradeoff.svg"},
            "weights",
            keeps="the numbers (JSON)",
        ),
    ),
    "Compute and prove the theory": (
        Question(
            "formulas",
            "Show what a formula is: definition, domain, standing, worth and an example.",
            "checks.formulas:FormulasInputs",
            "checks.formulas:answer",
            {"name": "compression_window"},
            placed=("name",),
        ),
        Question(
            "compute",
            "Compute a formula, with its standing beside the number.",
            "checks.compute:ComputeInputs",
            "checks.compute:answer",
            {"name": "compression_window", "arguments": ["gamma=0.75", "n_tokens=128k"]},
            placed=("name", "arguments"),
        ),
        Question(
            "prove",
            "Prove every identity by machine, and refute every published error with numbers.",
            "checks.prove:ProveInputs",
            "checks.prove:answer",
            {},
            extra="proofs",
            placed=(),
        ),
        Question(
            "plot",
            "Draw a picture of the theory.",
            "checks.plots.plots:PlotInputs",
            "checks.plots.plots:answer",
            {"kind": "regimes", "figure": "regimes.svg"},
            placed=("kind",),
        ),
    ),
    "Judge what is published": (
        Question(
            "claims",
            "Recompute published claims from the published measurements: number, interval, baselines, verdict.",
            "evidence.verdicts.asking:ClaimsInputs",
            "evidence.verdicts.asking:answer",
            {"ids": ["C1"]},
            "data",
            "evidence",
            placed=("ids",),
        ),
        Question(
            "panel",
            "Show the published measurements, refitted: γ with its interval, the prediction, the protocol's null.",
            "evidence.panel.asking:PanelInputs",
            "evidence.panel.asking:answer",
            {"family": "Pythia", "corpus": "text"},
            "data",
            "evidence",
            placed=(),
        ),
        Question(
            "experiment",
            "Run an experiment whose predictions are fixed beforehand: the theory's, the null's, what decides.",
            "evidence.experiments.asking:ExperimentInputs",
            "evidence.experiments.asking:answer",
            {"name": "length-sweep", "sources": ["smollm2"]},
            "weights",
            placed=("name", "sources"),
        ),
        Question(
            "atlas",
            "Rank the profiles of the atlas, each group of the same protocol, length and corpus apart.",
            "evidence.atlas.asking:AtlasInputs",
            "evidence.atlas.asking:rank",
            {},
            "data",
            placed=(),
        ),
        Question(
            "atlas add",
            "Add kept profiles, with their controls.",
            "evidence.atlas.asking:AddInputs",
            "evidence.atlas.asking:add",
            {"profiles": ["smollm2.parquet"]},
            "data",
            placed=("profiles",),
        ),
        Question(
            "atlas show",
            "Show one model: every reading, its layers, its curves.",
            "evidence.atlas.asking:ShowInputs",
            "evidence.atlas.asking:show",
            {"model": "smollm2"},
            "data",
            placed=("model",),
        ),
        Question(
            "atlas remove",
            "Take one profile out again; `atlas show` gives its hash.",
            "evidence.atlas.asking:RemoveInputs",
            "evidence.atlas.asking:remove",
            {"profile": "3f2a91"},
            "data",
            placed=("profile",),
        ),
        Question(
            "atlas export",
            "Write a folder that is ready to be a Hub dataset.",
            "evidence.atlas.asking:ExportInputs",
            "evidence.atlas.asking:export",
            {"folder": "atlas", "license": "cc-by-4.0"},
            "data",
            placed=("folder",),
        ),
        Question(
            "evidence",
            "Show what is published about a model at length: RULER scores, who ran them, how far they fall.",
            "evidence.ruler.lookup:EvidenceInputs",
            "evidence.ruler.lookup:answer",
            {"model": "Qwen/Qwen3-8B"},
            placed=("model",),
        ),
    ),
}


def questions() -> tuple[Question, ...]:
    """Every question, in the order of the situations."""
    return tuple(question for asked in SITUATIONS.values() for question in asked)


@cache
def known() -> Mapping[str, Question]:
    """Every question by its name."""
    return {question.name: question for question in questions()}


def find(name: str) -> Question:
    """The question of that name. Raises InputError, with the nearest name, where there is none."""
    found = known().get(name)
    if found is None:
        from difflib import get_close_matches

        near = get_close_matches(name, known(), n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise InputError("question", f"There is no question {name!r}.{hint}")
    return found
