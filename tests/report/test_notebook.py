"""What a notebook shows of reports, figures and other data, as IPython asks for it."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
import released_configs as released

pytest.importorskip("IPython", reason="a notebook is shown by IPython")
from IPython.core.formatters import DisplayFormatter

import ropescope as rs
from ropescope.compress.plan.planning import plan_from_gamma
from ropescope.compress.plan.target import Target
from ropescope.errors import MissingExtraError
from ropescope.extend.plan.planning import plan_extension
from ropescope.models.config.reading import from_config
from ropescope.report import Fact, Figure, Report, Step, Table
from ropescope.report.html import page

HOSTILE = "<script>alert(1)</script>\x1b[31m<b onclick=x>\"'&amp;"
DRAWS = importlib.util.find_spec("vl_convert") is not None


def shown(value: Any) -> dict[str, Any]:
    """By MIME type, as IPython sends it to a notebook. A formatter that raises shows nothing, so each is asked for."""
    data, _ = DisplayFormatter().format(value)
    return data


def test_a_report_is_its_text_and_html_without_scripts(sample: Report) -> None:
    data = shown(sample)
    assert {*data} == {"text/plain", "text/html"}
    assert data["text/plain"].startswith(sample.verdict[:40])
    html = data["text/html"]
    assert (
        html.index("verdict") < html.index("<table>")
        and "<script" not in html
        and "http" not in re.sub("xmlns.*?>", "", html)
    )
    for fact in sample.facts:
        assert f">{fact.basis}</span>" in html
    assert all(table.title in html for table in sample.tables)


def test_what_comes_from_outside_is_text(sample: Report) -> None:
    figure = Figure("f", HOSTILE, sample.figures[0].spec, HOSTILE)
    step = Step("fit", {"source": HOSTILE}, HOSTILE)
    table = Table(HOSTILE, (), ())
    report = Report(
        HOSTILE,
        HOSTILE,
        (Fact(HOSTILE, HOSTILE, note=HOSTILE),),
        (table,),
        (figure,),
        (HOSTILE,),
        (step,),
        lead=HOSTILE,
    )
    html = shown(report)["text/html"]
    assert "<script" not in html and "<b onclick" not in html and "\x1b" not in html
    assert html.count("&lt;script&gt;") >= 8
    model = from_config(released.LLAMA_31_8B, name=HOSTILE)
    for value in (report, figure, model):
        assert "\x1b" not in repr(value) and "\x1b" not in shown(value)["text/plain"]


def test_text_to_copy_keeps_its_lines(sample: Report) -> None:
    report = dataclasses.replace(sample, lead="vllm serve x \\\n  --flag <1>")
    for html in (shown(report)["text/html"], page(report)):
        assert "vllm serve x \\\n  --flag &lt;1&gt;</pre>" in html


def test_next_steps_are_calls(sample: Report) -> None:
    steps = (
        Step("compare", {"sources": ["a", "b"], "context": "8k"}, "Compare"),
        Step("speed", {"source": "<config>", "gpu": "4090"}, "Speed"),
        Step("no longer", {"source": "x"}, "Old"),
        "Read on.",
    )
    data = shown(dataclasses.replace(sample, next_steps=steps))
    for call in ('ropescope.compare("a", "b", context="8k")', 'ropescope.speed(config, gpu="4090")'):
        assert call in " ".join(data["text/plain"].split())
        assert call.replace('"', "&#34;") in data["text/html"]
    assert "Old: no longer source=x" in data["text/html"] and "Read on." in data["text/html"]


@pytest.mark.skipif(not DRAWS, reason="figures are drawn by vl-convert")
def test_figures_of_two_outputs_share_no_name(sample: Report) -> None:
    x = {"x": {"field": "x", "type": "quantitative"}}
    cut = {"data": {"values": [{"x": 1}]}, "mark": {"type": "point", "clip": True}, "encoding": x}  # a clip has a name
    both = dataclasses.replace(sample, figures=(Figure("a", "A", cut), Figure("b", "B", {**cut, "height": 99})))
    html = shown(both)["text/html"]
    names = re.findall(r'\bid="([^"]+)"', html)
    assert html.count("<svg") == 2 and names and len(names) == len(set(names))


@pytest.mark.skipif(not DRAWS, reason="Vega-Lite is compiled by vl-convert")
def test_a_figure_is_a_specification_that_notebooks_read() -> None:
    import vl_convert

    report = rs.show(released.LLAMA_31_8B)
    assert report.figures
    for figure in (*report.figures, *rs.plot("regimes").figures):
        data = shown(figure)
        assert {*data} == {"text/plain", "image/svg+xml", "application/vnd.vegalite.v5+json"}
        spec = json.loads(json.dumps(data["application/vnd.vegalite.v5+json"]))
        assert spec["$schema"].endswith("/v5.json")
        vl_convert.vegalite_to_vega(spec, vl_version="5.20")  # what JupyterLab draws it with
        assert figure.title in data["text/plain"] and len(repr(figure)) < 200


def test_without_what_draws_it_is_said_how_each_figure_is_shown(
    sample: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: Any, **__: Any) -> str:
        raise MissingExtraError("Figures need vl-convert.")

    monkeypatch.setattr("ropescope.report.figure._vl_convert", missing)
    html = shown(sample)["text/html"]
    assert "<svg" not in html and "<code>report.figures[0]</code>" in html and "ropescope[figures]" in html
    assert "image/svg+xml" not in shown(sample.figures[0])


def test_long_tables_are_cut(sample: Report) -> None:
    table = sample.tables[0]
    html = shown(dataclasses.replace(sample, tables=(dataclasses.replace(table, rows=table.rows[:1] * 1000),)))[
        "text/html"
    ]
    assert html.count("<tr>") < 300 and "… 800 more rows in <code>report.tables[0].rows</code>" in html


def test_data_show_their_main_facts(tmp_path: Path) -> None:
    model = from_config(released.LLAMA_31_8B, name="llama")
    cache = plan_from_gamma(0.9, model, Target(keep_mass=0.9), length=8192)
    rope = plan_extension(model, 262144)
    for value, told in (
        (model, ("32 layers", "32 full", "131,072 tokens", "rotary positions, base 500,000")),
        (cache, ("of the cache of 8,192 tokens", "keep_mass 0.9", "32 of 32")),
        (rope, ("262,144 tokens", '"rope_parameters": {')),
    ):
        data = shown(value)
        assert {*data} == {"text/plain", "text/html"}
        assert all(part in data["text/plain"] for part in told), data["text/plain"]
        assert repr(value).startswith(f"<{type(value).__name__}: llama") and len(repr(value)) < 200


def test_a_profile_shows_its_shares_by_distance() -> None:
    pytest.importorskip("numpy")
    from made_profiles import made_profile

    profile = made_profile(gamma=0.8, heads=(4, 2), windows=(None, 64))
    report = profile.described()
    shares = [row[2] for row in report.tables[0].rows]
    first = report.facts[2].value
    assert isinstance(first, float) and sum(shares) + first == pytest.approx(1, abs=0.02)
    assert report.tables[0].rows[-1][1] == 1023 and report.tables[0].rows[-1][3] == pytest.approx(sum(shares))
    assert "on 8 prompts of 1,024 tokens in 2 layers" in repr(profile)
    assert report.tables[0].title in shown(profile)["text/html"]


def test_a_report_is_one_line_in_a_plain_shell(sample: Report) -> None:
    assert (
        repr(sample).startswith("<Report: ")
        and sample.verdict in repr(sample)
        and "1 table · 4 figures" in repr(sample)
    )
