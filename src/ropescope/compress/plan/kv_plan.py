"""KVPlan: which tokens each layer and KV head keeps of a sequence, and the bytes that takes. Plain data, saved as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from typing import Any, Literal, Self, cast, get_args

from ropescope.compress.plan.storage import Storage
from ropescope.errors import FormatError, PlanError
from ropescope.models.cache import LayerCache, cache_bytes
from ropescope.report.described import Described
from ropescope.report.numbers import binary_size
from ropescope.report.report import Basis, Fact, Report
from ropescope.runs.saved import Saved

SCHEMA = "ropescope.kvplan/1"

Prefill = Literal["full", "windowed"]
"""What the queries of a pass of several tokens see. full: all that is held and all tokens of their own pass before them,
and the cache is cut behind the pass, as compression methods do; windowed: no more than single tokens will."""


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """One layer. `windows` has the latest tokens that each KV head keeps behind the sinks, the newest included; it is
    empty in a layer that stays as the model has it, and `untouched` says why. `picks` has the tokens that each KV head
    keeps besides, chosen by the attention of the last queries of a prompt (empty: none). `kept_mass` is the share of the
    attention outside the sinks that is expected on what is kept, averaged over the query heads of the KV head (empty if
    not known). `cache` is what the layer keeps of a sequence without a plan. `latent`: it keeps latents that
    all heads share (MLA), which count as those of one KV head."""

    index: int
    kind: str
    n_kv_heads: int
    cache: LayerCache
    windows: tuple[int, ...] = ()
    picks: tuple[int, ...] = ()
    kept_mass: tuple[float, ...] = ()
    untouched: str = ""
    latent: bool = False

    @property
    def planned(self) -> bool:
        """Whether the plan changes what this layer keeps."""
        return bool(self.windows)

    @property
    def kept(self) -> tuple[int, ...]:
        """The tokens that each planned KV head keeps behind the sinks: its window and its picks."""
        picks = self.picks or (0,) * len(self.windows)
        return tuple(window + picked for window, picked in zip(self.windows, picks, strict=True))

    def caches(self, sinks: int) -> tuple[LayerCache, ...]:
        """What the layer keeps under the plan: one LayerCache for each planned KV head, or the model's own."""
        if not self.windows:
            return (self.cache,)
        key, value = self.cache.key_elements // self.n_kv_heads, self.cache.value_elements // self.n_kv_heads
        return tuple(LayerCache(key, value, tokens_held=sinks + kept) for kept in self.kept)


