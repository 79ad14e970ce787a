"""Of plans of several shapes the one that adds least, at a budget and within a loss, where the planner's measure errs."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from tiny_tokenizer import byte_tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from ropescope.compress.evaluate.choosing import NAME, Shape, choose
from ropescope.compress.evaluate.from_weights import budget_for_loss
from ropescope.compress.evaluate.results.summary import added, full_loss
from ropescope.compress.plan.calibration import measured_for
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.restricted import RESTRICTIONS, plan_restricted
from ropescope.compress.plan.target import Target
from ropescope.errors import PlanError
from ropescope.network.loading.weights import Weights, load
from ropescope.quality.loss import token_losses
from ropescope.quality.texts import Text, calibration_texts

LENGTH, NEW = 128, 32
ONE = [frozenset[int]()]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    """Weights large enough that attention matters."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=384, hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, max_position_embeddings=256, initializer_range=0.3,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("deep")
    LlamaForCausalLM(config).save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return load(str(folder), dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def texts(weights: Weights) -> list[Text]:
    return calibration_texts(weights.tokenizer, LENGTH, 4)


@pytest.fixture(scope="module")
def shapes(weights: Weights) -> list[Shape]:
    """The planner's own optimum, and one window for all layers."""
    errors = measured_for(weights, LENGTH, prompts=1, sinks=0)
    two = RESTRICTIONS["full layers and one window"]
    make = partial(plan_restricted, errors, weights.model, restriction=two, prefill="windowed")
    return [make, partial(make, full_layers=ONE)]


def loss(weights: Weights, plan: KVPlan, text: Text) -> float:
    ids, cache = torch.tensor([text.tokens]), plan.cache(weights.network)
    with torch.inference_mode():
        weights.network.base_model(input_ids=ids[:, :-NEW], past_key_values=cache)
        return float(token_losses(weights.network, ids[:, -NEW:], cache=cache).mean())


def test_the_plan_that_adds_less_is_taken_at_each_budget_whichever_the_measure_prefers(
    weights: Weights, shapes: list[Shape], texts: list[Text]
) -> None:
    targets = [Target(budget_share=0.3), Target(budget_share=0.45)]
    chosen = choose(weights, shapes, targets, texts)
    taken = []
    for place, target in enumerate(targets):
        plans = [shape(target) for shape in shapes]
        losses = [float(np.mean([loss(weights, plan, text) for text in texts])) for plan in plans]
        taken.append(losses.index(min(losses)))
        assert chosen.plans[place] == plans[taken[-1]]
        found = added(chosen.result, NAME)[place]
        assert found is not None
        assert found.value == pytest.approx(min(losses) - full_loss(chosen.result), abs=1e-4)
    # The planner's measure prefers full layers at both.
    assert taken == [1, 0]
    assert chosen.cost[0] == added(chosen.result, NAME)[0]


def test_a_plan_that_two_shapes_come_to_is_scored_once(
    weights: Weights, shapes: list[Shape], texts: list[Text], monkeypatch: pytest.MonkeyPatch
) -> None:
    caches: list[KVPlan] = []
    own = KVPlan.cache
    monkeypatch.setattr(KVPlan, "cache", lambda plan, *given, **more: caches.append(plan) or own(plan, *given, **more))
    alike = choose(weights, [shapes[1], shapes[1]], [Target(budget_share=0.3)], texts)
    assert len(caches) == len(texts)
    assert alike.result.texts == choose(weights, [shapes[1]], [Target(budget_share=0.3)], texts).result.texts
    caches.clear()
    choose(weights, shapes, [Target(budget_share=0.3)], texts)
    assert len(caches) == 2 * len(texts)


def test_a_loss_is_met_by_the_shapes_together_where_none_meets_it_alone(
    weights: Weights, shapes: list[Shape], texts: list[Text]
) -> None:
    limit = 0.001
    for shape in shapes:
        with pytest.raises(PlanError, match="Even 80% of the cache adds more"):
            budget_for_loss(weights, [shape], LENGTH, texts, limit)
    found = budget_for_loss(weights, shapes, LENGTH, texts, limit)
    assert 0.2 < found.knee.budget < 0.3  # where one window for all layers adds least
    assert found.noted(shapes[1](found.target)).target == {"max_loss": limit, **found.target.to_dict()}


def test_a_budget_in_bytes_is_one_as_a_share(weights: Weights, shapes: list[Shape], texts: list[Text]) -> None:
    whole = shapes[0](Target(budget_share=1.0)).bytes_before
    by_share = choose(weights, shapes, [Target(budget_share=0.3)], texts[:1]).plans[0]
    by_bytes = choose(weights, shapes, [Target(budget_bytes=int(0.3 * whole))], texts[:1]).plans[0]
    assert by_bytes.layers == by_share.layers


def test_too_little_to_score_is_refused(weights: Weights, shapes: list[Shape], texts: list[Text]) -> None:
    with pytest.raises(PlanError, match="holds no passage of 128 tokens beyond those"):
        budget_for_loss(weights, shapes, LENGTH, [], 0.01)
    with pytest.raises(PlanError, match="fewer than two of the budgets"):
        budget_for_loss(weights, [partial(shapes[1], window=110)], LENGTH, texts, 0.01)
