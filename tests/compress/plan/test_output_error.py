"""The measured error is the one that cutting a head really makes, and plans follow it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from planned_models import explicit_masks, ragged_plan, tiny
from tiny_models import Tiny, build, carries_states

from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.output_error import OutputErrors
from ropescope.compress.plan.output_error_measurement import measure_output_errors
from ropescope.compress.plan.picks import SHARES, shared_scores, split
from ropescope.compress.plan.planning import plan_from_errors
from ropescope.compress.plan.target import Target
from ropescope.errors import PlanError
from ropescope.models.opening import open as open_model
from ropescope.models.source import Source
from ropescope.network.loading.weights import Weights

N, SINKS, CUT = 96, 4, 72
ROWS = [72, 74, 76, 78, 81, 83, 85, 88, 90, 92, 95]


def weights_of(model: Tiny) -> Weights:
    network = build(model)
    facts = open_model(network.config.to_dict())
    return Weights(network, None, facts, Source("folder", model.model_type, path=Path()), "none")


def prompts(count: int) -> list[list[int]]:
    rng = np.random.default_rng(0)
    return [rng.integers(3, 128, N).tolist() for _ in range(count)]


def measured(weights: Weights, count: int = 2) -> OutputErrors:
    return measure_output_errors(weights, prompts(count), sinks=SINKS, about="random tokens")


def every_head(model_type: str) -> Tiny:
    """As many KV heads as query heads: the error of a KV head is that of one query head."""
    found = tiny(model_type)
    return replace(found, settings={**found.settings, "num_key_value_heads": 4})


@cache
def measured_of(family: str) -> tuple[Weights, OutputErrors]:
    weights = weights_of(every_head(family))
    return weights, measured(weights)


CUTS = ((1, 0.0), (8, 0.0), (45, 0.0), (45, 0.5), (32, 1.0), (68, 0.25))


@pytest.mark.parametrize(
    ("family", "kept", "share"),
    [
        *(("llama", *cut) for cut in CUTS),
        *(
            pytest.param(family, *cut, marks=() if cut in ((8, 0.0), (45, 0.5)) else pytest.mark.long)
            for family in ("gpt2", "gpt_oss", "gpt_neox")
            for cut in CUTS
        ),
    ],
)
def test_the_error_is_what_a_cut_does_to_the_output(family: str, kept: int, share: float) -> None:
    weights, errors = measured_of(family)
    index, head = errors.layers[-1], 2
    window, picks = split(kept, share)
    plan = ragged_plan(weights.network, length=N, sinks=SINKS, even=N - SINKS)
    windows = tuple(window if h == head else N - SINKS for h in range(4))
    layers = (
        replace(layer, windows=windows, picks=tuple(picks if h == head else 0 for h in range(4)))
        if layer.index == index
        else layer
        for layer in plan.layers
    )
    cut = replace(plan, layers=tuple(layers))
    relative = []
    for prompt in prompts(2):
        ids = torch.tensor([prompt])
        change = output_of(weights.network, index, ids, cut) - output_of(weights.network, index, ids, plan)
        relative.append(change[0, ROWS].pow(2).sum(-1).mean() / stream_into(weights.network, index, ids))
    place = int(np.flatnonzero(errors.kept == kept)[0])
    found = errors.error[len(errors.layers) - 1, head, SHARES.index(share), place]
    assert found == pytest.approx(float(torch.stack(relative).mean()), rel=1e-3, abs=1e-9)


def test_behind_a_norm_the_error_has_the_size_of_what_the_layer_adds() -> None:
    """OLMo 2 norms the output of attention: an error counts by the gain of the norm, over the size of the whole output."""
    weights = weights_of(every_head("olmo2"))
    network: Any = weights.network
    with torch.no_grad():
        for layer in network.model.layers:
            layer.post_attention_layernorm.weight.uniform_(0.5, 30)
    errors = measured(weights, 1)
    index, head, kept = errors.layers[-1], 1, 8
    full = ragged_plan(network, length=N, sinks=SINKS, even=N - SINKS)
    windows = tuple(kept if h == head else N - SINKS for h in range(4))
    cut = replace(
        full, layers=tuple(replace(layer, windows=windows) if layer.index == index else layer for layer in full.layers)
    )
    ids = torch.tensor(prompts(1))
    whole = output_of(network, index, ids, full)[0, ROWS].detach()
    change = (output_of(network, index, ids, cut)[0, ROWS] - whole) * network.model.layers[
        index
    ].post_attention_layernorm.weight
    expected = (change.pow(2).sum(-1) / whole.pow(2).mean(-1)).mean() / stream_into(network, index, ids)
    place = int(np.flatnonzero(errors.kept == kept)[0])
    assert errors.error[-1, head, 0, place] == pytest.approx(expected.item(), rel=1e-3)


def test_windows_alone_are_measured_as_beside_picks_and_give_no_plan_that_picks() -> None:
    weights = weights_of(tiny("llama"))
    both = measured(weights)
    alone = measure_output_errors(weights, prompts(2), sinks=SINKS, about="random tokens", picks=False)
    assert alone.shares == (0.0,) and both.shares == SHARES
    np.testing.assert_allclose(alone.error[:, :, 0], both.error[:, :, 0], rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(alone.mass[:, :, 0], both.mass[:, :, 0], rtol=1e-5)
    target = Target(budget_share=0.4)
    plans = [plan_from_errors(errors, weights.model, target, picks=False) for errors in (alone, both)]
    assert [layer.windows for layer in plans[0].layers] == [layer.windows for layer in plans[1].layers]
    with pytest.raises(PlanError, match="those of windows alone: measure with picks=True"):
        plan_from_errors(alone, weights.model, target)


def stream_into(network: Any, index: int, ids: torch.Tensor) -> torch.Tensor:
    """Mean square of the residual stream that enters layer `index`, over the rows that are read."""
    with torch.no_grad():
        states = network(ids, use_cache=False, output_hidden_states=True).hidden_states
    return states[index][0, ROWS].pow(2).mean()


def output_of(network: Any, index: int, ids: torch.Tensor, plan: Any) -> torch.Tensor:
    """What the attention of layer `index` adds to the residual stream, under explicit masks."""
    kept: list[torch.Tensor] = []
    modules = [module for module in network.modules() if getattr(module, "layer_idx", None) == index]
    attention = next(module for module in modules if "Attention" in type(module).__name__)
    handle = attention.register_forward_hook(lambda _, __, output: kept.append(output[0]))
    with explicit_masks(network, plan, [CUT, *[1] * (N - CUT)]), torch.no_grad():
        network(ids, use_cache=False)
    handle.remove()
    return kept[0]


def test_plans_spend_their_budget_where_the_error_is() -> None:
    weights = weights_of(tiny("llama"))
    with torch.no_grad():
        # One KV head of one layer writes nothing into the residual stream: both of its query heads are multiplied by 0.
        weights.network.model.layers[1].self_attn.o_proj.weight[:, 16:] = 0
    errors = measured(weights)
    plan = plan_from_errors(errors, weights.model, Target(budget_share=0.5))
    assert plan.layers[1].kept[1] == 1
    assert min(window for layer in plan.layers for window in layer.windows[:1]) > 1
    assert plan.bytes_after <= plan.bytes_before // 2
    assert plan.looks_at_text
    assert plan == KVPlan.from_dict(plan.to_dict())
    alone = plan_from_errors(errors, weights.model, Target(budget_share=0.5), picks=False)
    assert not alone.looks_at_text
    # Heads may mix latest tokens and picks, so that what is left over is at most what windows alone leave.
    assert left_over(errors, plan) <= left_over(errors, alone) * (1 + 1e-9)
    with pytest.raises(PlanError, match="needs prefill='full'"):
        plan.cache(weights.network, prefill="windowed")
    same = plan_from_errors(errors, weights.model, Target(keep_mass=0.5))
    assert same.layers[1].windows[1] > 1  # its attention counts all the same
    with pytest.raises(PlanError, match="those of llama, not of gemma3_text"):
        plan_from_errors(
            errors,
            open_model(build(tiny("gemma3_text")).config.to_dict() | {"model_type": "gemma3_text"}),
            Target(keep_mass=0.5),
        )


def left_over(errors: OutputErrors, plan: KVPlan) -> float:
    """The error that the measured curves foresee, with the best mix at each head."""
    kept = [tokens for layer in plan.planned_layers for tokens in layer.kept]
    curves = errors.least(picks=plan.looks_at_text)
    return sum(float(np.interp(tokens, errors.kept, curve)) for tokens, curve in zip(kept, curves, strict=True))


@carries_states
def test_hybrids_and_models_without_a_plan() -> None:
    errors = measured(weights_of(tiny("lfm2")), 1)
    assert errors.layers == (1,)
    assert np.isfinite(errors.error).all()


def test_models_without_a_plan() -> None:
    with pytest.raises(PlanError, match="can be planned"):
        measured(weights_of(tiny("deepseek_v3")), 1)


def test_heads_that_pick_together_pick_by_the_sum_of_their_scores() -> None:
    weights = weights_of(tiny("llama"))
    alone, together = (
        measure_output_errors(weights, prompts(1), sinks=SINKS, about="", together=which) for which in ("head", "layer")
    )
    assert together.together == "layer"
    assert np.allclose(alone.error[:, :, 0], together.error[:, :, 0])  # windows alone pick nothing
    assert not np.allclose(alone.error[:, :, 2], together.error[:, :, 2])
    scores = {(0, 0): torch.tensor([1.0, 0.0]), (0, 1): torch.tensor([0.0, 3.0]), (1, 0): torch.tensor([5.0, 0.0])}
    assert {layer: one.tolist() for layer, one in shared_scores(scores, "layer").items()} == {0: [1, 3], 1: [5, 0]}
    assert {layer: one.tolist() for layer, one in shared_scores(scores, "model").items()} == {0: [6, 3], 1: [6, 3]}


def test_a_head_that_keeps_next_to_nothing_of_its_attention_is_weighed_anew_and_not_blown_up() -> None:
    """Without learned sinks what is kept shares all of the weight, however little it was: an error is bounded by the values."""
    weights = weights_of(every_head("llama"))
    with torch.no_grad():
        for layer in weights.network.model.layers:
            layer.self_attn.q_proj.weight.mul_(12)
    assert (
        measured(weights).error[:, :, 0].max() < 1e3
    )  # 1.8e5 where the rounding of a sum was taken for a sink's share