@dataclass(frozen=True, repr=False)
class KVPlan(Saved, Described):
    """What a model's cache keeps of a sequence of up to `length` tokens: in every planned KV head the first `sinks`
    tokens, the most recent `window`, and `picks` that the end of the prompt attended to most.

    `windows_from` says in words where the windows come from, `basis` what that rests on (measured, formula or assumed),
    and `target` what was asked for (`{"keep_mass": 0.9}`). `key_type` and `value_type` are those of the bytes; in planned
    layers `storage` quantises them (None: they stay in that type). `prefill` is how its cache takes a prompt.
    """

    model: str
    model_type: str
    length: int
    sinks: int
    layers: tuple[LayerPlan, ...]
    windows_from: str
    basis: str
    target: Mapping[str, Any] = field(default_factory=dict, hash=False)
    key_type: str = "bf16"
    value_type: str = "bf16"
    storage: Storage | None = None
    prefill: Prefill = "full"
    schema: str = SCHEMA

    expected_schema = SCHEMA
    what = "a cache plan"
    command = "compress plan"
    derived = ("bytes_before", "bytes_after", "kept_mass")

    def __post_init__(self) -> None:
        """Raises PlanError for windows that no sequence of `length` tokens can have, or if no layer is planned."""
        if self.length < 1 or self.sinks < 0 or self.sinks >= self.length:
            raise PlanError(f"{self.sinks} sinks do not fit a sequence of {self.length:,} tokens: give fewer sinks.")
        for layer in self.layers:
            if layer.windows and len(layer.windows) != layer.n_kv_heads:
                raise PlanError(
                    f"Layer {layer.index} has {layer.n_kv_heads} KV heads and {len(layer.windows)} windows."
                )
            if layer.picks and len(layer.picks) != len(layer.windows):
                raise PlanError(f"Layer {layer.index} has {len(layer.windows)} windows and {len(layer.picks)} picks.")
            for window, kept in zip(layer.windows, layer.kept, strict=True):
                if not 1 <= window <= kept <= self.length - self.sinks:
                    raise PlanError(
                        f"Layer {layer.index} has a window of {window:,} tokens and {kept - window:,} picks: a window has "
                        f"at least one, and both together at most {self.length - self.sinks:,}, the planned length less "
                        "the sinks."
                    )
        if self.storage is not None:
            if any(layer.latent for layer in self.planned_layers):
                raise PlanError(f"{self.model} keeps latents, which are not quantised: leave the bits out.")
            for layer in self.planned_layers:
                self._quantised_bytes(self.storage, layer, 1)  # raises what cannot be quantised
        if self.prefill not in get_args(Prefill):
            raise PlanError(f"prefill is {self.prefill!r}: it is 'full' or 'windowed'.")
        if self.prefill == "windowed" and self.looks_at_text:
            raise PlanError("A plan that picks tokens by their content needs prefill='full': windows cannot see them.")
        if not any(layer.planned for layer in self.layers):
            why = sorted({layer.untouched for layer in self.layers if layer.untouched})
            raise PlanError(f"{self.model} has no layer whose cache can be planned ({'; '.join(why) or 'no layers'}).")

    @property
    def planned_layers(self) -> tuple[LayerPlan, ...]:
        """The layers that the plan changes, in order."""
        return tuple(layer for layer in self.layers if layer.planned)

    @cached_property
    def bytes_before(self) -> int:
        """The bytes of cache for one sequence of `length` tokens without the plan."""
        return self._bytes(tuple(layer.cache for layer in self.layers), self.length)

    @cached_property
    def bytes_after(self) -> int:
        """The same with the plan."""
        return self.bytes_at(self.length)

    def bytes_at(self, tokens: int) -> int:
        """The bytes of cache with the plan once `tokens` tokens have been seen."""
        if self.storage is None:
            return self._bytes(tuple(cache for layer in self.layers for cache in layer.caches(self.sinks)), tokens)
        others = self._bytes(tuple(layer.cache for layer in self.layers if not layer.planned), tokens)
        return others + sum(self._quantised_bytes(self.storage, layer, tokens) for layer in self.planned_layers)

    def _quantised_bytes(self, storage: Storage, layer: LayerPlan, tokens: int) -> int:
        total = 0
        for elements, kind in (
            (layer.cache.key_elements, self.key_type),
            (layer.cache.value_elements, self.value_type),
        ):
            for window, kept in zip(layer.windows, layer.kept, strict=True):
                held = min(tokens, self.sinks + kept)
                total += storage.head_bytes(held, window, elements // layer.n_kv_heads, kind)
        return total

    def _bytes(self, caches: tuple[LayerCache, ...], tokens: int) -> int:
        return cache_bytes(caches, tokens, key_type=self.key_type, value_type=self.value_type)

    @property
    def looks_at_text(self) -> bool:
        """Whether some KV head picks tokens by their content."""
        return any(any(layer.picks) for layer in self.layers)

    @property
    def masks_prefill(self) -> bool:
        """Whether the plan's cache holds keys and values of a full prefill as they are, so that a mask of it does the same."""
        return self.prefill == "full" and self.storage is None

    @property
    def kept_mass(self) -> float | None:
        """The expected share of the attention outside the sinks, averaged over the planned KV heads; None if unknown."""
        shares = [share for layer in self.planned_layers for share in layer.kept_mass]
        return sum(shares) / len(shares) if shares else None

    def described(self) -> Report:
        """Its main facts."""
        windows = [window for layer in self.planned_layers for window in layer.windows]
        picks = [picked for layer in self.planned_layers for picked in layer.picks]
        basis = cast(Basis, self.basis)
        asked = ", ".join(f"{name} {value}" for name, value in self.target.items())
        facts = [
            Fact(
                "cache without the plan",
                binary_size(self.bytes_before),
                basis="formula",
                source=f"{self.key_type} keys",
            ),
            Fact("cache with it", binary_size(self.bytes_after), basis="formula", source=asked and f"for {asked}"),
            Fact("planned layers", f"{len(self.planned_layers)} of {len(self.layers)}", basis="config"),
            Fact("first tokens kept", self.sinks, "tokens", basis=basis),
            Fact("window", f"{min(windows):,} to {max(windows):,} tokens", basis=basis, source=self.windows_from),
        ]
        if picks:
            facts.append(Fact("picked besides", f"{min(picks):,} to {max(picks):,} tokens", basis=basis))
        if self.kept_mass is not None:
            facts.append(Fact("attention kept", self.kept_mass, basis=basis, source="outside the first tokens"))
        if self.storage is not None:
            facts.append(Fact("stored in", self.storage.bits, "bits", basis="config"))
        share = 100 * self.bytes_after / self.bytes_before
        return Report(
            title=f"a cache plan for {self.model} ({self.model_type})",
            verdict=f"{self.model} keeps {share:.1f} % of the cache of {self.length:,} tokens: {binary_size(self.bytes_after)} "
            f"of {binary_size(self.bytes_before)}.",
            facts=tuple(facts),
        )

    def quantized(self, bits: int, *, newest: int = 64) -> KVPlan:
        """The same tokens with keys and values in 4 or 2 bits, up to the `newest` of a head in the model's type. It saves
        bytes and costs time: all of a head is brought back to the model's type for every token.

        Raises PlanError for bits, heads or a cache type that cannot be quantised.
        """
        return replace(self, storage=Storage(bits, newest))

    def cache(self, model: Any, *, prefill: Prefill | None = None, quantized: int | None = None) -> Any:
        """`PlannedCache(plan, model)`: an empty cache that holds what the plan says, for
        `model.generate(..., past_key_values=cache)`.

        prefill: in place of the plan's own. quantized: as `plan.quantized(bits).cache(model)`.
        Raises PlanError if the plan is not one for this model.
        """
        plan = self if quantized is None else self.quantized(quantized)
        return _carried_out("planned_cache:PlannedCache")(plan, model, prefill=prefill)

    def applied(self, model: Any, *, prefill: Prefill | None = None) -> AbstractContextManager[Any]:
        """`planned_cache(plan, model)`: a context in which `model` fills planned caches where it would fill its own."""
        found: AbstractContextManager[Any] = _carried_out("applying:planned_cache")(self, model, prefill=prefill)
        return found

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The plan that `to_dict` wrote. Raises FormatError also for bytes that do not follow from the windows."""
        plan = super().from_dict(data)
        if data.get("bytes_after", plan.bytes_after) != plan.bytes_after:
            raise FormatError("The plan is damaged: its bytes do not follow from its windows; make it again.")
        return plan

    @classmethod
    def _read(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "layers": tuple(_layer(entry) for entry in data["layers"]),
            "storage": None if data.get("storage") is None else Storage(**data["storage"]),
        }


def _carried_out(target: str) -> Any:
    """What carries a plan out, by name: it lies in a room above, of which a plan, which is data, imports nothing."""
    module, _, name = target.partition(":")
    return getattr(import_module(f"ropescope.compress.cache.{module}"), name)


def _layer(entry: Mapping[str, Any]) -> LayerPlan:
    lists = {name: tuple(entry[name]) for name in ("windows", "picks", "kept_mass")}
    return LayerPlan(**{**entry, **lists, "cache": LayerCache(**entry["cache"])})
