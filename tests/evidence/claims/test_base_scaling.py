"""C8c: intervals against scipy's on the shipped file, read anew; and what dominates, by hand."""

from __future__ import annotations

import csv
from collections import defaultdict
from importlib.resources import files

import numpy as np
import pytest
from scipy import stats

from ropescope.evidence.claims.base_scaling import dominates_measured
from ropescope.evidence.extensions import Extension, exponents, extensions
from ropescope.evidence.verdicts.recompute import recompute
from ropescope.evidence.verdicts.registry import find_claim
from ropescope.evidence.verdicts.report import claim_report


def read() -> dict[tuple[int, str], dict[str, dict[str, float]]]:
    """(target, method) → text → place → loss, without the code under test."""
    text = files("ropescope.evidence").joinpath("data", "extended_losses.csv").read_text("utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    found: dict[tuple[int, str], dict[str, dict[str, float]]] = defaultdict(dict)
    for row in rows:
        places = {place: float(row[place]) for place in ("inside", "beyond", "last")}
        found[int(row["target"]), row["method"]][row["kind"] + row["text"]] = places
    return found


def test_the_interval_that_decides(shipped) -> None:
    rows = read()
    finding = find_claim("C8c").function(shipped)
    plain, scaled = rows[16384, "none"], rows[16384, "alpha@alpha=2"]
    assert set(plain) == set(scaled) and len(plain) >= 8
    cost = [scaled[text]["inside"] - plain[text]["inside"] for text in plain]
    bounds = stats.t.interval(0.95, len(cost) - 1, loc=np.mean(cost), scale=stats.sem(cost))
    assert finding.value == pytest.approx(np.mean(cost), abs=1e-9)
    assert finding.interval == pytest.approx(bounds, abs=1e-6)
    assert finding.verdict == ("reproduced" if bounds[0] <= 0 else "not reproduced")
    yarn = {b.name: b.value for b in finding.baselines}["yarn, the same"]
    assert yarn == pytest.approx(
        np.mean([rows[16384, "yarn"][t]["inside"] - plain[t]["inside"] for t in plain]), abs=1e-9
    )


def test_the_best_base_and_the_one_asked_for(shipped) -> None:
    rows = read()
    facts = {fact.name: fact for fact in find_claim("C8c").function(shipped).facts}
    bases = {"1": "none"} | {
        f"{row['alpha']:g}": f"alpha@alpha={row['alpha']:g}" for row in exponents() if row["alpha"] > 1
    }
    last = {a: np.mean([p["last"] for p in rows[16384, name].values()]) for a, name in bases.items()}
    assert facts["least loss in the last band"].value == f"α = {min(last, key=last.__getitem__)}"
    gamma = next(row["gamma"] for row in exponents() if row["alpha"] == 1)
    # γ = (2θ − T√2)/(2θ + T√2), solved for θ by hand: θ = T√2 (1 + γ) / (2 (1 − γ)).
    theta = 16384 * 2**0.5 * (1 + gamma) / (2 * (1 - gamma))
    assert facts["α_opt that keeps the measured γ"].value == pytest.approx(theta / 1e5)


def test_the_last_tokens_alone_are_a_baseline(shipped) -> None:
    rows = read()
    pairs = [rows[16384, "alpha@alpha=2"][text]["last"] - at["last"] for text, at in rows[16384, "truncated"].items()]
    assert len(pairs) >= 8
    assert f"loses {np.mean(pairs):.3f} (" in find_claim("C8c").function(shipped).reason
    for text, at in rows[16384, "truncated"].items():  # the same tokens, read the same way, but in float32
        assert at["inside"] == pytest.approx(rows[16384, "none"][text]["inside"], abs=0.006)


def test_what_dominates_by_hand(shipped, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scaling that costs nothing inside and wins beyond on every text is Pareto-dominant."""

    def made(name: str, alpha: float | None, inside: float, beyond: float) -> Extension:
        texts = tuple(f"prose {i}" for i in range(8))
        near = {"inside": inside, "beyond": beyond, "last": beyond}
        losses = {place: tuple(base + 0.01 * i for i in range(8)) for place, base in near.items()}
        return Extension("m", 8192, 16384, name, alpha, texts, losses)  # type: ignore[arg-type]

    peers = {name: made(name, None, 2.1, 2.0) for name in ("ntk", "dynamic", "yarn")}
    for inside, verdict in ((2.0, "reproduced"), (2.01, "not reproduced")):
        methods = {
            "none": made("none", 1.0, 2.0, 5.0),
            "alpha@alpha=2": made("alpha@alpha=2", 2.0, inside, 2.0),
            **peers,
        }
        monkeypatch.setattr("ropescope.evidence.claims.base_scaling.extensions", lambda m=methods: {16384: m})
        assert dominates_measured(shipped).verdict == verdict


def test_methods_are_paired_on_the_texts_that_both_read() -> None:
    rows = read()
    for target, methods in extensions().items():
        assert {"none", "ntk", "yarn"} <= set(methods)
        for method in methods.values():
            mine, plain = rows[target, method.method], rows[target, "none"]
            shared = [text for text in mine if text in plain]
            assert len(shared) >= 3
            expected = np.mean([mine[text]["last"] - plain[text]["last"] for text in shared])
            assert method.less(methods["none"], "last").value == pytest.approx(expected, abs=1e-9)


def test_a_text_that_one_method_lacks_is_left_out_of_the_pair() -> None:
    losses = dict.fromkeys(("inside", "beyond", "last"), (2.0, 3.0, 9.0))
    whole = Extension("m", 8, 16, "ntk", None, ("prose a", "code b", "prose c"), losses)  # type: ignore[arg-type]
    fewer = dict.fromkeys(losses, (2.5, 1.0))
    part = Extension("m", 8, 16, "yarn", None, ("code b", "prose a"), fewer)  # type: ignore[arg-type]
    assert whole.less(part, "last").value == pytest.approx(((2.0 - 1.0) + (3.0 - 2.5)) / 2)


def test_its_numbers_are_said_to_be_our_own(shipped) -> None:
    (entry,) = recompute([find_claim("C8c")], shipped)
    facts = {fact.name: fact for fact in claim_report(entry, "elsewhere").facts}
    assert facts["data"].basis == "measured" and "extension_tables" in facts["data"].source
    assert facts["least loss in the last band"].basis == "measured"
