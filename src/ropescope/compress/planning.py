"""From a profile, an exponent or a plain budget to a KVPlan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from ropescope.compress.plan import KVPlan, LayerPlan
from ropescope.compress.plannable import check_same_model, untouched
from ropescope.errors import PlanError
from ropescope.models.cache import cache_bytes
from ropescope.models.model import Model
from ropescope.theory.window import compression_window, window_mass

if TYPE_CHECKING:
    from ropescope.measure.profile import DecayProfile

DEFAULT_SINKS = 4

Allocation = Literal["share", "gain"]
"""How a budget is divided. share: every head keeps the same share of its own attention; gain: the next byte gains as much
attention in every head, which starves heads that give most of theirs to the sinks. `benchmarks/compress_quality.py`
measured which costs less quality: share."""

TYPES: Mapping[str, str] = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}
"""Cache types by the type a model computes in."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a plan is asked for: a share of the attention mass outside the sinks, or a budget for the whole cache in bytes
    or as a share of the bytes without a plan. Raises PlanError unless exactly one is given, in its range."""

    keep_mass: float | None = None
    budget_bytes: int | None = None
    budget_share: float | None = None

    def __post_init__(self) -> None:
        if sum(value is not None for value in (self.keep_mass, self.budget_bytes, self.budget_share)) != 1:
            raise PlanError("Give either a share of the mass to keep (--keep-mass) or a budget (--budget).")
        if self.keep_mass is not None and not 0 < self.keep_mass < 1:
            raise PlanError(f"--keep-mass is {self.keep_mass}: it lies between 0 and 1, both excluded.")
        if self.budget_share is not None and not 0 < self.budget_share <= 1:
            raise PlanError(f"A budget of {self.budget_share:.0%} cannot be had: give more than 0 % and at most 100 %.")
        if self.budget_bytes is not None and self.budget_bytes < 1:
            raise PlanError(f"A budget of {self.budget_bytes} bytes holds nothing: give a positive number.")

    def to_dict(self) -> dict[str, Any]:
        """The one wish, by its name."""
        values = {name: getattr(self, name) for name in ("keep_mass", "budget_bytes", "budget_share")}
        return {name: value for name, value in values.items() if value is not None}


def plan_from_profile(
    profile: DecayProfile, model: Model, target: Target, *, length: int | None = None,
    allocation: Allocation = "share", cache_type: str | None = None,
) -> KVPlan:  # fmt: skip
    """The plan whose windows follow the measured attention of `profile`, for sequences of `length` tokens (default: the
    length it was measured at).

    A share of the mass is kept in every query head: a KV head's window is the longest that its query heads need. A
    budget is divided as `allocation` says. Raises PlanError for a profile of another model, a length
    beyond the profile's, or a budget that does not hold the sinks and one token a head.
    """
    import numpy as np

    from ropescope.compress.allocation import share_for_budget, windows_for_budget
    from ropescope.compress.curves import measured_curves, share_inside, windows_of_share

    if allocation not in get_args(Allocation):
        raise PlanError(f"--allocation is {allocation!r}: it is share or gain.")
    check_same_model(profile, model)
    length = profile.protocol.length if length is None else length
    sinks = profile.protocol.sinks
    curves = measured_curves(profile, length, sinks)
    frame = _Frame.of(model, length, sinks, cache_type)
    rows = [row for row, index in enumerate(curves.layers) if index in frame.planned]
    by_head = {curves.layers[row]: curves.of_layer(row) for row in rows}
    if target.keep_mass is not None:
        share = target.keep_mass
        windows = {
            index: windows_of_share(mass, curves.windows, share).max(axis=1).tolist() for index, mass in by_head.items()
        }
    else:
        costs = np.array([frame.token_bytes(index) for index, mass in by_head.items() for _ in mass], dtype=np.int64)
        budget = frame.window_bytes(target)
        if allocation == "share":
            groups = [group for mass in by_head.values() for group in mass]
            found = iter(share_for_budget(groups, curves.windows, costs, budget).tolist())
        else:
            gains = np.concatenate([mass.sum(axis=1) for mass in by_head.values()])
            found = iter(windows_for_budget(gains, curves.windows, costs, budget).tolist())
        windows = {index: [next(found) for _ in mass] for index, mass in by_head.items()}
    kept = {
        index: share_inside(
            mass.reshape(-1, mass.shape[-1]), curves.windows, np.repeat(windows[index], mass.shape[1])
        ).reshape(mass.shape[:2]).mean(axis=1).tolist()
        for index, mass in by_head.items()
    }  # fmt: skip
    corpus = profile.provenance.get("corpus_about", profile.provenance.get("corpus", "its corpus"))
    equal_share = target.keep_mass is not None or allocation == "share"
    how = "equal share in every head" if equal_share else "equal gain of the next byte in every head"
    return frame.plan(
        windows, kept, target, f"measured profile ({profile.n_prompts} prompts of {profile.protocol.length:,} tokens, "
        f"{corpus}); {how}", "measured",
    )  # fmt: skip


def plan_from_gamma(
    gamma: float, model: Model, target: Target, *, length: int, sinks: int = DEFAULT_SINKS,
    cache_type: str | None = None,
) -> KVPlan:  # fmt: skip
    """The plan of the paper: one window D_f(γ, N) for all heads, for a share f, or the one that a budget allows.

    D_f is exact for a power law that every head would follow; published γ do not predict the windows that work (see
    `ropescope formulas compression_window`). Raises PlanError as `plan_from_profile` does, DomainError for a γ outside
    the formula's range.
    """
    frame = _Frame.of(model, length, sinks, cache_type)
    if target.keep_mass is not None:
        window = min(compression_window(gamma, length, target.keep_mass), length - sinks)
    else:
        window = frame.even_window(target)
    share = window_mass(gamma, length, window)
    return frame.even(
        window, share, target, f"closed form D_f(γ = {gamma:.4g}, N = {length:,}), the same in all heads", "formula"
    )


def plan_uniform(
    model: Model, target: Target, *, length: int, sinks: int = DEFAULT_SINKS, cache_type: str | None = None
) -> KVPlan:
    """One window for all heads that spends a budget (StreamingLLM): the null of every other plan. Raises PlanError."""
    frame = _Frame.of(model, length, sinks, cache_type)
    if target.keep_mass is not None:
        raise PlanError("A uniform window is made for a budget: what share it keeps, only a profile or a γ can tell.")
    return frame.even(frame.even_window(target), None, target, "one window for all heads", "assumed")


@dataclass(frozen=True, slots=True)
class _Frame:
    """What all plans of a model for one length share: which layers are planned, and what a token costs in each."""

    model: Model
    length: int
    sinks: int
    cache_type: str
    reasons: Mapping[int, str]

    @classmethod
    def of(cls, model: Model, length: int, sinks: int, cache_type: str | None) -> _Frame:
        if length <= sinks:
            raise PlanError(f"{sinks} sinks leave nothing of {length:,} tokens to plan: plan for a longer sequence.")
        reasons = untouched(model)
        if all(reasons.values()):
            why = "; ".join(sorted(set(reasons.values()))) or "it has no layers"
            raise PlanError(f"No layer of {model.name} has a cache that can be planned: {why}.")
        return cls(model, length, sinks, cache_type or TYPES.get(model.dtype, "bf16"), reasons)

    @property
    def planned(self) -> frozenset[int]:
        return frozenset(index for index, reason in self.reasons.items() if not reason)

    def token_bytes(self, index: int) -> int:
        """The bytes that one token costs in one KV head of a layer."""
        layer = self.model.layers[index]
        return cache_bytes((layer.cache,), 1, key_type=self.cache_type) // layer.n_kv_heads

    def window_bytes(self, target: Target) -> int:
        """What a budget leaves for windows, once the other layers and the sinks are paid for."""
        whole = self.model.cache_bytes(self.length, key_type=self.cache_type)
        budget = target.budget_bytes if target.budget_bytes is not None else int((target.budget_share or 0) * whole)
        fixed = cache_bytes(
            (layer.cache for layer in self.model.layers if layer.index not in self.planned), self.length,
            key_type=self.cache_type,
        )  # fmt: skip
        heads = {index: self.model.layers[index].n_kv_heads for index in self.planned}
        a_token = sum(self.token_bytes(index) * n for index, n in heads.items())
        least = fixed + (self.sinks + 1) * a_token
        if budget < least:
            others = f" and {fixed:,} bytes in layers that stay as they are" if fixed else ""
            raise PlanError(
                f"A budget of {budget:,} bytes is below the least that a plan can hold, {least:,} bytes: {self.sinks} "
                f"sinks and one token in each of {sum(heads.values())} KV heads{others}. Give more bytes, or fewer sinks."
            )
        return budget - fixed - self.sinks * a_token

    def even_window(self, target: Target) -> int:
        """The window that a budget allows if all heads have the same."""
        a_token = sum(self.token_bytes(index) * self.model.layers[index].n_kv_heads for index in self.planned)
        return min(self.window_bytes(target) // a_token, self.length - self.sinks)

    def even(self, window: int, share: float | None, target: Target, how: str, basis: str) -> KVPlan:
        heads = {index: self.model.layers[index].n_kv_heads for index in self.planned}
        windows = {index: [window] * n for index, n in heads.items()}
        kept = {} if share is None else {index: [share] * n for index, n in heads.items()}
        return self.plan(windows, kept, target, how, basis)

    def plan(
        self,
        windows: Mapping[int, Sequence[int]],
        kept: Mapping[int, Sequence[float]],
        target: Target,
        how: str,
        basis: str,
    ) -> KVPlan:
        layers = tuple(
            LayerPlan(
                index=layer.index,
                kind=layer.kind,
                n_kv_heads=layer.n_kv_heads,
                cache=layer.cache,
                windows=tuple(windows.get(layer.index, ())),
                kept_mass=tuple(kept.get(layer.index, ())),
                untouched=self.reasons[layer.index],
            )
            for layer in self.model.layers
        )
        return KVPlan(
            model=self.model.name,
            model_type=self.model.model_type,
            length=self.length,
            sinks=self.sinks,
            layers=layers,
            windows_from=how,
            basis=basis,
            target=target.to_dict(),
            key_type=self.cache_type,
            value_type=self.cache_type,
        )
