"""The claims of Part II against the figures of an audit that was made apart from this code, and against numpy."""

import numpy as np
import pytest

from ropescope.errors import EvidenceError
from ropescope.evidence.verdicts.registry import all_claims, find_claim
from ropescope.theory.decomposition import decompose_six_axis


def _facts(found):
    return {fact.name: fact for fact in found.facts}


def test_names_come_after_the_numbers_and_are_suggested():
    ids = list(all_claims())
    assert ids.index("C7b") < ids.index("F2") < ids.index("F10") < ids.index("P2-gqa") < ids.index("P2-six-axes")
    assert find_claim("p2-SIX-axes").id == "P2-six-axes"
    with pytest.raises(EvidenceError, match="Did you mean P2-six-axes"):
        find_claim("p2-six")


def test_six_axes_by_numpy(finding, shipped):
    panel = shipped.panel(partial=True)
    both = {m.model for m in panel if m.corpus == "text"} & {m.model for m in panel if m.corpus == "random"}
    panel = [m for m in panel if m.model in both]
    y = np.array([m.gamma for m in panel])
    text = np.array([m.corpus == "text" for m in panel])
    size = np.log10([m.facts.parameters_millions / 14 for m in panel])
    columns = [
        np.ones(len(y)),
        [m.pade() for m in panel],
        text,
        ~text * size,
        [m.facts.grouped_query for m in panel],
        [m.facts.sliding_window for m in panel],
        [m.facts.parameters_millions >= 400 for m in panel],
        [m.facts.instruct for m in panel],
    ]
    x = np.column_stack([np.asarray(c, dtype=float) for c in columns])
    total = ((y - y.mean()) ** 2).sum()
    found = finding("P2-six-axes")
    fitted = np.linalg.lstsq(x, y, rcond=None)[0]
    assert found.value == pytest.approx(1 - ((y - x @ fitted) ** 2).sum() / total, rel=1e-9)
    left_out = np.empty(len(y))
    for model in both:
        out = np.array([m.model == model for m in panel])
        left_out[out] = x[out] @ np.linalg.lstsq(x[~out], y[~out], rcond=None)[0]
    assert _facts(found)["R² on models left out, without it"].value == pytest.approx(
        1 - ((y - left_out) ** 2).sum() / total, rel=1e-6
    )
    rows = {row[0]: row for row in found.tables[0].rows}
    assert rows["log₁₀(P/14 M), random tokens"][2] == pytest.approx(fitted[3], rel=1e-9)
    assert rows["sliding window"][3:] == (None, None, None), "three models are too few for an interval"
    published = [
        decompose_six_axis(
            m.theta,
            m.longest,
            m.facts.grouped_query,
            bool(m.facts.sliding_window),
            m.facts.parameters_millions * 1e6,
            m.corpus,
            bool(m.facts.instruct),
        ).gamma
        for m in panel
    ]
    rivals = {b.name: b.value for b in found.baselines}
    assert rivals["published coefficients as they are"] == pytest.approx(
        1 - ((y - published) ** 2).sum() / total, rel=1e-9
    )
    assert found.verdict == "not reproduced"


def test_offset_of_shared_heads(finding):
    rows = {row[0]: row[1:] for row in finding("P2-gqa").tables[0].rows}
    assert [row[0] for row in rows.values()] == pytest.approx([0.128, -0.003, -0.007, -0.153], abs=5.1e-4)
    assert rows["γ, text"][3] == pytest.approx(0.15, abs=0.07), "a permutation test against the audit's t test"


def test_imprint_residuals(finding):
    found = finding("P2-purity")
    assert found.value == pytest.approx(100 * 4 / 25)
    rows = {row[0]: row for row in found.tables[0].rows}
    # 0.752 − log10(1012/14)/(2π) = 0.456, of which Pythia-1B with 0.713 is 0.256 off.
    assert rows["pythia-1b"][3:5] == pytest.approx((0.456, 0.256), abs=1e-3)
    assert sum(row[5] == "clean" for row in rows.values()) == 4


def test_the_untrained_model_is_uniform_attention(finding):
    found = finding("P2-random-init")
    assert found.value is None and found.verdict == "not testable from public data"
    assert [row[4] for row in found.tables[0].rows] == pytest.approx([59.24, 59.44], abs=0.005)


def test_share_above_one(finding):
    found = finding("P2-phase-share")
    assert found.value == pytest.approx(100 * 10 / 32) and found.baselines[0].value == pytest.approx(100 * 12 / 32)


def test_entropy_gap_and_identities(finding):
    found = finding("P2-entropy-gap")
    assert found.verdict == "true by definition" and found.interval[0] < 5 < found.interval[1]
    assert _facts(found)["largest difference of ΔH and −ln PDI"].value < 1e-12
    found = finding("P2-identities")
    assert (found.value, found.baselines[0].value) == (12, 12) and found.verdict == "true by definition"
