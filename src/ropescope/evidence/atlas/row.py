"""AtlasRow: one reading of one profile, as the atlas keeps it, with what it takes to say whether two may be compared."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ropescope.errors import FormatError

if TYPE_CHECKING:
    from ropescope.measure.estimates import Estimate, Summary
    from ropescope.measure.outcome import Outcome
    from ropescope.measure.profile import DecayProfile

_ARRAYS = ("mass", "cells", "sink_mass", "sink_logit_mass", "entropy_nats", "legacy")
_PASSING = ("seconds", "machine", "notes", "identity", "date")
"""Provenance that may differ between two runs of one measurement."""
_KEPT = ("weights", "model_type", "corpus_about", "corpus_sha256", "seed", "dtype")
_LATER: Final[Mapping[str, Any]] = {"rope_theta": None, "basis": "measured", "origin": None, "heads": ()}
"""Columns that an atlas of an earlier version lacks, with what they were."""
_WINDOWS = ("d50", "d90", "d99")


def column(about: str, unit: str = "") -> Any:
    """A field whose meaning and unit travel with it into the dataset card."""
    return field(metadata={"about": about, "unit": unit})


@dataclass(frozen=True, slots=True)
class AtlasLayer:
    """One attention layer of a row."""

    layer: int = column("index of the decoder layer")
    kind: str = column("full, sliding, chunked, …")
    window_tokens: int | None = column("attention window of the layer; null if it has none", "tokens")
    gamma: float | None = column("decay exponent of the layer")
    gamma_low: float | None = column("lower end of its 95 % interval over prompts")
    gamma_high: float | None = column("upper end")
    r2: float | None = column("R² of the fit of the layer")
    sink_mass: float | None = column("share of the attention that the sink tokens take", "0–1")
    d50: float | None = column("last tokens that hold 50 % of the attention, sinks aside", "tokens")
    d90: float | None = column("the same for 90 %", "tokens")
    d99: float | None = column("the same for 99 %", "tokens")


@dataclass(frozen=True, slots=True)
class AtlasHead:
    """One query head of a row."""

    layer: int = column("index of the decoder layer")
    head: int = column("index of the query head in its layer")
    kind: str = column("full, sliding, chunked, …")
    gamma: float | None = column("decay exponent of the head")
    gamma_low: float | None = column("lower end of its 95 % interval over prompts")
    gamma_high: float | None = column("upper end")
    r2: float | None = column("R² of the fit of the head")
    sink_mass: float | None = column("share of the attention that the sink tokens take", "0–1")
    entropy_nats: float | None = column("mean entropy of the attention rows", "nats")
    d50: float | None = column("last tokens that hold 50 % of the attention, sinks aside", "tokens")
    d90: float | None = column("the same for 90 %", "tokens")
    d99: float | None = column("the same for 99 %", "tokens")


@dataclass(frozen=True, slots=True)
class AtlasPoint:
    """One point of the mean decay curve of a row."""

    distance: float = column("distance (geometric mean of its bin)", "tokens")
    weight: float = column("mean attention weight of one key at that distance", "0–1")
    low: float | None = column("lower end of the 95 % interval over prompts", "0–1")
    high: float | None = column("upper end", "0–1")


@dataclass(frozen=True, slots=True)
class AtlasRow:
    """One reading. A profile gives one at fixed length, and one of the published protocol where its distances fit."""

    profile_sha256: str = column("hash of what was measured; the same measurement has the same, whoever runs it", "hex")
    basis: str = column("measured (by ropescope) or published (a figure that another tool measured)")
    origin: str | None = column("where the row came from: a dataset at a commit, or a file; null if measured here")
    model: str = column("name of the model as it was given")
    repo_id: str | None = column("Hub id; null for local files")
    revision: str | None = column("commit of the Hub repository")
    weights: str | None = column("what names the exact weights: that commit, or the SHA-256 of the files")
    model_type: str | None = column("architecture, as transformers names it")
    protocol: str = column("fixed (one length for all distances) or legacy (as published)")
    length: int = column("context length", "tokens")
    corpus: str = column("text, random, shuffled text, files, dataset, …")
    corpus_about: str | None = column("the corpus in words")
    corpus_sha256: str | None = column("hash of the text; for random tokens, of the vocabulary", "hex")
    prompts: int | None = column("prompts measured; null where it was not published", "prompts")
    seed: int | None = column("seed of prompts and rows")
    rope_theta: float | None = column("RoPE base of the layers that γ is fitted to; null without one, or where unknown")
    dtype: str | None = column("number format of the network; attention rows are fp32")
    sink_tokens: int | None = column("first keys that are left out of the decay", "tokens")
    d_min: int = column("shortest distance fitted", "tokens")
    d_max: int | None = column("longest distance fitted", "tokens")
    gamma: float | None = column("decay exponent: weight falls as distance to the power −γ")
    gamma_se: float | None = column("its standard error over prompts")
    gamma_low: float | None = column("lower end of its 95 % interval over prompts")
    gamma_high: float | None = column("upper end")
    gamma_null: float = column("what uniform attention reads in this protocol")
    r2: float | None = column("R² of the power law, log–log")
    sink_mass: float | None = column("share of the attention that the sink tokens take", "0–1")
    d50: float | None = column("last tokens that hold 50 % of the attention, sinks aside", "tokens")
    d90: float | None = column("the same for 90 %", "tokens")
    d99: float | None = column("the same for 99 %", "tokens")
    control_gamma: float | None = column("γ of the same network with random weights, where it was measured")
    control_low: float | None = column("lower end of its 95 % interval")
    control_high: float | None = column("upper end")
    beyond_trained: bool = column("the length is beyond the trained context")
    partial: bool = column("the measurement was interrupted")
    ropescope_version: str | None = column("version of ropescope")
    torch_version: str | None = column("version of torch")
    transformers_version: str | None = column("version of transformers")
    added: str = column("when the profile was added to the atlas", "ISO 8601, UTC")
    layers: tuple[AtlasLayer, ...] = column("its attention layers")
    heads: tuple[AtlasHead, ...] = column("its query heads")
    curve: tuple[AtlasPoint, ...] = column("its mean decay curve")

    @property
    def key(self) -> tuple[str, str]:
        """What makes a row one: its profile and the protocol it was read by."""
        return (self.profile_sha256, self.protocol)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AtlasRow:
        """The inverse of `dataclasses.asdict`. Raises KeyError or TypeError for other data."""
        data = {**_LATER, **data}
        plain = {item.name: data[item.name] for item in dataclasses.fields(cls)}
        plain["layers"] = tuple(AtlasLayer(**layer) for layer in plain["layers"])
        plain["heads"] = tuple(AtlasHead(**head) for head in plain["heads"] or ())
        plain["curve"] = tuple(AtlasPoint(**point) for point in plain["curve"])
        return cls(**plain)


def rows_of(path: Path) -> tuple[AtlasRow, ...]:
    """The rows of a kept profile, with its control where that lies beside it (NAME.control.parquet).

    Raises FormatError for a file that is not a profile, or that is itself a control.
    """
    from ropescope.measure.outcome import show

    outcome = show(path)
    if outcome.profile.provenance.get("random_init"):
        raise FormatError(
            f"{path} was measured on random weights: it is a control, and goes in with the profile that it lies beside."
        )
    rows = [_fixed_row(outcome)]
    legacy = outcome.summary.legacy
    if legacy is not None and legacy.gamma.value is not None:
        rows.append(_legacy_row(outcome))
    return tuple(rows)


def content_hash(profile: DecayProfile) -> str:
    """SHA-256 of what a profile measured: its numbers, and everything that decided them.

    Not the bytes of the file, which change with the writer, nor the time that it took.
    """
    provenance = profile.provenance
    names = provenance.get("identity") or [name for name in provenance if name not in _PASSING]
    header = {
        "schema": profile.schema,
        "protocol": dataclasses.asdict(profile.protocol),
        "layers": [dataclasses.asdict(layer) for layer in profile.layers],
        "legacy_distances": list(profile.legacy_distances),
        "partial": profile.partial,
        "provenance": {name: provenance[name] for name in names},
    }
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in _ARRAYS:
        array = getattr(profile, name)
        digest.update(f"{name} {array.shape} {array.dtype.str}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _fixed_row(outcome: Outcome) -> AtlasRow:
    s, control = outcome.summary, outcome.control
    curve = zip(s.curve.distance, s.curve.weight, s.curve.low, s.curve.high, strict=True)
    return _row(
        outcome,
        protocol="fixed",
        sink_tokens=outcome.profile.protocol.sinks,
        d_min=s.d_min,
        d_max=s.d_max,
        **_exponent(s.gamma),
        gamma_null=0.0,
        r2=s.r2,
        sink_mass=s.sink_mass.value,
        **dict(zip(_WINDOWS, (window.value for window in s.windows), strict=True)),
        **_control(None if control is None else control.gamma),
        layers=_layers(s),
        heads=_heads(s),
        curve=tuple(starmap(AtlasPoint, curve)),
    )


def _legacy_row(outcome: Outcome) -> AtlasRow:
    from ropescope.measure.protocol import LEGACY_FIT_FROM

    legacy, control = outcome.summary.legacy, outcome.control
    assert legacy is not None
    control_legacy = None if control is None else control.legacy
    return _row(
        outcome,
        protocol="legacy",
        d_min=LEGACY_FIT_FROM,
        d_max=legacy.distances[-1],
        **_exponent(legacy.gamma),
        gamma_null=legacy.gamma_null,
        r2=legacy.r2,
        **dict.fromkeys(("sink_tokens", "sink_mass", *_WINDOWS)),
        **_control(None if control_legacy is None else control_legacy.gamma),
        layers=tuple(
            AtlasLayer(layer.index, layer.kind, layer.window_tokens, *_decay(gamma, *(None,) * 5))
            for layer, gamma in zip(outcome.summary.layers, legacy.layers, strict=True)
        ),
        heads=(),
        curve=tuple(
            AtlasPoint(float(distance), weight, None, None)
            for distance, weight in zip(legacy.distances, legacy.weights, strict=True)
        ),
    )


def _row(outcome: Outcome, **reading: Any) -> AtlasRow:
    from ropescope.measure.results.result import summary_theta

    provenance = outcome.profile.provenance
    source, versions = provenance.get("source") or {}, provenance.get("versions") or {}
    kept: dict[str, Any] = {name: provenance.get(name) for name in _KEPT}
    kept |= {f"{name}_version": versions.get(name) for name in ("ropescope", "torch", "transformers")}
    return AtlasRow(
        profile_sha256=content_hash(outcome.profile),
        basis="measured",
        origin=None,
        model=str(provenance.get("model")),
        repo_id=source.get("repo_id"),
        revision=source.get("revision"),
        length=outcome.summary.length,
        corpus=str(provenance.get("corpus")),
        prompts=outcome.summary.n_prompts,
        rope_theta=summary_theta(outcome.summary),
        beyond_trained=bool(provenance.get("beyond_trained", False)),
        partial=outcome.profile.partial,
        added=datetime.now(UTC).isoformat(timespec="seconds"),
        **kept,
        **reading,
    )


def _exponent(gamma: Estimate) -> dict[str, Any]:
    low, high = _ends(gamma)
    return {"gamma": gamma.value, "gamma_se": gamma.se, "gamma_low": low, "gamma_high": high}


def _control(gamma: Estimate | None) -> dict[str, Any]:
    low, high = (None, None) if gamma is None else _ends(gamma)
    return {"control_gamma": None if gamma is None else gamma.value, "control_low": low, "control_high": high}


def _ends(estimate: Estimate) -> tuple[float | None, float | None]:
    return (None, None) if estimate.ci is None else estimate.ci


def _layers(summary: Summary) -> tuple[AtlasLayer, ...]:
    return tuple(
        AtlasLayer(
            *(layer.index, layer.kind, layer.window_tokens),
            *_decay(layer.gamma, layer.r2, layer.sink_mass.value, *layer.windows),
        )
        for layer in summary.layers
    )


def _heads(summary: Summary) -> tuple[AtlasHead, ...]:
    return tuple(
        AtlasHead(
            *(layer.index, head.index, layer.kind),
            *_decay(head.gamma, head.r2, head.sink_mass, head.entropy_nats, *head.windows),
        )
        for layer in summary.layers
        for head in layer.heads
    )


def _decay(gamma: Estimate, *others: float | None) -> tuple[Any, ...]:
    """The columns from `gamma` on that a layer and a head end with."""
    return (gamma.value, *_ends(gamma), *map(_finite, others))


def _finite(value: float | None) -> float | None:
    """A number, or None for NaN and infinity: a table has one way to say that something is absent."""
    return value if value is not None and math.isfinite(value) else None
