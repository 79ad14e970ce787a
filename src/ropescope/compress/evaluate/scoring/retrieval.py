"""What a cut cache still finds: facts planted in a long text, asked for by themselves, before the cut or after it.

Asked after the cut, a method cannot know what will be asked (the default of kvpress). Asked before, the question is part
of the prefill, and a method that looks at the text sees it, as it does when a user's prompt ends in the question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch

from ropescope.compress.evaluate.methods.method import Method, Prefilled
from ropescope.compress.evaluate.methods.planned import Planned
from ropescope.compress.evaluate.results.result import Retrieval
from ropescope.compress.evaluate.scoring.budgets import Split
from ropescope.compress.evaluate.scoring.harness import cut, extended, prefill
from ropescope.compress.evaluate.scoring.visible import Visible, whole
from ropescope.network.loading.weights import Weights
from ropescope.network.rotary import positions_of_whole
from ropescope.quality.retrieval import Score, score
from ropescope.quality.trials import Trial

ASKED = ("before", "after")


def ask(
    weights: Weights, group: Sequence[Trial], methods: Sequence[Method], budgets: Sequence[float], length: int
) -> list[Retrieval]:
    """Ask the questions of one context, cut for sequences of `length` tokens; the answers are summed by depth."""
    with positions_of_whole(weights.network, length):
        return _ask(weights, group, methods, budgets, length)


def _ask(
    weights: Weights, group: Sequence[Trial], methods: Sequence[Method], budgets: Sequence[float], length: int
) -> list[Retrieval]:
    network, model = weights.network, weights.model
    wants_hidden = any(getattr(method, "needs_hidden", True) for method in methods)
    context = torch.tensor([group[0].context], device=network.device)
    filled = prefill(network, model, context, hidden=wants_hidden)
    answers = _Answers(group[0].task, length)
    for trial in group:
        answers.add(None, 1.0, trial, ASKED, _answer(filled, whole(filled.n_layers), trial))
    split = Split(model, length, length - filled.n_tokens)
    for method, budget in _pairs(methods, budgets):
        visible, _ = split.cut(method, filled, budget)
        for trial in group:
            answers.add(method.name, budget, trial, ("after",), _answer(filled, visible, trial))
    for trial in group:
        # The last token of the question is left to the cut cache: it is what the answer is read from.
        heard, rest = trial.question[:-1], replace(trial, question=trial.question[-1:])
        with_question = extended(filled, torch.tensor([heard], device=network.device)) if heard else filled
        split = Split(model, length, length - with_question.n_tokens)
        for method, budget in _pairs(methods, budgets):
            visible, _ = split.cut(method, with_question, budget)
            answers.add(method.name, budget, rest, ("before",), _answer(with_question, visible, rest))
    return answers.cells()


def summed(cells: Iterable[Retrieval]) -> tuple[Retrieval, ...]:
    """Cells of different contexts that tell of the same, added up."""
    found: dict[tuple[Any, ...], Retrieval] = {}
    for cell in cells:
        key = (cell.task, cell.method, cell.budget, cell.length, cell.depth, cell.asked)
        before = found.get(key)
        if before is not None:
            right, exact = before.right + cell.right, before.exact + cell.exact
            cell = replace(cell, trials=before.trials + cell.trials, right=right, exact=exact)
        found[key] = cell
    return tuple(found.values())


def _pairs(methods: Sequence[Method], budgets: Sequence[float]) -> list[tuple[Method, float]]:
    return [
        (method, budget)
        for budget in budgets
        for method in methods
        if not isinstance(method, Planned) or method.only in (None, budget)
    ]


def _answer(filled: Prefilled, visible: Visible, trial: Trial) -> Score:
    with torch.inference_mode():
        return score(filled.network, cut(filled, visible), trial)


class _Answers:
    """Counts by everything that a cell of the result tells."""

    def __init__(self, task: str, length: int) -> None:
        self.task, self.length = task, length
        self.trials: Counter[tuple[str | None, float, float, str]] = Counter()
        self.right: Counter[tuple[str | None, float, float, str]] = Counter()
        self.exact: Counter[tuple[str | None, float, float, str]] = Counter()

    def add(self, method: str | None, budget: float, trial: Trial, asked: Sequence[str], found: Score) -> None:
        """Count one answer."""
        for when in asked:
            key = method, budget, trial.depth, when
            self.trials[key] += 1
            self.right[key] += found.right
            self.exact[key] += found.exact

    def cells(self) -> list[Retrieval]:
        """All counts."""
        return [
            Retrieval(
                task=self.task,
                method=method,
                budget=budget,
                length=self.length,
                depth=depth,
                asked=asked,
                trials=count,
                right=self.right[key],
                exact=self.exact[key],
            )
            for key, count in self.trials.items()
            for method, budget, depth, asked in [key]
        ]
