import base64
import hashlib
import json
import math
import re
import sys
from html.parser import HTMLParser

import pytest

from ropescope.errors import ReportError
from ropescope.report import BASES, Column, Fact, Figure, Report, Table
from ropescope.report.html import page, write_page

HOSTILE = "<script>alert(1)</script>[bold]|`\x1b[31m\u2028]]>--><!--<b onclick=x>\"'&amp;"


class Page(HTMLParser):
    """Every element with its attributes, and the text of every script."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.styles = self.text = ""
        self.open = ""
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.open = tag
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag):
        self.open = ""

    def handle_data(self, data):
        if self.open == "script":
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        elif self.open == "style":
            self.styles += data
        else:
            self.text += data

    def script(self, name: str) -> object:
        return json.loads(next(text for attrs, text in self.scripts if attrs.get("id") == name))


@pytest.fixture(scope="module")
def source(sample):
    return page(sample)


@pytest.fixture(scope="module")
def parsed(source):
    return Page(source)


def test_the_page_fetches_nothing(source, parsed):
    for tag, attrs in parsed.elements:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "source", "video", "audio", "form"}
        for name in ("src", "srcset", "href", "xlink:href", "action", "poster", "data"):
            assert name not in attrs, (tag, attrs)
        assert not any(name.startswith("on") for name in attrs)
        assert not re.search(r"url\((?!#)", " ".join(value or "" for value in attrs.values()))
    assert "@import" not in source and "url(" not in parsed.styles and "@font-face" not in source


def test_the_policy_forbids_the_network_and_allows_the_one_script(parsed):
    policy = next(attrs["content"] for tag, attrs in parsed.elements if attrs.get("http-equiv"))
    running = [text for attrs, text in parsed.scripts if attrs.get("type") != "application/json"]
    assert len(running) == 1 and len(running[0].splitlines()) <= 40
    digest = base64.b64encode(hashlib.sha256(running[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy and policy.startswith("default-src 'none'")


def test_the_headline_is_the_verdict_and_every_basis_is_explained(sample, source, parsed):
    assert re.search(r"<h1>(.*?)</h1>", source)[1] == sample.verdict
    assert all(f'<span class="basis {basis}">{basis}</span></dt>' in source for basis in BASES)
    for text in (*sample.caveats, *sample.next_steps, sample.title, "0.8912", "[0.8871, 0.8953]", "8,192 tokens"):
        assert text in parsed.text


def test_the_page_gives_back_the_report_and_the_result(sample, parsed):
    assert Report.from_dict(parsed.script("report")) == sample
    assert parsed.script("data") == sample.data
    assert parsed.script("spec-1")["mark"] == "rect"


def test_figures_are_drawn_inside_without_sharing_names(sample, parsed):
    assert sum(tag == "svg" for tag, _ in parsed.elements) == len(sample.figures)
    ids = [attrs["id"] for _, attrs in parsed.elements if "id" in attrs]
    assert len(ids) == len(set(ids)) and any(name.startswith("figure-1-") for name in ids)
    used = {
        name for _, attrs in parsed.elements for v in attrs.values() for name in re.findall(r"url\(#(.+?)\)", v or "")
    }
    assert used and used <= set(ids)


def test_all_rows_are_there_with_what_they_sort_by(source):
    assert source.count('<td class="number" data-key="') == 30 * 5
    assert re.search(r'data-key="1357\.0">1,357<', source)


def test_a_hostile_name_is_shown_and_does_nothing():
    spec = {"data": {"values": [{"x": HOSTILE}]}, "mark": "bar", "encoding": {"x": {"field": "x", "type": "nominal"}}}
    report = Report(
        HOSTILE,
        HOSTILE,
        (Fact(HOSTILE, HOSTILE, HOSTILE, "config", HOSTILE, None, HOSTILE),),
        (Table(HOSTILE, (Column(HOSTILE, HOSTILE),), ((HOSTILE,),), HOSTILE),),
        (Figure(HOSTILE, HOSTILE, spec, HOSTILE),),
        (HOSTILE,),
        (HOSTILE,),
        {HOSTILE: HOSTILE},
    )
    source = page(report)
    parsed = Page(source)
    assert "<script>alert" not in source and "<b " not in source and "<!--" not in source
    assert "\x1b" not in source and "\u2028" not in source
    assert not any("onclick" in attrs for _, attrs in parsed.elements)
    assert sum(attrs.get("type") != "application/json" for attrs, _ in parsed.scripts) == 1
    assert parsed.script("data") == {HOSTILE: HOSTILE}
    assert Report.from_dict(parsed.script("report")) == report
    assert "<script>alert(1)</script>[bold]|`[31m" in parsed.text


def test_without_vl_convert_the_page_says_so_and_keeps_the_data(sample, monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    parsed = Page(page(sample))
    assert "pip install 'ropescope[figures]'" in parsed.text
    assert not any(tag == "svg" for tag, _ in parsed.elements)
    assert len(parsed.script("spec-1")["data"]["values"]) == 270


def test_a_bare_report_is_a_page_too():
    parsed = Page(page(Report("t", "v")))
    assert parsed.script("data") == {} and not any(tag == "table" for tag, _ in parsed.elements)


def test_nan_leaves_the_old_page(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("old")
    for bad in (
        Report("t", "v", (Fact("gamma", math.nan),)),
        Report("t", "v", tables=(Table("t", (Column("gamma"),), ((math.inf,),)),)),
        Report("t", "v", data={"gamma": math.nan}),
        Report("t", "v", figures=(Figure("f", "t", {"gamma": math.nan}),)),
    ):
        with pytest.raises(ReportError, match="gamma"):
            write_page(bad, path)
    assert path.read_text() == "old"
    with pytest.raises(ReportError, match="does not exist"):
        write_page(Report("t", "v"), tmp_path / "missing" / "page.html")
