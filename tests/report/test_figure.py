import json
import math
import os
import sys
from xml.etree import ElementTree

import pytest

from ropescope.errors import MissingExtraError, ReportError, RopescopeError
from ropescope.report import Figure
from ropescope.report.figure import html, png, svg, vega_lite, write_figure, write_figures
from ropescope.report.files import write_whole
from ropescope.report.svg import embedded
from ropescope.report.theme import CATEGORY, CONFIG, themed

HOSTILE = "</script><script>alert(1)</script>\x1b[31m\ufffe&\ud800"


def bars(name: str = "bars", label: str = "a") -> Figure:
    spec = {
        "data": {"values": [{"x": label, "y": 1}, {"x": "γ", "y": 2}]},
        "mark": "bar",
        "encoding": {"x": {"field": "x", "type": "nominal"}, "y": {"field": "y", "type": "quantitative"}},
    }
    return Figure(name, f"Bars {label}", spec, f"Two bars, {label}.")


@pytest.fixture
def without_vl_convert(monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)  # what an import finds when the package is not installed


def test_svg_is_xml_with_the_title_and_the_text_as_written():
    root = ElementTree.fromstring(svg(bars(label=HOSTILE)))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    text = "".join(root.itertext())
    assert "Bars </script><script>alert(1)</script>[31m&\ufffd" in text
    assert "Two bars" not in "".join(ElementTree.fromstring(svg(bars(), titled=False)).itertext())


def test_png_is_a_png_and_scales():
    small, large = png(bars(), scale=1), png(bars(), scale=2)
    assert small[:8] == large[:8] == b"\x89PNG\r\n\x1a\n"
    widths = [int.from_bytes(picture[16:20], "big") for picture in (small, large)]
    assert widths[1] == pytest.approx(2 * widths[0], abs=2)


@pytest.mark.parametrize("scale", [0, -1, 11, math.nan])
def test_a_scale_that_makes_no_picture_is_refused(scale):
    with pytest.raises(ReportError, match="scale"):
        png(bars(), scale=scale)


def test_the_interactive_page_holds_its_scripts_and_cannot_be_broken_out_of():
    page = html(bars(label=HOSTILE))
    assert "<script>alert" not in page
    assert "src=" not in page.split("<script>")[0] and "default-src 'none'" in page and "unsafe-eval" not in page


def test_a_specification_keeps_what_it_says_over_the_theme():
    spec = themed({"mark": "bar", "config": {"axis": {"labelFontSize": 20}}})
    assert spec["config"]["axis"]["labelFontSize"] == 20
    assert spec["config"]["axis"]["gridColor"] == CONFIG["axis"]["gridColor"]
    assert spec["config"]["range"]["category"] == list(CATEGORY)
    assert CONFIG["axis"]["labelFontSize"] != 20


def test_nan_in_a_figure_is_named():
    figure = Figure("decay", "t", {"data": {"values": [{"y": math.nan}]}, "mark": "bar"})
    for draw in (svg, png, html, vega_lite):
        with pytest.raises(ReportError, match=r"'decay'.*data\.values\[0\]\.y"):
            draw(figure)


@pytest.mark.parametrize("where", ["top", "layer"])
@pytest.mark.parametrize("url", ["https://example.com/a.csv", "file:///etc/hostname", "//example.com/a.csv"])
def test_remote_data_is_refused(url, where):
    layer = {"data": {"url": url}, "mark": "bar"}
    with pytest.raises(ReportError, match="names data to fetch"):
        svg(Figure("f", "t", layer if where == "top" else {"layer": [layer]}))


def test_a_specification_that_cannot_be_drawn_is_a_sentence():
    with pytest.raises(ReportError, match="'f' cannot be drawn"):
        svg(Figure("f", "t", {"data": {"values": []}, "mark": "no such mark"}))


@pytest.mark.parametrize("draw", [svg, png, html])
def test_a_missing_extra_says_how_to_mend_it(draw, without_vl_convert):
    with pytest.raises(MissingExtraError, match=r"Figures need vl-convert: pip install 'ropescope\[figures\]'\."):
        draw(bars())


def test_the_specification_needs_no_extra(tmp_path, without_vl_convert):
    path = write_figure(bars(), tmp_path / "f.json")
    assert json.loads(path.read_text())["data"]["values"][1] == {"x": "γ", "y": 2}


@pytest.mark.parametrize(("suffix", "start"), [(".svg", b"<svg"), (".PNG", b"\x89PNG"), (".html", b"<!doctype")])
def test_the_suffix_says_the_form(tmp_path, suffix, start):
    assert write_figure(bars(), tmp_path / f"f{suffix}").read_bytes().startswith(start)


@pytest.mark.parametrize("name", ["f.pdf", "f", "f.svg.gz"])
def test_another_suffix_is_refused_with_the_allowed_ones(tmp_path, name):
    with pytest.raises(RopescopeError, match=r"\.svg, \.png, \.html, \.json"):
        write_figure(bars(), tmp_path / name)


def test_several_figures_get_a_name_each_that_is_their_own(tmp_path):
    figures = [bars("a/../b"), bars("a/../b"), bars("a-..-b-2"), bars("../../etc")]
    paths = write_figures(figures, tmp_path / "F.json")
    assert [path.parent for path in paths] == [tmp_path] * 4
    assert len({path.name for path in paths}) == 4 and paths[0].name == "F-a-..-b.json"
    assert write_figures(figures[:1], tmp_path / "one.json") == [tmp_path / "one.json"]
    with pytest.raises(ReportError, match="no figure"):
        write_figures([], tmp_path / "none.json")


def test_a_missing_folder_is_a_sentence(tmp_path):
    with pytest.raises(ReportError, match="does not exist"):
        write_figure(bars(), tmp_path / "missing" / "f.json")
    with pytest.raises(ReportError, match="it is a folder"):
        write_whole(tmp_path, "x")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch, step):
    path = tmp_path / "f.json"
    path.write_text("old")

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(ReportError, match=r"No space left on device\. What was there before is unchanged"):
        write_figure(bars(), path)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["f.json"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "new"


def test_an_embedded_svg_neither_runs_nor_fetches_nor_shares_names():
    drawn = embedded(
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="x()">'
        '<defs><clipPath id="clip0"><path d="M0,0"/></clipPath></defs><script>x()</script>'
        '<a xlink:href="javascript:x()"><text clip-path="url(#clip0)">kept</text></a>'
        '<image href="https://example.com/a.png"/><foreignObject><p/></foreignObject></svg>',
        "figure-3-",
        'a "label"',
    )
    root = ElementTree.fromstring(drawn)
    for gone in ("script", "onload", "javascript", "example.com", "foreignObject", "xlink"):
        assert gone not in drawn
    assert 'id="figure-3-clip0"' in drawn and 'clip-path="url(#figure-3-clip0)"' in drawn and "kept" in drawn
    assert root.get("role") == "img" and root.get("aria-label") == 'a "label"'
