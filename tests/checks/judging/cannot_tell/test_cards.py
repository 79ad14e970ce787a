"""The counterexamples have the numbers that were worked out by hand, and every card leads to a question and a claim there is."""

from __future__ import annotations

from math import log10, sqrt

import pytest

from ropescope.checks.judging.cannot_tell.answer import card_report, list_report
from ropescope.checks.judging.cannot_tell.cards import CARDS
from ropescope.checks.judging.cannot_tell.published import (
    LLAMA_3_8B,
    corrected_horizon,
    long_context_verdict,
    needle_share,
    quantisation_shift,
    reasoning_share,
)
from ropescope.evidence.verdicts.registry import all_claims
from ropescope.questions.inputs import fields_of
from ropescope.questions.registry import find, known
from ropescope.report.report import Step

DATA = {card.name: card_report(card).data["counterexample"] for card in CARDS}


def test_llama_3_8b_may_read_600_000_tokens() -> None:
    verdicts = DATA["horizon"]["verdicts"]
    assert [length for length, verdict in verdicts.items() if verdict != "YES"] == ["700000"]
    # γ_Padé(5·10⁵, 32,000) = (10⁶ − 32,000√2)/(10⁶ + 32,000√2) = 0.913409; less 0.04; d_h = 5·10⁵·√2·0.126591/1.873409.
    assert corrected_horizon(LLAMA_3_8B, 32_000) == pytest.approx(5e5 * sqrt(2) * 0.126591 / 1.873409, rel=1e-5)
    # It turns where γ_Padé is 0.04: T = θ√2·0.96/1.04, 80 times the trained length.
    turn = 5e5 * sqrt(2) * 0.96 / 1.04
    assert (long_context_verdict(LLAMA_3_8B, turn - 1), long_context_verdict(LLAMA_3_8B, turn + 1)) == ("YES", "NO")
    assert turn / 8_192 == pytest.approx(79.7, abs=0.1)
    assert DATA["what-if"] == {"changes": 0, "yes": 200, "steps": 200}


def test_yarn_gamma_is_that_of_the_trained_length() -> None:
    z = 32_768 * sqrt(2) / 1e6
    assert DATA["yarn-gamma"]["gamma"] == pytest.approx((2 - z) / (2 + z)) and DATA["yarn-gamma"]["spread"] < 1e-12


def test_quantisation_against_llama_cpp() -> None:
    found = DATA["quantisation-shift"]
    assert quantisation_shift("Q4_K_M", 8e9, 128, 4) == pytest.approx(0.05 * 1.15 * 0.95)
    assert found["predicted"]["Q4_K_M"] == pytest.approx(8 * 0.054625**2 * (1 + log10(8) / 4))
    assert found["measured"]["Q4_K_M"] == pytest.approx(0.1755, abs=5e-5) and found["measured"][
        "Q2_K"
    ] == pytest.approx(3.52, abs=1e-3)
    small, large = found["q2_k"]
    assert (round(small, 2), round(large, 2)) == (0.38, 0.46)  # a larger model is said to lose more


def test_one_number_for_every_model() -> None:
    # 1/(1 + 3^−1.2) = 0.789; 8 times the trained length: 1/(1 + (8/3)^1.2) = 0.236.
    assert (round(needle_share(1, 1), 3), round(needle_share(8, 1), 3)) == (0.789, 0.236)
    # 0.952 · (1 − 0.05 · 1.08), where NoLiMa measured 14.2 %.
    assert reasoning_share(32_768, 131_072, 128, 4) == pytest.approx(0.952 * 0.946, abs=5e-4)
    assert DATA["niah-sigmoid"]["nolima"] == 14.2 and DATA["niah-sigmoid"]["ruler"] == [19.0, 90.6]
    assert DATA["kv-zones"] == {"answers": ["use soft decay (caveat)"], "models": 11}


def test_checks_that_cannot_fail_and_words_that_cannot_help() -> None:
    assert DATA["algebra-badges"] == {"checks": 60, "failed": 0}
    # 1 − γ_Padé(10⁶, 1,000) = 2·0.00070711/1.00070711 = 0.00141321; a quarter of 1 divides it.
    assert DATA["gamma-fraud"]["eta"] == pytest.approx(0.00141321 / 0.25, rel=1e-5)
    assert DATA["gamma-fraud"]["word"] == DATA["gamma-fraud"]["uniform_word"] == "fraud"
    assert DATA["confidence"] == {"alone": 62.5, "made_up": 87.5, "reality": 75.0}


def test_published_measurements_against_their_formulas() -> None:
    # 0.7470 − log10(10⁹/14·10⁶)/(2π) = 0.7470 − 0.2951
    assert DATA["imprint"]["predicted"] == pytest.approx(0.4520, abs=1e-4) and DATA["imprint"]["residual"] > 0.18
    # 1.04548 · (3 ln 8.03·10⁹ + ln 20)
    assert DATA["compute-invariant"]["k"] == pytest.approx(1.04548 * (3 * 22.8066 + 2.99573), abs=0.01)
    assert DATA["compute-invariant"]["z"] == pytest.approx((74.66 - 51.2) / 16.8, abs=0.01)
    assert DATA["compute-invariant"]["outside"] == pytest.approx(0.3173, abs=1e-4)
    assert (round(DATA["phase-sign"]["after"], 3), round(DATA["phase-sign"]["before"], 3)) == (0.546, 0.768)
    assert DATA["depth-formula"]["fraction"] == pytest.approx(1.135, abs=1e-3)


def test_constants_cover_what_their_intervals_do() -> None:
    # ± 0.01: nine intervals of 0.02, of which 1/√2 and ln 2 overlap by 0.02 − 0.01396, and 2/π and 1/φ by 0.02 − 0.01859.
    assert DATA["famous-constants"]["covered"]["0.01"] == pytest.approx(0.18 - 0.00604 - 0.00141, abs=1e-4)


def test_contamination_is_sorted_by_age() -> None:
    found = DATA["contamination-age"]
    assert (found["ceiling"], found["high"], found["low"], len(found["risks"])) == (12, 14, 6, 20)
    # MATH-500: one month, 0.10 + 0.15·(30/30.44)/3 + 0.05; MATH: 33 months, above the ceiling.
    assert (
        found["risks"]["MATH-500"] == pytest.approx(0.10 + 0.05 * 30 / 30.44 + 0.05) and found["risks"]["MATH"] == 0.97
    )


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_every_card_leads_somewhere(card: object) -> None:
    report = card_report(card)  # type: ignore[arg-type]
    claims = set(all_claims())
    for step in report.next_steps:
        if isinstance(step, Step):
            assert step.question in known()
            assert set(step.inputs) <= {one.name for one in fields_of(find(step.question).inputs_type)}
            assert set(step.inputs.get("ids", ())) <= claims
    assert card.name in {row[0] for row in list_report().tables[0].rows}  # type: ignore[attr-defined]
