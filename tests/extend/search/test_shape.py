"""Six numbers in, factors out."""

from __future__ import annotations

from itertools import pairwise
from math import exp, pi

import pytest

from ropescope.errors import ExtendError
from ropescope.extend.plan.planning import plan_extension
from ropescope.extend.search.factors import KNOTS, START, FactorShape, correction, factors_of
from ropescope.extend.search.ranges import RangeShape, ranges_of
from ropescope.extend.search.shape import shape_of
from ropescope.models.opening import open as open_model

CONFIG = {
    "model_type": "llama", "hidden_size": 256, "intermediate_size": 96, "num_hidden_layers": 2, "vocab_size": 300,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64, "max_position_embeddings": 8192,
    "rope_theta": 100000.0,
}  # fmt: skip
MODEL = open_model(CONFIG)
YARN = plan_extension(MODEL, 16384, "yarn")
SHAPE = FactorShape(MODEL, YARN)


def test_zeros_are_the_start() -> None:
    plan = SHAPE.plan(START)
    assert plan.method == "searched"
    assert plan.layer_types[0].after == pytest.approx(YARN.layer_types[0].after, rel=1e-12)
    assert plan.layer_types[0].attention_factor == pytest.approx(YARN.layer_types[0].attention_factor)


def test_a_correction_is_given_at_its_knot_and_joined_by_lines() -> None:
    given = (0.1, -0.2, 0.3, 0.4, 0.5)
    assert [correction(turns, given) for turns in KNOTS] == pytest.approx(given)
    assert correction(64.0, given) == pytest.approx((0.1 - 0.2) / 2)  # halfway between 128 and 32 on the logarithm
    assert correction(256.0, given) == pytest.approx(0.05)
    assert (correction(512.0, given), correction(4000.0, given), correction(0.01, given)) == (0.0, 0.0, 0.5)


def test_factors_follow_and_never_fall() -> None:
    plan = SHAPE.plan((0.0, 0.3, -2.0, 0.2, 0.4, 0.05))
    factors, base = factors_of(plan), factors_of(YARN)
    assert all(later >= earlier * (1 - 1e-12) for earlier, later in pairwise(factors))
    assert factors[-1] == pytest.approx(base[-1] * exp(0.4))
    turns = [8192 * w / (2 * pi) for w in YARN.layer_types[0].before]
    assert all(f == pytest.approx(1.0) for f, t in zip(factors, turns, strict=True) if t > 512)
    assert plan.layer_types[0].attention_factor == pytest.approx(YARN.layer_types[0].attention_factor * exp(0.05))


def test_two_numbers_are_near_and_slower() -> None:
    """By hand at twice the length: 2,048 of 8,192 near, then (16,384 − w) / (8,192 − w) times slower."""
    start = plan_extension(MODEL, 16384, "rerope")
    shape = RangeShape(MODEL, start)
    assert shape.plan(shape.guess) == start
    assert ranges_of(start, (1.0, 0.0)) == (4096, pytest.approx(12288 / 4096))
    assert ranges_of(start, (0.0, 0.1)) == (2048, pytest.approx(14336 / 6144 * exp(0.1)))
    assert ranges_of(start, (9.0, 0.0)) == (6144, pytest.approx(10240 / 2048))  # three quarters of the trained length
    assert ranges_of(start, (0.0, -9.0)) == (2048, 1.0)
    plan = shape.plan((1.0, 0.0))
    assert plan.layer_types[0].near_tokens == 4096 and plan.layer_types[0].effective_distance(16384) == pytest.approx(
        8192
    )
    assert not plan.caveats and "effective distance" in shape.plan((0.0, -0.2)).caveats[-1]
    with pytest.raises(ExtendError, match="2 numbers"):
        shape.plan((0.0,))


def test_a_search_starts_from_one_of_two() -> None:
    assert isinstance(shape_of(MODEL, 16384, "yarn"), FactorShape)
    assert isinstance(shape_of(MODEL, 16384, "rerope"), RangeShape)
    assert shape_of(MODEL, 16384, "rerope", trained=4096).start.layer_types[0].near_tokens == 1024
    with pytest.raises(ExtendError, match="not from 'ntk'"):
        shape_of(MODEL, 16384, "ntk")


def test_other_counts_are_refused() -> None:
    with pytest.raises(ExtendError, match="6 numbers"):
        SHAPE.plan((0.0, 1.0))
