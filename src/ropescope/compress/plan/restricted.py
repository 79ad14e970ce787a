"""Plans for programs that carry out less than a plan can say: no picks, no sinks, or the same tokens for several heads.

Each is the planner's own optimum of what is left: the measured error is least at the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ropescope.compress.plan.kv_plan import KVPlan, Prefill
from ropescope.compress.plan.picks import Sharing
from ropescope.compress.plan.planning import (
    builder_for,
    groups_of_heads,
    layers_of_heads,
    measured_basis,
    plan_from_errors,
    plan_of_heads,
)
from ropescope.compress.plan.target import Target
from ropescope.errors import PlanError
from ropescope.models.model import Model

if TYPE_CHECKING:
    from ropescope.compress.plan.builder import PlanBuilder
    from ropescope.compress.plan.output_error import OutputErrors


@dataclass(frozen=True, slots=True)
class Restriction:
    """What a program can keep. `together`: which KV heads keep the same tokens. `picks`: tokens chosen by their content.
    `sinks`: first tokens. `two_kinds`: a layer keeps everything, or a window of the one size that all such layers have."""

    together: Sharing = "head"
    picks: bool = True
    sinks: bool = True
    two_kinds: bool = False


RESTRICTIONS: Final[Mapping[str, Restriction]] = {
    "full plan": Restriction(),
    "picks by layer": Restriction("layer"),
    "one list for all layers": Restriction("model"),
    "windows by layer and sinks": Restriction("layer", picks=False),
    "windows by layer": Restriction("layer", picks=False, sinks=False),
    "full layers and one window": Restriction("layer", picks=False, sinks=False, two_kinds=True),
    "one window and sinks": Restriction("model", picks=False),
    "one window": Restriction("model", picks=False, sinks=False),
}
"""The kinds of restriction that programs have, by name; "one window and sinks" is StreamingLLM."""


def plan_restricted(
    errors: OutputErrors,
    model: Model,
    target: Target,
    restriction: Restriction,
    *,
    window: int | None = None,
    full_layers: Sequence[frozenset[int]] | None = None,
    prefill: Prefill = "full",
    cache_type: str | None = None,
) -> KVPlan:
    """The plan within `restriction` whose measured error is least for a budget.

    Of two kinds of layers, `window` is the size that the one must have (None: any), and `full_layers` are the sets of layers
    that can be told to keep everything (None: any set). `prefill`: what the program lets a prompt see; errors are measured
    with a full one.

    A PlannedCache picks by head: plans whose heads pick together are scored (`Planned(together=…)`), and no cache carries them
    out. `errors` are those of the same sinks and of heads that pick together as the restriction has it. Raises PlanError for
    others, and where no such plan fits the budget.
    """
    if restriction.picks and errors.together != restriction.together:
        raise PlanError(
            f"These errors are those of tokens picked by {errors.together}, and the plan picks them by "
            f"{restriction.together}: measure with together={restriction.together!r}."
        )
    if not restriction.sinks and errors.sinks:
        raise PlanError(
            f"These errors are those of {errors.sinks} sinks, and the plan keeps none: measure with sinks=0."
        )
    if not restriction.sinks:
        errors = _up_to_everything(errors)
    if restriction.two_kinds:
        plan = _two_kinds(errors, builder_for(errors, model, cache_type), target, window, full_layers)
    else:
        plan = plan_from_errors(
            errors, model, target, picks=restriction.picks, together=restriction.together, cache_type=cache_type
        )
    return replace(plan, prefill=prefill)


def _up_to_everything(errors: OutputErrors) -> OutputErrors:
    """The errors with one more knot, a window as long as the sequence: without sinks a shorter one loses the first tokens."""
    import numpy as np

    if errors.kept[-1] >= errors.length:
        return errors
    kept = np.append(errors.kept, errors.length)
    return replace(
        errors,
        kept=kept,
        error=np.concatenate([errors.error, 0 * errors.error[..., :1]], axis=-1),
        mass=np.concatenate([errors.mass, 1 + 0 * errors.mass[..., :1]], axis=-1),
    )


def _two_kinds(
    errors: OutputErrors,
    builder: PlanBuilder,
    target: Target,
    window: int | None,
    full_layers: Sequence[frozenset[int]] | None,
) -> KVPlan:
    """Which layers keep everything, and the window of the others: of all that fit the budget, those of the least error."""
    import numpy as np

    reach, budget = errors.length - errors.sinks, builder.window_bytes(target)
    costs = {index: builder.token_bytes(index) * builder.heads(index) for index in errors.layers}
    curves = dict(zip(errors.layers, errors.least(picks=False, groups=groups_of_heads(errors, "layer")), strict=True))

    def error(index: int, size: int) -> float:
        return float(np.interp(size, errors.kept, curves[index]))

    if full_layers is None:
        full_layers = [_dearest(n, costs, budget, reach, window, error) for n in range(len(costs) + 1)]
    best: tuple[float, frozenset[int], int] | None = None
    for full in full_layers:
        size = window or _size(full, costs, budget, reach)
        held = sum((reach if index in full else size) * cost for index, cost in costs.items())
        if not 1 <= size <= reach or held > budget:
            continue
        lost = sum(error(index, size) for index in costs if index not in full)
        if best is None or lost < best[0]:
            best = lost, full, size
    if best is None:
        least = f"windows of {window:,} tokens" if window else "one token"
        raise PlanError(f"The budget is below {least} in every layer that can be planned: give more bytes.")
    _, full, size = best
    parts = [(reach if index in full else size, 0.0) for index in layers_of_heads(errors)]
    how = f"{measured_basis(errors)}; layers that keep everything and layers with one window, by the error of layer outputs"
    return plan_of_heads(builder, errors, parts, target, how)


def _dearest(
    count: int,
    costs: Mapping[int, int],
    budget: int,
    reach: int,
    window: int | None,
    error: Callable[[int, int], float],
) -> frozenset[int]:
    """The `count` layers whose error falls most per byte if they keep everything and the others what is left."""
    mean = sum(costs.values()) // len(costs)
    rest = len(costs) - count
    size = window or (min(reach, max(1, (budget - count * reach * mean) // (rest * mean))) if rest else reach)
    return frozenset(sorted(costs, key=lambda index: -error(index, size) / costs[index])[:count])


def _size(full: frozenset[int], costs: Mapping[int, int], budget: int, reach: int) -> int:
    """The window that is left for the other layers; 0 where nothing is."""
    left = budget - reach * sum(cost for index, cost in costs.items() if index in full)
    rest = sum(cost for index, cost in costs.items() if index not in full)
    return min(max(left, 0) // rest, reach) if rest else reach * (left >= 0)
