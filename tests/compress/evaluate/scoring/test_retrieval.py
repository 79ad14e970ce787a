"""Planted facts: who is asked what, with which cache, and that a plan is asked as a method that looks is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ropescope.compress.evaluate.methods.planned import one_plan, uniform
from ropescope.compress.evaluate.methods.restated import SnapKV
from ropescope.compress.evaluate.scoring.harness import extended, prefill
from ropescope.compress.evaluate.scoring.questions import questions as asked_for
from ropescope.compress.evaluate.scoring.retrieval import ask, summed
from ropescope.compress.plan.planning import plan_uniform
from ropescope.compress.plan.target import Target
from ropescope.network.loading.weights import Weights, load
from ropescope.quality.loss import prefill as filled_by_model
from ropescope.quality.retrieval import score
from ropescope.quality.trials import Trial, trials

LENGTH = 400


@pytest.fixture(scope="module")
def weights(tiny_folder_with_tokenizer: Path) -> Weights:
    return load(str(tiny_folder_with_tokenizer), dtype="float32", device="cpu")


def questions(weights: Weights, seed: int = 0) -> list[Trial]:
    return trials(
        weights.tokenizer, "key-value", LENGTH, depths=(0.2, 0.8), per_depth=2, keys_per_context=4, seed=seed
    )  # fmt: skip


def test_questions_of_one_context_stand_together(weights: Weights) -> None:
    groups = asked_for(weights.tokenizer, 1600, 4)
    assert [(group[0].task, len(group)) for group in groups] == [("passkey", 10)] * 2 + [("key-value", 10)] * 2
    assert all(trial.context == group[0].context for group in groups for trial in group)


def test_everybody_is_asked_everything(weights: Weights) -> None:
    group = questions(weights)
    half = one_plan(plan_uniform(weights.model, Target(budget_share=0.5), length=LENGTH), name="half")
    assert half.only is not None
    cells = ask(weights, group, [uniform(weights.model, LENGTH), SnapKV(), half], (0.3, half.only), LENGTH)
    asked = {(cell.method, cell.budget, cell.asked, cell.depth): cell.trials for cell in cells}
    expected = {("uniform window", b) for b in (0.3, half.only)} | {("SnapKV (restated)", b) for b in (0.3, half.only)}
    expected |= {("half", half.only), (None, 1.0)}
    assert asked == {
        (method, budget, when, depth): 2 for method, budget in expected for when in ("before", "after") for depth in (0.2, 0.8)
    }  # fmt: skip
    even = {(cell.asked, cell.depth): (cell.right, cell.exact) for cell in cells if cell.method == "half"}
    same = {
        (cell.asked, cell.depth): (cell.right, cell.exact)
        for cell in cells if (cell.method, cell.budget) == ("uniform window", half.only)
    }  # fmt: skip
    assert even == same  # the same windows, by another name


def test_the_whole_cache_answers_as_the_model_does(weights: Weights) -> None:
    group = questions(weights, seed=3)
    cells = ask(weights, group, [SnapKV()], (0.9,), LENGTH)
    own = filled_by_model(weights.network, torch.tensor(group[0].context))
    right = sum(score(weights.network, own, trial).right for trial in group)
    assert sum(cell.right for cell in cells if cell.method is None and cell.asked == "after") == right


def test_a_question_behind_a_prefill_is_a_prefill_of_both(weights: Weights) -> None:
    trial = questions(weights)[0]
    context, question = torch.tensor([trial.context]), torch.tensor([trial.question])
    at_once = prefill(weights.network, weights.model, torch.cat([context, question], dim=1))
    before = prefill(weights.network, weights.model, context)
    later = extended(before, question)
    assert later.n_tokens == at_once.n_tokens and before.n_tokens == context.shape[1]
    for layer in at_once.planned:
        for one, other in (
            (later.keys(layer), at_once.keys(layer)),
            (later.values(layer), at_once.values(layer)),
            (later.queries[layer], at_once.queries[layer]),
            (later.hidden[layer], at_once.hidden[layer]),
        ):
            assert torch.allclose(one, other, atol=1e-5)
    assert torch.equal(later.position_embeddings[1], at_once.position_embeddings[1])


def test_cells_of_two_contexts_are_added_up(weights: Weights) -> None:
    first = ask(weights, questions(weights), [SnapKV()], (0.5,), LENGTH)
    second = [replace(cell, right=cell.trials - cell.right, exact=cell.trials) for cell in first]  # another context's
    together = summed([*first, *second])
    assert len(together) == len(first) and {(cell.trials, cell.right) for cell in together} == {(4, 2)}
    assert [cell.exact for cell in together] == [cell.exact + 2 for cell in first]
