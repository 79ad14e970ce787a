"""The panel: the published exponents come out of the project's own fit, and its picture and filters say what they show."""

import numpy as np
import pytest

from ropescope.errors import EvidenceError
from ropescope.evidence.panel.doubts import doubts
from ropescope.evidence.panel.filter import Filter
from ropescope.evidence.panel.report import panel_report
from ropescope.report.figure import svg


def test_every_published_fit_is_reproduced(shipped):
    fitted = shipped.panel(rope=False)
    assert len(fitted) == 56
    for m in fitted:
        assert m.gamma == pytest.approx(m.gamma_published, rel=1e-12), m.file
        assert m.refit.r2 == pytest.approx(m.r2_published, abs=5.1e-7), m.file
        assert m.refit.r2_exponential == pytest.approx(m.r2_exponential_published, abs=5.1e-7), m.file


def test_the_repeats_are_reproduced_with_their_own_range(shipped):
    repeats = [m for m in shipped.measurements if m.series in ("cloud", "training", "steering", "tuned")]
    assert len(repeats) == 34
    for m in repeats:
        assert m.gamma == pytest.approx(m.gamma_published, rel=1e-12), (m.file, m.variant)


def test_the_refit_agrees_with_numpy_and_its_error_with_statsmodels(shipped):
    import statsmodels.api as sm

    m = next(m for m in shipped.panel() if m.short_name == "pythia-1b" and m.corpus == "text")
    kept = m.distances >= 30
    x, y = np.log(m.distances[kept]), np.log(m.attention[kept])
    assert m.gamma == pytest.approx(-np.polyfit(x, y, 1)[0], rel=1e-12)
    assert m.refit.se == pytest.approx(sm.OLS(y, sm.add_constant(x)).fit().bse[1], rel=1e-10)


@pytest.mark.parametrize(
    ("name", "corpus", "gamma"),
    [
        ("Llama-2-7b-hf", "text", 0.882),
        ("pythia-160m", "text", 1.159),
        ("pythia-70m", "text", 0.853),
        ("SmolLM2-135M", "random", 0.937),
    ],
)
def test_one_seed_can_make_an_exponent(shipped, name, corpus, gamma):
    (m,) = (m for m in shipped.panel() if m.short_name == name and m.corpus == corpus)
    assert m.gamma_median_of_seeds == pytest.approx(gamma, abs=5e-4)
    assert any("median of the seeds" in doubt for doubt in doubts(m))


def test_seventeen_curves_are_no_distribution(shipped):
    totals = [m.total for m in shipped.panel(rope=False)]
    assert sum(total > 1 for total in totals) == 17
    assert max(totals) == pytest.approx(3.00, abs=0.005)


def test_filters_hold_together_and_name_what_exists(shipped):
    assert len(Filter().of(shipped)) == 62
    assert len(Filter(everything=True).of(shipped)) == len(shipped.measurements)
    assert {m.model for m in Filter(family="pythia", corpus="TEXT").of(shipped)} == {
        f"EleutherAI/pythia-{size}" for size in ("14m", "31m", "70m", "160m", "410m", "1b", "1.4b", "2.8b")
    }
    assert {m.facts.positions for m in Filter(positions="learned").of(shipped)} == {"learned"}
    with pytest.raises(EvidenceError, match=r"Did you mean Pythia\?"):
        Filter(family="pithia").of(shipped)
    with pytest.raises(EvidenceError, match=r"`corpus` 'txt'.* There are random, text, unstated"):
        Filter(corpus="txt").of(shipped)
    with pytest.raises(EvidenceError, match="family Bloom at once"):
        Filter(positions="rope", family="Bloom").of(shipped)


def test_too_few_models_give_no_correlation(shipped):
    report = panel_report(shipped, Filter(model="pythia-1"))
    assert not [fact for fact in report.facts if "correlation" in fact.name]
    assert any("too few" in text for text in report.caveats)


def test_the_picture_draws_and_holds_every_rope_measurement(shipped):
    pytest.importorskip("vl_convert")
    report = panel_report(shipped, Filter())
    (figure,) = report.figures
    points = figure.spec["layer"][-1]["data"]["values"]
    assert len(points) == 51
    assert all(point["low"] <= point["gamma"] <= point["high"] for point in points)
    assert svg(figure).startswith("<svg")
    assert not panel_report(shipped, Filter(positions="alibi")).figures
