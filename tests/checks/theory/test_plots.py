"""The four pictures: they compile, they travel as JSON, and they show what the formulas say."""

import json

import pytest

from ropescope import theory
from ropescope.checks.theory.plots.operating_points import OPERATING_POINTS
from ropescope.checks.theory.plots.plots import PLOTS, plot_report
from ropescope.errors import DomainError
from ropescope.report.report import Report


@pytest.mark.parametrize("kind", PLOTS)
def test_a_picture_compiles(kind):
    vl_convert = pytest.importorskip("vl_convert")
    report = plot_report(kind)
    data = json.loads(json.dumps(report.to_dict()))
    assert Report.from_dict(data).to_dict() == data
    assert vl_convert.vegalite_to_svg(data["figures"][0]["spec"]).startswith("<svg")


def test_bands_are_where_the_exponent_says():
    values = plot_report("regimes").figures[0].spec["layer"][0]["data"]["values"]
    for row in values:
        edge = row["T2"]
        if row["band"] == "0.65 – 0.95" and 512 < edge < 1_048_576:
            assert theory.gamma_pade(row["theta"], edge) == pytest.approx(0.65, rel=1e-12)


def test_every_operating_point_names_its_config():
    table = plot_report("regimes").tables[0]
    assert len(table.rows) == len(OPERATING_POINTS)
    assert all(row[-1].startswith("config.json of ") for row in table.rows)


def test_window_and_scaling_tables():
    windows = {row[0]: row[1:] for row in plot_report("window").tables[0].rows}
    at = dict(zip((0.5, 0.75, 0.9, 1.0, 1.25, 1.5), windows[131_072], strict=True))
    assert [at[g] for g in (0.5, 0.75, 1.0, 1.25, 1.5)] == [106216, 87738, 38080, 1446, 56]
    alphas = {row[0]: row[1:] for row in plot_report("scaling").tables[0].rows}
    assert alphas["γ_Padé kept (α = s)"] == (2, 4, 8, 16, 32)
    assert alphas["NTK-aware, head 128"][1] == pytest.approx(4.08899, abs=1e-5)


def test_a_wrong_name_suggests_the_nearest():
    with pytest.raises(DomainError, match="Did you mean regimes"):
        plot_report("regime")
