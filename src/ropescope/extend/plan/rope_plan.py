"""RopePlan: what the rotary positions of a model become so that it reaches a longer context. Plain data, saved as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import pi
from typing import Any, Final, Literal, get_args

from ropescope.errors import ExtendError
from ropescope.report.described import Described
from ropescope.report.numbers import number
from ropescope.report.report import Fact, Report
from ropescope.runs.saved import Saved
from ropescope.theory.rope_scaling import inverse_frequencies

SCHEMA = "ropescope.ropeplan/1"

Method = Literal["none", "linear", "ntk", "dynamic", "yarn", "llama3", "longrope", "alpha", "searched", "rerope"]
"""How the frequencies are changed. none: not at all; linear: all divided by the factor; ntk: a larger base that stretches
the slowest wavelength by the factor; dynamic: the same, growing with the sequence; yarn: fast pairs kept, slow ones
divided; llama3: as yarn, by Llama 3.1's ramp; longrope: the factors that came with the model; alpha: the base multiplied
as the paper has it; searched: factors found for this model; rerope: none is changed for near keys, and all are divided for
far ones, which no config can say."""

METHODS: Final[tuple[Method, ...]] = get_args(Method)

METHOD_NAMES: Final[Mapping[Method, str]] = {
    "none": "no scaling",
    "linear": "linear scaling",
    "ntk": "NTK-aware scaling",
    "dynamic": "dynamic NTK scaling",
    "yarn": "YaRN",
    "llama3": "Llama 3.1's scaling",
    "longrope": "LongRoPE",
    "alpha": "another base",
    "searched": "searched factors",
    "rerope": "Leaky ReRoPE",
}
"""What people call them."""


@dataclass(frozen=True, slots=True)
class LayerTypePlan:
    """The rotary positions that some layers share. `layer_type` is the name that transformers gives these layers
    ("full_attention"), or "" where one set of positions serves the whole model.

    `before` and `after` are the inverse frequencies in rad/token, fastest first, at the target length (they depend on the
    length for dynamic and longrope only); the attention factors multiply cosines and sines, so logits get their square.
    `parameters` is the entry of transformers' `rope_parameters`. `window_tokens` is the farthest that these layers see
    (None: everything); where they stay as they are, `method` is "none" and `untouched` says why. `near_tokens` (rerope) is
    how far back keys keep `before`; distance beyond it grows at `after`.
    """

    layer_type: str
    layers: tuple[int, ...]
    method: Method
    factor: float
    rotary_dim: int
    theta_before: float
    theta: float
    before: tuple[float, ...]
    after: tuple[float, ...]
    attention_factor_before: float
    attention_factor: float
    parameters: Mapping[str, Any] = field(hash=False)
    window_tokens: int | None = None
    untouched: str = ""
    near_tokens: int | None = None

    def __post_init__(self) -> None:
        """Raises ExtendError for frequencies that are not one a pair, or are no angles."""
        if len(self.before) != len(self.after) or len(self.after) != self.rotary_dim // 2:
            raise ExtendError(
                f"{len(self.before)} frequencies before and {len(self.after)} after do not fit {self.rotary_dim} rotary "
                "dimensions: give one for every two."
            )
        if not all(0.0 <= frequency < 1e9 for frequency in (*self.before, *self.after)):
            raise ExtendError("An inverse frequency is an angle per token: give numbers of at least 0.")

    @property
    def changed(self) -> bool:
        """Whether these layers are changed at all."""
        return self.method != "none"

    @property
    def divisors(self) -> list[float]:
        """By how much each pair is slowed against the base without scaling, fastest first."""
        plain = inverse_frequencies(self.theta_before, self.rotary_dim)
        return [was / now for was, now in zip(plain, self.after, strict=True)]

    @property
    def cached(self) -> tuple[float, ...]:
        """The frequencies that keys are turned with when they are cached: what reads far under ReRoPE is turned on from there."""
        return self.after if self.near_tokens is None else self.before

    @property
    def by_length(self) -> bool:
        """Whether the frequencies depend on how long a sequence is: dynamic, and longrope with two lists."""
        if self.parameters.get("rope_type") == "longrope":
            return list(self.parameters.get("short_factor", ())) != list(self.parameters.get("long_factor", ()))
        return self.parameters.get("rope_type") == "dynamic"

    def effective_distance(self, distance: float) -> float:
        """The distance as which a key `distance` tokens back is read: its own but for what ReRoPE does to far keys."""
        if self.near_tokens is None or distance <= self.near_tokens:
            return distance
        return self.near_tokens + (distance - self.near_tokens) * self.after[0] / self.before[0]

    def wavelengths(self, *, after: bool = True) -> tuple[float | None, ...]:
        """Tokens for a full turn of each pair, fastest first; None for a pair that does not turn."""
        return tuple(2.0 * pi / w if w else None for w in (self.after if after else self.before))


@dataclass(frozen=True, repr=False)
class RopePlan(Saved, Described):
    """How a model's rotary positions are changed so that it reads `target_length` tokens.

    `trained_length` is the length before any scaling, `native_length` what the model's own files reach, `factor` the
    stretch asked for (target over trained length, or the factor of the scaling that the model came with). `native` says
    in words what scaling that is ("" for none) and `native_method` which. `max_position_embeddings` is what the config has
    to state, `config_path` where its text part stands ("text_config." or ""). `reasons` and `caveats` are sentences.
    """

    model: str
    model_type: str
    method: Method
    trained_length: int
    native_length: int
    target_length: int
    factor: float
    layer_types: tuple[LayerTypePlan, ...]
    max_position_embeddings: int
    config_path: str = ""
    native: str = ""
    native_method: Method = "none"
    reasons: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    extras: Mapping[str, Any] = field(default_factory=dict, hash=False)
    schema: str = SCHEMA

    expected_schema = SCHEMA
    what = "a RoPE plan"
    command = "extend plan"

    def __post_init__(self) -> None:
        """Raises ExtendError for lengths or a method that cannot be."""
        if min(self.trained_length, self.native_length, self.target_length, self.max_position_embeddings) < 1:
            raise ExtendError("A length is a whole number of tokens of at least 1.")
        if self.method not in METHODS or not self.layer_types:
            raise ExtendError(f"{self.method!r} is not a method, or the plan has no layers with RoPE.")
        if not self.in_config:
            entry, *more = self.layer_types
            near = entry.near_tokens
            if (
                more
                or not isinstance(near, int)
                or not 0 < near <= self.trained_length
                or not 0 < entry.after[0] <= entry.before[0]
            ):
                raise ExtendError(
                    "Leaky ReRoPE needs one layer type, near_tokens within the trained length, and far frequencies below the near "
                    "ones."
                )

    @property
    def changes(self) -> bool:
        """Whether any frequency, or any attention factor, is changed."""
        return any(entry.changed for entry in self.layer_types)

    @property
    def in_config(self) -> bool:
        """Whether a config can say it: all but ReRoPE, for which attention itself is another."""
        return self.method != "rerope"

    @property
    def by_length(self) -> bool:
        """Whether a sequence within the trained length has other frequencies than a longer one. Keys that are cached keep
        those that they were turned with, so a sequence that grows across that length has to be read again."""
        return any(entry.by_length for entry in self.layer_types)

    @property
    def trained_given(self) -> int | None:
        """The trained length where a user gave it; None where the files told."""
        return self.trained_length if self.extras.get("trained_from") == "given" else None

    @property
    def seen_length(self) -> int:
        """The longest distance in tokens that training met with the positions before the plan."""
        return self.trained_length if self.native_method == "none" else self.native_length

    @property
    def extends_native(self) -> bool:
        """Whether the plan is the scaling the model came with, at a larger factor."""
        return self.changes and self.native_method == self.method

    @property
    def rope_parameters(self) -> dict[str, Any]:
        """The `rope_parameters` that transformers (5 and newer) reads: one entry, or one for each type of layer."""
        if len(self.layer_types) == 1 and not self.layer_types[0].layer_type:
            return dict(self.layer_types[0].parameters)
        return {entry.layer_type: dict(entry.parameters) for entry in self.layer_types}

    def described(self) -> Report:
        """Its main facts, with the entry for a config to copy."""
        bases = dict.fromkeys(_base(entry) for entry in self.layer_types if entry.changed)
        facts = (
            Fact("method", METHOD_NAMES[self.method], basis="config"),
            Fact("factor", self.factor, basis="config"),
            Fact("trained length", self.trained_length, "tokens", basis="config", source=self.native),
            Fact("target length", self.target_length, "tokens", basis="config"),
            Fact("RoPE base", " or ".join(bases) or None, basis="formula"),
            *(Fact("why", reason, basis="formula") for reason in self.reasons),
        )
        change = (
            f"reads {self.target_length:,} tokens by {METHOD_NAMES[self.method]}" if self.changes else "stays as it is"
        )
        lead = f'"rope_parameters": {json.dumps(self.rope_parameters)}'
        return Report(
            title=f"a RoPE plan for {self.model} ({self.model_type})",
            verdict=f"{self.model} {change}; it was trained on {self.trained_length:,}.",
            facts=tuple(fact for fact in facts if fact.value is not None),
            caveats=self.caveats,
            lead=lead if self.changes and self.in_config else "",
        )

    def apply(self, model: Any) -> Any:
        """Change the rotary positions of a loaded transformers `model` for good; returns it.

        It then computes what transformers computes for a config with the emitted settings. Raises ExtendError if the plan
        is not one for this model.
        """
        from ropescope.extend.apply.applying import apply_plan

        apply_plan(self, model)
        return model

    @contextmanager
    def applied(self, model: Any, *, n_tokens: int | None = None) -> Iterator[Any]:
        """The same within the context; on leaving it, also by an exception, the model is as it was, to the bit.

        n_tokens: how many will be read and written. Where training met as many, the model is left alone: a short text then
        pays nothing for what long ones need. Count what is to be generated, too: keys that are cached keep their turn, so a
        text is read under the plan from its first token or not at all.
        """
        from ropescope.extend.apply.applying import apply_plan

        if n_tokens is not None and n_tokens <= self.seen_length:
            yield model
            return
        undo = apply_plan(self, model)
        try:
            yield model
        finally:
            undo.restore()

    @classmethod
    def _read(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **{name: tuple(data[name]) for name in ("reasons", "caveats")},
            "layer_types": tuple(_layer_type(entry) for entry in data["layer_types"]),
        }


def _base(entry: LayerTypePlan) -> str:
    before, after = number(entry.theta_before), number(entry.theta)
    return before if before == after else f"{before} to {after}"


def _layer_type(entry: Mapping[str, Any]) -> LayerTypePlan:
    lists = {name: tuple(entry[name]) for name in ("layers", "before", "after")}
    return LayerTypePlan(**{**entry, **lists})
