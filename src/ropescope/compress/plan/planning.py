"""From a profile, an exponent or a plain budget to a KVPlan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ropescope.compress.plan.builder import PlanBuilder
from ropescope.compress.plan.kv_plan import KVPlan
from ropescope.compress.plan.picks import Sharing
from ropescope.compress.plan.plannable import check_same_model
from ropescope.compress.plan.target import DEFAULT_SINKS, Target
from ropescope.errors import PlanError
from ropescope.models.model import Model
from ropescope.theory.window import compression_window, window_mass

if TYPE_CHECKING:
    from ropescope.compress.plan.curves import Array, MassCurves
    from ropescope.compress.plan.output_error import OutputErrors
    from ropescope.measure.profile import DecayProfile


def plan_from_profile(
    profile: DecayProfile,
    model: Model,
    target: Target,
    *,
    length: int | None = None,
    cache_type: str | None = None,
) -> KVPlan:
    """The plan whose windows follow the measured attention of `profile`, for sequences of `length` tokens (default: the
    length it was measured at).

    A share of the mass is kept in every query head: a KV head's window is the longest that its query heads need. A budget
    keeps the largest share that it pays for. At small budgets `plan_from_errors`, which needs the weights, costs less loss.
    Raises PlanError for a profile of another model, a length beyond the profile's, or a budget that does not hold the sinks
    and one token a head.
    """
    from ropescope.compress.plan.curves import measured_curves

    check_same_model(profile, model)
    length = profile.protocol.length if length is None else length
    sinks = profile.protocol.sinks
    curves = measured_curves(profile, length, sinks)
    builder = PlanBuilder.of(model, length, sinks, cache_type, latents=True)
    corpus = profile.provenance.get("corpus_about", profile.provenance.get("corpus", "its corpus"))
    basis = f"measured profile ({profile.n_prompts} prompts of {profile.protocol.length:,} tokens, {corpus})"
    return _plan_by_share(builder, curves, target, basis)


def planned_length(model: Model, length: int | None = None) -> int:
    """The tokens that a plan is for: `length`, or else 2,048 or the trained context if that is shorter. Raises PlanError
    for a length beyond the trained context."""
    context = model.context_length
    length = length or min(2048, context or 2048)
    if context is not None and length > context:
        raise PlanError(
            f"{length:,} tokens is beyond the trained context of {model.name} ({context:,}): plan for fewer."
        )
    return length


def require_plannable(
    model: Model, target: Target, *, length: int | None, sinks: int, cache_type: str | None = None
) -> None:
    """Raise PlanError or DomainError now for what no measurement mends: a model without a layer that can be planned, a
    length beyond its context, an unknown cache type, a budget below the least that a plan holds."""
    builder = PlanBuilder.of(model, planned_length(model, length), sinks, cache_type)
    model.cache_bytes(builder.length, key_type=builder.cache_type)
    if target.max_loss is None and target.keep_mass is None:
        builder.window_bytes(target)


def measurable_model(inputs: Any, target: Target, sinks: int) -> Model:
    """The model of `inputs` (those of `compress plan`), once files and arguments tell that a plan can be measured on its weights.

    Raises what `loadable`, `require_plannable` and `check_texts` raise, before anything heavy is imported.
    """
    from ropescope.models.loadable import loadable
    from ropescope.models.text_files import check_texts

    model = loadable(inputs.source, inputs.revision, reads_text=not inputs.trust_remote_code)
    require_plannable(model, target, length=inputs.length, sinks=sinks, cache_type=inputs.cache_type)
    # The first half of the text is measured on; no tokenizer makes more tokens than bytes.
    check_texts(inputs.text, inputs.column, least_bytes=2 * (planned_length(model, inputs.length) - 2))
    return model


def plan_from_errors(
    errors: OutputErrors,
    model: Model,
    target: Target,
    *,
    picks: bool = True,
    together: Sharing = "head",
    cache_type: str | None = None,
) -> KVPlan:
    """The plan that spends a budget where the next byte takes most from the squared error of the layers' outputs.

    Each KV head keeps the mix of latest tokens and picks whose error is least, or the latest alone (`picks=False`).
    `together`: which KV heads keep equally many tokens in the same mix. A share of the mass is kept by windows alone, as
    `plan_from_profile` keeps it. Raises PlanError for errors of another model, or a budget that does not hold the sinks and
    one token a head.
    """
    import numpy as np

    from ropescope.compress.plan.allocation import windows_for_budget

    builder = builder_for(errors, model, cache_type)
    if target.keep_mass is not None:
        return _plan_by_share(builder, errors.curves(), target, measured_basis(errors))
    layers = layers_of_heads(errors)
    groups = groups_of_heads(errors, together)
    costs = np.array([sum(builder.token_bytes(layers[place]) for place in own) for own in groups], dtype=np.int64)
    least = errors.least(picks=picks, groups=groups)
    gains = np.concatenate([np.zeros((len(groups), 1)), least[:, :1] - least], axis=1)
    knots = np.concatenate([[0], errors.kept])
    kept = windows_for_budget(gains, knots, costs, builder.window_bytes(target)).tolist()
    shares = errors.best_share(kept, groups) if picks else [0.0] * len(kept)
    parts = {place: (n, share) for own, n, share in zip(groups, kept, shares, strict=True) for place in own}
    how = f"{measured_basis(errors)}; equal gain of the next byte, by the error of layer outputs"
    return plan_of_heads(builder, errors, [parts[place] for place in range(len(layers))], target, how)


def builder_for(errors: OutputErrors, model: Model, cache_type: str | None) -> PlanBuilder:
    """The builder of plans by `errors`. Raises PlanError for errors of another model."""
    builder = PlanBuilder.of(model, errors.length, errors.sinks, cache_type)
    if builder.planned != frozenset(errors.layers):
        raise PlanError(
            f"The output errors are those of {errors.model}, not of {model.name}: measure them on this model."
        )
    return builder


def measured_basis(errors: OutputErrors) -> str:
    """What a plan by `errors` rests on, in words."""
    return f"measured on the weights ({errors.n_prompts} prompts of {errors.length:,} tokens, {errors.about})"


def plan_of_heads(
    builder: PlanBuilder, errors: OutputErrors, parts: Sequence[tuple[int, float]], target: Target, how: str
) -> KVPlan:
    """The plan with (tokens kept behind the sinks, share of picks) of every KV head of all planned layers."""
    from ropescope.compress.plan.picks import split

    kept, shares = [n for n, _ in parts], [share for _, share in parts]
    mass = iter(errors.kept_mass(kept, shares))
    windows: dict[int, list[int]] = {}
    picks: dict[int, list[int]] = {}
    masses: dict[int, list[float]] = {}
    heads = iter(parts)
    for index, n in zip(errors.layers, errors.n_kv_heads, strict=True):
        halves = [split(*next(heads)) for _ in range(n)]
        windows[index], picks[index] = [window for window, _ in halves], [count for _, count in halves]
        masses[index] = [next(mass) for _ in halves]
    return builder.plan(windows, masses, target, how, "measured", picks=picks if any(shares) else {})


def layers_of_heads(errors: OutputErrors) -> list[int]:
    """The layer of every KV head, in the order of `errors`."""
    return [index for index, n in zip(errors.layers, errors.n_kv_heads, strict=True) for _ in range(n)]


def groups_of_heads(errors: OutputErrors, together: Sharing) -> list[list[int]]:
    """The places of the heads, in the list of all, that keep equally many tokens."""
    layers = layers_of_heads(errors)
    if together == "head":
        return [[place] for place in range(len(layers))]
    found: dict[int, list[int]] = {}
    for place, index in enumerate(layers):
        found.setdefault(index if together == "layer" else 0, []).append(place)
    return list(found.values())


def _by_layer(curves: MassCurves, builder: PlanBuilder) -> dict[int, Array]:
    """Planned layer → [KV heads, query heads of each, knots] mass."""
    found = {index: curves.of_layer(row) for row, index in enumerate(curves.layers) if index in builder.planned}
    return {index: mass.reshape(builder.heads(index), -1, mass.shape[-1]) for index, mass in found.items()}


def _plan_by_share(builder: PlanBuilder, curves: MassCurves, target: Target, basis: str) -> KVPlan:
    """The plan that keeps the same share of the mass in every query head: the one asked for, or all that a budget pays for."""
    import numpy as np

    from ropescope.compress.plan.allocation import share_for_budget
    from ropescope.compress.plan.curves import share_inside, windows_of_share

    masses = _by_layer(curves, builder)
    groups = [group for mass in masses.values() for group in mass]
    costs = np.array([builder.token_bytes(index) for index, mass in masses.items() for _ in mass], dtype=np.int64)
    if target.keep_mass is not None:
        chosen = np.array([windows_of_share(group, curves.windows, target.keep_mass).max() for group in groups])
    else:
        chosen = share_for_budget(groups, curves.windows, costs, builder.window_bytes(target))
    found = iter(zip(chosen.tolist(), groups, strict=True))
    windows: dict[int, list[int]] = {}
    kept: dict[int, list[float]] = {}
    for index, mass in masses.items():
        of_layer = [next(found) for _ in mass]
        windows[index] = [window for window, _ in of_layer]
        kept[index] = [
            float(share_inside(group, curves.windows, [window] * len(group)).mean()) for window, group in of_layer
        ]
    return builder.plan(windows, kept, target, f"{basis}; equal share in every head", "measured")


def plan_from_gamma(
    gamma: float,
    model: Model,
    target: Target,
    *,
    length: int,
    sinks: int = DEFAULT_SINKS,
    cache_type: str | None = None,
) -> KVPlan:
    """The plan of the paper: one window D_f(γ, N) for all heads, for a share f, or the one that a budget allows.

    D_f is exact for a power law that every head would follow; published γ do not predict the windows that work (see
    `theory.compression_window`). Raises PlanError as `plan_from_profile` does, DomainError for a γ outside
    the formula's range.
    """
    builder = PlanBuilder.of(model, length, sinks, cache_type, latents=True)
    if target.keep_mass is not None:
        window = min(compression_window(gamma, length, target.keep_mass), length - sinks)
    else:
        window = builder.even_window(target)
    share = window_mass(gamma, length, window)
    return builder.even(
        window, share, target, f"closed form D_f(γ = {gamma:.4g}, N = {length:,}), the same in all heads", "formula"
    )


def plan_uniform(
    model: Model, target: Target, *, length: int, sinks: int = DEFAULT_SINKS, cache_type: str | None = None
) -> KVPlan:
    """One window for all heads that spends a budget (StreamingLLM): the null of every other plan. Raises PlanError."""
    builder = PlanBuilder.of(model, length, sinks, cache_type, latents=True)
    if target.keep_mass is not None:
        raise PlanError("A uniform window is made for a budget: what share it keeps, only a profile or a γ can tell.")
    return builder.even(builder.even_window(target), None, target, "one window for all heads", "assumed")
