"""The published protocol, as far as predictions need it: which of its distances a prompt holds, and its null there."""

from __future__ import annotations

from ropescope.errors import MeasurementError
from ropescope.evidence.experiments.experiment import Setting
from ropescope.models.model import Model
from ropescope.theory.nulls import NullExponent, uniform_null_exponent

OFFSET = 50
"""Tokens beside the distance in each sequence of the published protocol."""


def published_distances(model: Model, setting: Setting) -> tuple[int, ...]:
    """The fitted distances (from 30 on) that a prompt of the setting's length holds.

    Raises MeasurementError for fewer than four, and for a length beyond the trained context, unless that is allowed.
    """
    from ropescope.measure.exponent import LEAST_BINS
    from ropescope.measure.protocol import FixedLength, legacy_distances
    from ropescope.measure.request import Plan, prompt_tokens

    plan = Plan(FixedLength(length=setting.length, rows=1), beyond_trained=setting.beyond_trained)
    found = fitted_distances(legacy_distances(prompt_tokens(model, plan)))
    if len(found) < LEAST_BINS:
        raise MeasurementError(
            f"The published protocol needs four of its distances, so {200 + OFFSET} tokens at the least: `length` "
            f"{setting.length} is too short."
        )
    return found


def fitted_distances(distances: tuple[int, ...]) -> tuple[int, ...]:
    """Those that the published protocol fits: from 30 on."""
    return tuple(d for d in distances if d >= 30)


def published_null(distances: tuple[int, ...], offset: int = OFFSET) -> NullExponent:
    """What uniform attention reads at these distances."""
    return uniform_null_exponent(tuple(float(d) for d in distances), float(offset))
