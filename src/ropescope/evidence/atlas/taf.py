"""Measurements that another tool published (TAF, C. Marín), as rows: read as they are, of the published protocol, beside its null.

Three layouts hold a measurement: a file of `e4_gamma/` in the published repository, what its command line writes, and the
records of its dataset on the Hub ({model, gamma, R2, theta_nom, N, corpus}). A "TAF card" holds predictions alone, and is refused.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from ropescope.errors import FormatError
from ropescope.evidence.atlas.row import AtlasPoint, AtlasRow
from ropescope.evidence.extracts.panel import e4_rows
from ropescope.evidence.measurement import LEAST_POINTS, Refit
from ropescope.measure.protocol import LEGACY_DISTANCES, LEGACY_FIT_FROM, LEGACY_LENGTH, LEGACY_OFFSET
from ropescope.theory.nulls import uniform_null_exponent

_SAME: Final = 1e-4
"""How far a stated exponent may be from the one that its own distances give: records are rounded to four digits."""
_MOST_GAMMA: Final = 10.0
_TEXT_ABOUT: Final = "MongoDB episodes, English; the text is not published"


def taf_rows(data: Any, name: str, origin: str) -> tuple[AtlasRow, ...]:
    """The measurements in `data`, the content of a JSON file called `name`, or records of a table.

    Raises FormatError, which says what the content is instead, or which record does not fit.
    """
    if isinstance(data, Mapping) and data.get("_taf_export"):
        raise FormatError(
            f"{name} is a TAF card ({data.get('_taf_type', 'export')}): it holds predictions and no measurement. Give a file of "
            "`e4_gamma/`, or measure the model."
        )
    if isinstance(data, Mapping) and isinstance(data.get("attn_by_distance"), Mapping):
        return (_of_curve(data, name, origin),)
    records = data if isinstance(data, list) else [data]
    if not records or not all(isinstance(one, Mapping) and {"model", "stem"} & one.keys() for one in records):
        raise FormatError(
            f"{name} holds no measurement that is read here: records need `model`, `gamma`, `N` and `corpus`, other files "
            "`attn_by_distance`."
        )
    return tuple(_of_record(one, f"{name}, record {number}", origin) for number, one in enumerate(records, 1))


def _of_curve(data: Mapping[str, Any], name: str, origin: str) -> AtlasRow:
    """A file with the attention at each distance: its exponent is fitted again, and must be the one that it states."""
    cells = data["attn_by_distance"]
    try:
        if all(isinstance(cell, Mapping) for cell in cells.values()):
            (found,) = e4_rows(data)
            corpus = data.get("corpus") or ("random" if "_random" in name else "mongo" if "_mongo" in name else None)
        else:  # the command line: random tokens, and a fit from the first distance
            points = sorted((int(distance), float(value)) for distance, value in cells.items())
            found = {
                "model": data["model"],
                "distances": tuple(distance for distance, _ in points),
                "attention": tuple(value for _, value in points),
                "prompts": 30 if data.get("fast_mode") else 80,
                "fit_from": 1,
                "gamma_published": data["gamma"],
            }
            corpus = "random"
        distances, attention = (np.array(found[key], dtype=float) for key in ("distances", "attention"))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise FormatError(f"{name} is not as published ({error!r}): get it again, or leave it out.") from error
    if corpus is None:
        raise FormatError(f"{name} does not say its corpus: name the file as it was published, with _mongo or _random.")
    stated = _number(found.get("gamma_published"))
    if stated is None:
        raise FormatError(f"{name} has no exponent: its author did not fit this measurement, which was not finished.")
    _require_attention(distances, attention, name)
    fit = Refit.of(distances, attention, found["fit_from"])
    if not abs(fit.gamma - stated) <= _SAME:
        raise FormatError(
            f"{name} states γ = {stated:.4f}, and its own distances give {fit.gamma:.4f}: the file was changed. Get it again."
        )
    fitted = tuple(float(distance) for distance in distances if distance >= found["fit_from"])
    low, high = (_number(found.get(f"gamma_{end}_published")) for end in ("low", "high"))
    return _row(
        model=str(found["model"]),
        corpus=str(corpus),
        distances=fitted,
        gamma=stated,
        ends=(low, high),
        r2=fit.r2,
        prompts=found.get("prompts"),
        theta=_number(found.get("theta_in_file")),
        curve=tuple(
            AtlasPoint(float(distance), float(weight), None, None)
            for distance, weight in zip(distances, attention, strict=True)
        ),
        origin=origin,
        what=name,
    )


def _of_record(record: Mapping[str, Any], what: str, origin: str) -> AtlasRow:
    """A record that states no distances: those of the protocol up to its length are taken, which its null needs."""
    gamma = _number(record.get("gamma", record.get("gamma_obs")))
    if gamma is None:
        raise FormatError(f"{what}: `gamma` is missing or no number.")
    length = _number(record.get("N", record.get("T")))
    if length is None:
        raise FormatError(
            f"{what}: it does not state its length `N`, on which the null of the protocol depends (`T_attn` is 1/γ). Give the "
            "files of `e4_gamma/` that it sums up."
        )
    if length > LEGACY_LENGTH:
        raise FormatError(
            f"{what}: the protocol has no distances up to `N` = {length:g}: its longest is {LEGACY_DISTANCES[-1]}. Give the file "
            "with the attention at each distance."
        )
    distances = tuple(float(distance) for distance in LEGACY_DISTANCES if LEGACY_FIT_FROM <= distance <= length)
    if len(distances) < LEAST_POINTS:
        raise FormatError(
            f"{what}: at `N` = {length:g} the protocol has fewer than {LEAST_POINTS} distances from {LEGACY_FIT_FROM} on."
        )
    return _row(
        model=str(record.get("model") or record.get("stem")),
        corpus=str(record.get("corpus") or "unstated"),
        distances=distances,
        gamma=gamma,
        ends=(None, None),
        r2=_number(record.get("R2")),
        prompts=None,
        theta=_number(record.get("theta_nom", record.get("theta"))),
        curve=(),
        origin=origin,
        what=what,
    )


def _row(
    *,
    model: str,
    corpus: str,
    distances: Sequence[float],
    gamma: float,
    ends: tuple[float | None, float | None],
    r2: float | None,
    prompts: Any,
    theta: float | None,
    curve: tuple[AtlasPoint, ...],
    origin: str,
    what: str,
) -> AtlasRow:
    if not abs(gamma) <= _MOST_GAMMA:
        raise FormatError(f"{what}: γ = {gamma:g} is no exponent of attention: check the file.")
    if r2 is not None and not r2 <= 1:
        raise FormatError(f"{what}: R² = {r2:g} is above 1: check the file.")
    if theta is not None and theta <= 1:
        raise FormatError(f"{what}: θ = {theta:g} is no RoPE base: check the file.")
    named = {"mongo": "text", "real_text": "text"}.get(corpus, corpus)
    longest = int(max(distances))
    identity = [model, named, list(distances), gamma, [[point.distance, point.weight] for point in curve]]
    empty: dict[str, Any] = dict.fromkeys(
        "revision weights model_type corpus_sha256 seed dtype sink_tokens gamma_se sink_mass d50 d90 d99 control_gamma "
        "control_low control_high ropescope_version torch_version transformers_version".split()
    )
    return AtlasRow(
        **empty,
        profile_sha256=hashlib.sha256(json.dumps(identity).encode()).hexdigest(),
        basis="published",
        origin=origin,
        model=model,
        repo_id=model,
        protocol="legacy",
        length=longest + LEGACY_OFFSET,
        corpus=named,
        corpus_about=_TEXT_ABOUT if named == "text" else None,
        prompts=prompts if isinstance(prompts, int) and prompts > 0 else None,
        rope_theta=theta,
        d_min=int(min(distances)),
        d_max=longest,
        gamma=gamma,
        gamma_low=ends[0],
        gamma_high=ends[1],
        gamma_null=uniform_null_exponent(tuple(distances), LEGACY_OFFSET).gamma,
        r2=r2,
        beyond_trained=False,
        partial=False,
        added=datetime.now(UTC).isoformat(timespec="seconds"),
        layers=(),
        heads=(),
        curve=curve,
    )


def _require_attention(distances: Any, attention: Any, name: str) -> None:
    """Raise unless the values may be attention weights. Their sum says nothing: each distance has a sequence of its own."""
    increasing = len(distances) >= LEAST_POINTS and bool((np.diff(distances) > 0).all()) and distances[0] >= 1
    if not increasing or not bool((np.isfinite(attention) & (attention > 0) & (attention <= 1)).all()):
        raise FormatError(
            f"{name} has no attention weights at {LEAST_POINTS} or more distances: get it again, or leave it out."
        )


def _number(value: Any) -> float | None:
    """A finite number, also as a table of text holds it; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None
