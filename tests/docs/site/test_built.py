"""The site as Zensical builds it, and as a reader meets it in chromium: from a folder of a server, without any other host."""

from __future__ import annotations

import html
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe import script
from browsers import chromium
from site_pages import ROOT
from site_pages import Site as Pages
from static_site import Site, served

KINDS = ("", "measuring/", "results/experiments/", "reference/serve-a-model/", "formulas/", "api/measure/", "try/")
READERS = {
    "phone": {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"},
    "desk": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site without the page that answers in the browser; every link of it leads somewhere."""
    pytest.importorskip("zensical", reason="No Zensical: pip install 'ropescope[docs]'")
    from build_site import built

    root = tmp_path_factory.mktemp("repository")
    for name in (
        "src",
        "docs",
        "tests",
        "benchmarks",
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "pyproject.toml",
    ):
        (root / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "mkdocs.yml", root)
    assert built(root, page=False) == []
    return root / "site"


def words(path: Path) -> str:
    """The words of a page, with one space between them."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", path.read_text(encoding="utf-8"))).split())


def test_the_api_shows_signatures_and_docstrings_of_real_objects(site: Path) -> None:
    theory, measure = (words(site / "api" / room / "index.html") for room in ("theory", "measure"))
    assert (
        "gamma_pade(theta: float, length: float) -> float The Padé exponent" in theory
        and "for θ ≤ 0 or T < 0" in theory
    )
    assert "mass: [prompts, layers, heads, bins] mean attention of a query row" in measure
    questions = words(site / "api/questions/index.html")
    assert "Whether a model fits" in questions and 'ropescope.fit("' in questions and "Parameters:" in questions
    assert "<li><code>mass</code>: " in (site / "api/measure/index.html").read_text()


def test_formulas_and_output_are_as_written(site: Path) -> None:
    formulas = (site / "formulas/index.html").read_text()
    assert "λ<sub>i</sub> = 2π θ<sup>2i/d<sub>h</sub></sup> [tokens]" in formulas and "U = E[ln d] [nats]" in formulas
    example = re.findall(r"^```\n(smollm2 attends.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)[0]
    shown = html.unescape(re.sub(r"<[^>]+>", "", (site / "index.html").read_text()))
    assert example.strip() in shown


def test_pages_have_the_blocks_that_a_code_host_shows(site: Path) -> None:
    """A list or table that Python-Markdown does not see, and CommonMark does, would be a paragraph here."""
    reader = pytest.importorskip("markdown_it").MarkdownIt("commonmark").enable("table")
    blocks = re.compile(r"<(ul|ol|li|table|tr|pre|blockquote|em|strong|img|h[1-4])\b")
    for name, text in Pages(ROOT).pages.items():
        built = (site / name.removesuffix("index.md").removesuffix(".md") / "index.html").read_text()
        shown = built.partition("<article")[2].partition("</article>")[0]
        expected = reader.render(re.sub(r"\A---\n.*?^---\n", "", text, flags=re.M | re.S))
        assert Counter(blocks.findall(shown)) == Counter(blocks.findall(expected)), name


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def host(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("host")
    (folder / "docs").symlink_to(site)
    with served(folder) as one:
        yield one


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: Any, host: Site) -> Iterator[Any]:
    """A reader's page, which fails the test when it asks another host for anything."""
    context = browser.new_context(**READERS[getattr(request, "param", "desk")], permissions=["clipboard-read"])
    context.set_default_timeout(60_000)
    one = context.new_page()
    foreign: list[str] = []
    one.on(
        "request",
        lambda asked: None if asked.url.removeprefix("blob:").startswith(host.address) else foreign.append(asked.url),
    )
    yield one
    context.close()
    assert foreign == []


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("page", READERS, indirect=True)
def test_everybody_can_read_a_page(kind: str, page: Any, host: Site) -> None:
    page.goto(f"{host.address}docs/{kind}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("[...document.images].every((one) => one.complete && one.naturalWidth > 0)")
    page.evaluate(script())
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []


def test_search_and_copying_work_without_a_network(page: Any, host: Site) -> None:
    page.goto(f"{host.address}docs/")
    page.get_by_title("Copy to clipboard").first.click()
    page.wait_for_function("navigator.clipboard.readText().then((text) => text.includes('pip install'))")
    # The box is closed to tests: Enter opens the first hit once there is one, which at first is that of the letters so far.
    for settled in (1_500, 6_000, 24_000):
        page.goto(f"{host.address}docs/")
        for _ in range(60):  # the page hears the keys a while after it has loaded
            page.keyboard.press("Control+k")
            page.wait_for_timeout(1_000)
            if page.evaluate("document.activeElement !== document.body"):
                break
        page.keyboard.type("prompt-cache", delay=20)
        page.wait_for_timeout(settled)
        for _ in range(60):
            page.keyboard.press("Enter")
            page.wait_for_timeout(500)
            if "h=prompt-cache" in page.url:
                break
        assert "h=prompt-cache" in page.url
        page.wait_for_load_state()
        found = page.inner_text("article").lower()
        if "prompt" in found and "cache" in found:
            return
    raise AssertionError(f"the first hit speaks of something else: {found[:200]}")


@pytest.mark.long
def test_the_page_beside_the_site_answers_there_and_leaves_the_site_alone(site: Path, page: Any, host: Site) -> None:
    pytest.importorskip("vl_convert", reason="figures need vl-convert-python")
    from in_pyodide import runtime

    from ropescope.app.web.build import build

    runtime()
    build(site / "page")
    page.goto(f"{host.address}docs/reference/serve-a-model/#devices")
    page.locator("a[href$='#q=devices']").click()
    page.click(".go button")
    assert "devices" in page.locator(".verdict h2").inner_text()
    scopes = "navigator.serviceWorker.getRegistrations().then((all) => all.map((one) => new URL(one.scope).pathname))"
    page.wait_for_function(f"{scopes}.then((all) => all.length)")
    assert page.evaluate(scopes) == ["/docs/page/"]
    page.goto(f"{host.address}docs/measuring/")
    assert page.evaluate("navigator.serviceWorker.controller") is None
