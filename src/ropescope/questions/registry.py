"""The registry: every question that ropescope answers, by the situation it is asked in. One entry each."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from typing import Final

from ropescope.errors import InputError
from ropescope.questions.question import Question

GROUPS: Final[Mapping[str, str]] = {
    "compress": "Plan a smaller KV cache from what a model's heads attend to, and score it.",
    "extend": "Plan a longer context: choose a RoPE scaling, and write its settings.",
}
"""What the questions have in common whose names begin with the same word."""

SITUATIONS: Final[Mapping[str, tuple[Question, ...]]] = {
    "Read and serve a model": (
        Question(
            "show", "What a model is, from its files alone: layers, context, memory, parameters, precision, tokenizer.",
            "checks.show:ShowInputs", "checks.show:answer", {"source": "smollm2"},
        ),
        Question(
            "compare", "The same facts of two or more models side by side, differences first.",
            "checks.compare:CompareInputs", "checks.compare:answer", {"sources": ["smollm2", "./my-model"]},
        ),
    ),
    "Measure how far it attends": (
        Question(
            "predict", "Predict the exponent from a model's config: γ_Padé and its family, each with what it is worth.",
            "checks.predict:PredictInputs", "checks.predict:answer", {"source": "smollm2"},
        ),
    ),
    "Compute and prove the theory": (
        Question(
            "formulas", "Show what a formula is: definition, domain, standing, worth and an example.",
            "checks.formulas:FormulasInputs", "checks.formulas:answer", {"name": "compression_window"},
        ),
        Question(
            "compute", "Compute a formula, with its standing beside the number.",
            "checks.compute:ComputeInputs", "checks.compute:answer",
            {"name": "compression_window", "arguments": ["gamma=0.75", "n_tokens=128k"]},
        ),
        Question(
            "prove", "Prove every identity by machine, and refute every published error with numbers.",
            "checks.prove:ProveInputs", "checks.prove:answer", {}, extra="proofs",
        ),
        Question(
            "plot", "Draw a picture of the theory.",
            "checks.plots.plots:PlotInputs", "checks.plots.plots:answer", {"kind": "regimes", "figure": "regimes.svg"},
        ),
    ),
    "Judge what is published": (
        Question(
            "evidence", "Show what is published about a model at length: RULER scores, who ran them, how far they fall.",
            "evidence.ruler.lookup:EvidenceInputs", "evidence.ruler.lookup:answer", {"model": "Qwen/Qwen3-8B"},
        ),
    ),
}  # fmt: skip


def questions() -> tuple[Question, ...]:
    """Every question, in the order of the situations."""
    return tuple(question for asked in SITUATIONS.values() for question in asked)


@cache
def _by_name() -> Mapping[str, Question]:
    return {question.name: question for question in questions()}


def find(name: str) -> Question:
    """The question of that name. Raises InputError, with the nearest name, where there is none."""
    found = _by_name().get(name)
    if found is None:
        near = get_close_matches(name, _by_name(), n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise InputError("question", f"There is no question {name!r}.{hint}")
    return found
