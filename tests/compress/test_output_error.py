"""The measured error is the one that cutting a head really makes, and plans follow it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from planned_models import explicit_masks, ragged_plan, tiny
from tiny_models import Tiny, build, carries_states

from ropescope.compress.frame import Target
from ropescope.compress.output_error import measure_output_errors
from ropescope.compress.planning import plan_from_errors
from ropescope.errors import PlanError
from ropescope.measure.prompts import Corpus
from ropescope.measure.protocol import FixedLength
from ropescope.measure.weights import Weights
from ropescope.models.opening import open as open_model
from ropescope.models.source import Source

PROTOCOL = FixedLength(length=96, rows=20, sinks=4)


def weights_of(model: Tiny) -> Weights:
    network = build(model)
    facts = open_model(network.config.to_dict())
    return Weights(network, None, facts, Source("folder", model.model_type, path=Path()), "none")


def corpus() -> Corpus:
    return Corpus("random", "random tokens", "none", 0, (), vocabulary=np.arange(3, 128))


def every_head(model_type: str) -> Tiny:
    """As many KV heads as query heads: the error of a KV head is that of one query head."""
    found = tiny(model_type)
    return replace(found, settings={**found.settings, "num_key_value_heads": 4})


@pytest.mark.parametrize("family", ["llama", "gpt2", "gpt_oss", "gpt_neox"])
@pytest.mark.parametrize("window", [1, 8, 64])
def test_the_error_is_what_a_cut_does_to_the_output(family: str, window: int) -> None:
    weights = weights_of(every_head(family))
    errors = measure_output_errors(weights, corpus(), protocol=PROTOCOL, prompts=2)
    index, head = errors.curves.layers[-1], 2
    plan = ragged_plan(weights.network, length=96, sinks=4, even=92)
    windows = tuple(window if h == head else 92 for h in range(4))
    layers = (replace(layer, windows=windows) if layer.index == index else layer for layer in plan.layers)
    cut = replace(plan, layers=tuple(layers))
    squares = []
    for prompt in range(2):
        ids = torch.from_numpy(corpus().prompt(prompt, 96))[None]
        rows = PROTOCOL.positions(np.random.default_rng([0, prompt, 2]))
        change = output_of(weights.network, index, ids, cut) - output_of(weights.network, index, ids, plan)
        squares.append(change[0, rows].pow(2).sum(-1))
    place = int(np.flatnonzero(errors.curves.windows == window)[0])
    found = errors.error[len(errors.curves.layers) - 1, head, place]
    assert found == pytest.approx(float(torch.cat(squares).mean()), rel=1e-3)


def output_of(network: Any, index: int, ids: torch.Tensor, plan: Any) -> torch.Tensor:
    """What the attention of layer `index` adds to the residual stream, under explicit masks."""
    kept: list[torch.Tensor] = []
    modules = [module for module in network.modules() if getattr(module, "layer_idx", None) == index]
    attention = next(module for module in modules if "Attention" in type(module).__name__)
    handle = attention.register_forward_hook(lambda _, __, output: kept.append(output[0]))
    with explicit_masks(network, plan), torch.no_grad():
        network(ids, use_cache=False)
    handle.remove()
    return kept[0]


def test_plans_spend_their_budget_where_the_error_is() -> None:
    weights = weights_of(tiny("llama"))
    with torch.no_grad():
        # One KV head of one layer writes nothing into the residual stream: both of its query heads are multiplied by 0.
        weights.network.model.layers[1].self_attn.o_proj.weight[:, 16:] = 0
    errors = measure_output_errors(weights, corpus(), protocol=PROTOCOL, prompts=2)
    plan = plan_from_errors(errors, weights.model, Target(budget_share=0.5))
    assert plan.layers[1].windows[1] == 1
    assert min(window for layer in plan.layers for window in layer.windows[:1]) > 1
    assert plan.bytes_after <= plan.bytes_before // 2
    same = plan_from_errors(errors, weights.model, Target(keep_mass=0.5))
    assert same.layers[1].windows[1] > 1  # its attention counts all the same
    with pytest.raises(PlanError, match="those of llama, not of gemma3_text"):
        plan_from_errors(
            errors,
            open_model(build(tiny("gemma3_text")).config.to_dict() | {"model_type": "gemma3_text"}),
            Target(keep_mass=0.5),
        )


@carries_states
def test_hybrids() -> None:
    errors = measure_output_errors(weights_of(tiny("lfm2")), corpus(), protocol=PROTOCOL, prompts=1)
    assert errors.curves.layers == (1,)
    assert np.isfinite(errors.error).all()


def test_models_without_a_plan() -> None:
    with pytest.raises(PlanError, match="can be planned"):
        measure_output_errors(weights_of(tiny("deepseek_v3")), corpus(), protocol=PROTOCOL, prompts=1)
