"""Plans for programs that carry out less: within the restriction, no dearer than the budget, and the best of their kind."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from made_errors import LENGTH, made_errors, model_of

from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.output_error import OutputErrors
from ropescope.compress.plan.restricted import RESTRICTIONS, plan_restricted
from ropescope.compress.plan.target import Target
from ropescope.errors import PlanError

LAYERS, HEADS = 5, 2


def plan(name: str, errors: OutputErrors, budget: float = 0.4, **options: object) -> KVPlan:
    return plan_restricted(errors, model_of(LAYERS, HEADS), Target(budget_share=budget), RESTRICTIONS[name], **options)


def error_of(made: KVPlan, errors: OutputErrors) -> float:
    """The measured error of what windows and picks keep, summed over all heads."""
    total = 0.0
    for row, layer in enumerate(made.planned_layers):
        for head, kept in enumerate(layer.kept):
            if kept + made.sinks < LENGTH:
                total += min(np.interp(kept, errors.kept, curve) for curve in errors.error[row, head])
    return total


def test_each_restriction_is_kept() -> None:
    sinks, none = made_errors(LAYERS, HEADS, sinks=4), made_errors(LAYERS, HEADS, sinks=0)
    for name, restriction in RESTRICTIONS.items():
        errors = replace(sinks, together=restriction.together) if restriction.sinks else none
        made = plan(name, errors)
        assert made.bytes_after <= 0.4 * made.bytes_before, name
        assert made.sinks == (4 if restriction.sinks else 0)
        assert made.looks_at_text <= restriction.picks
        kept = [list(zip(layer.windows, layer.kept, strict=True)) for layer in made.planned_layers]
        if restriction.together != "head":
            assert all(len(set(heads)) == 1 for heads in kept), name
        if restriction.together == "model":
            assert len({head for heads in kept for head in heads}) == 1
        if restriction.two_kinds:
            assert len({window for heads in kept for window, _ in heads} - {LENGTH}) <= 1


def test_less_restricted_plans_have_less_error() -> None:
    errors = made_errors(LAYERS, HEADS, sinks=4)
    found = [
        error_of(plan(name, replace(errors, together=RESTRICTIONS[name].together)), errors)
        for name in ("full plan", "picks by layer", "one list for all layers")
    ]
    assert found == sorted(found)
    assert found[0] < found[2]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("window", [None, 40])
def test_two_kinds_of_layers_are_divided_as_well_as_any_choice(seed: int, window: int | None) -> None:
    errors = made_errors(LAYERS, HEADS, sinks=0, seed=seed)
    made = plan("full layers and one window", errors, 0.5, window=window)
    tokens = 0.5 * LAYERS * LENGTH
    curves = errors.error[:, :, 0].sum(axis=1)
    best = np.inf
    for n_full in range(LAYERS):
        for full in combinations(range(LAYERS), n_full):
            size = window or int(min(LENGTH, (tokens - n_full * LENGTH) // (LAYERS - n_full)))
            if size < 1 or n_full * LENGTH + (LAYERS - n_full) * size > tokens:
                continue
            lost = sum(np.interp(size, errors.kept, curves[row]) for row in range(LAYERS) if row not in full)
            best = min(best, lost)
    sizes = [layer.windows[0] for layer in made.planned_layers]
    assert sum(sizes) <= tokens
    assert window is None or set(sizes) <= {window, LENGTH}
    found = sum(np.interp(size, errors.kept, curves[row]) for row, size in enumerate(sizes) if size < LENGTH)
    assert found == pytest.approx(best)


def test_layers_keep_everything_only_where_a_program_can_be_told() -> None:
    errors = made_errors(LAYERS, HEADS, sinks=0)
    made = plan("full layers and one window", errors, 0.5, full_layers=[frozenset({4}), frozenset()])
    full = {layer.index for layer in made.planned_layers if layer.windows[0] == LENGTH}
    assert full in ({4}, set())


def test_errors_of_another_kind_are_refused() -> None:
    errors = made_errors(LAYERS, HEADS, sinks=4)
    with pytest.raises(PlanError, match="together='layer'"):
        plan("picks by layer", errors)
    with pytest.raises(PlanError, match="sinks=0"):
        plan("one window", errors)
    with pytest.raises(PlanError, match="below windows of 200 tokens"):
        plan("full layers and one window", made_errors(LAYERS, HEADS, sinks=0), 0.1, window=200)
