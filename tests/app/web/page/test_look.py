"""How the page is shown: to every reader, on every width, in light and dark, with little to load."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe import OPEN, script, violations
from page_answers import as_fake, table_report
from page_server import PAGE

from ropescope.questions.registry import known

Opened = Callable[..., Any]


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core."""
    return script()


def looked(page: Any, axe: str) -> list[str]:
    """What axe finds on a light page, and of the colours of a dark one."""
    found = violations(page, axe)
    page.emulate_media(color_scheme="dark")
    found += violations(page, axe, "color-contrast")
    page.emulate_media(color_scheme="light")
    return found


def test_axe_finds_nothing(opened: Opened, axe: str, llama: str) -> None:
    page = opened()
    page.fill("#box", "quantise")
    page.wait_for_selector(".offers li")
    assert looked(page, axe) == []
    page.goto(page.url.split("#")[0] + f"#q=fit&source={llama}&gpu=4090&context=128k")
    page.wait_for_selector(".form")
    page.evaluate(OPEN)
    page.fill("[data-field=batch] input", "0")
    page.wait_for_selector(".error:visible")
    assert looked(page, axe) == []
    page.fill("[data-field=batch] input", "2")
    page.click(".go button")
    page.wait_for_selector(".verdict h2")
    page.locator(".drawing").scroll_into_view_if_needed()
    page.wait_for_selector(".drawing svg")
    page.evaluate(OPEN)
    page.click("text=Add to comparison")
    assert looked(page, axe) == []
    page.click(".tray a")
    page.wait_for_selector(".beside")
    assert looked(page, axe) == []
    page.goto(page.url.split("#")[0] + "#explore=window")
    page.wait_for_selector(".drawing svg")
    assert looked(page, axe) == []


FORMS = ("compare", "extend evaluate")


@pytest.mark.parametrize(
    "name", [*FORMS, *(pytest.param(name, marks=pytest.mark.long) for name in known() if name not in (*FORMS, "ask"))]
)
def test_axe_finds_nothing_in_a_form(opened: Opened, axe: str, name: str) -> None:
    page = opened(f"#q={name}", viewport={"width": 360, "height": 740})
    page.wait_for_selector("h1")
    page.evaluate(OPEN)
    assert violations(page, axe) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_narrow_page_does_not_scroll_sideways(opened: Opened, llama: str) -> None:
    page = opened(viewport={"width": 360, "height": 740})
    width = "document.documentElement.scrollWidth"
    assert page.evaluate(width) <= 360
    for context in ("16k", "128k"):
        page.goto(page.url.split("#")[0] + f"#q=fit&source={llama}&gpu=4090&context={context}")
        # The form of the request before is there until this one's comes.
        page.wait_for_function("c => document.querySelector('[data-field=context] input')?.value === c", arg=context)
        page.click(".go button")
        page.wait_for_selector(".verdict h2")
        page.locator(".drawing").scroll_into_view_if_needed()
        page.wait_for_selector(".drawing svg")
        assert page.evaluate(width) <= 360
        page.click("text=Add to comparison")
    page.click(".tray a")
    page.wait_for_selector(".beside")
    assert page.evaluate(width) <= 360
    page.goto(page.url.split("#")[0] + "#explore=memory")
    page.wait_for_selector(".sliders")
    assert page.evaluate(width) <= 360


def test_tables_fold_and_sort_by_number_with_absent_values_last(opened: Opened) -> None:
    page = opened("#q=devices", fake=as_fake(table_report(30)))
    page.click(".go button")
    page.wait_for_selector(".data tbody tr")
    assert page.locator(".data tbody tr").count() == 5
    page.click("th:has-text('value') button")
    first = page.locator(".data tbody tr td:nth-child(2)").all_inner_texts()
    ordered = [f"{value}" for value in sorted((7 * i) % 30 + 0.25 for i in range(30) if i % 3 != 2)]
    assert first == ordered[:5]
    assert page.get_attribute("th:has-text('value')", "aria-sort") == "ascending"
    page.click("text=Show all 30 rows")
    page.click("th:has-text('value') button")
    every = page.locator(".data tbody tr td:nth-child(2)").all_inner_texts()
    assert every == [*reversed(ordered), *["–"] * 10]


def test_colours_are_chosen_and_stay(opened: Opened) -> None:
    page = opened(color_scheme="light")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.select_option("#theme", "dark")
    dark = page.evaluate(paper)
    page.reload()
    page.wait_for_selector("#theme")
    assert page.evaluate(paper) == dark != light


def test_a_figure_is_dark_on_a_dark_page_and_light_on_paper(opened: Opened, llama: str) -> None:
    page = opened(
        f"#q=fit&source={llama}&gpu=4090&context=128k", color_scheme="dark", viewport={"width": 360, "height": 740}
    )
    page.click(".go button")
    page.locator(".drawing").scroll_into_view_if_needed()
    page.wait_for_selector(".drawing svg")
    ink = "getComputedStyle(document.querySelector('.drawing svg text[fill=\"#1f2328\"]')).fill"
    assert page.evaluate(ink) == "rgb(230, 232, 235)"
    # Drawn for its place: nothing of it is cut, and its text has the size that it has anywhere.
    assert page.evaluate(
        "document.querySelector('.drawing').scrollWidth <= document.querySelector('.drawing').clientWidth + 1"
    )
    page.emulate_media(media="print")
    assert page.evaluate(ink) == "rgb(31, 35, 40)"


def test_the_first_paint_is_light_and_comes_from_this_page_alone(opened: Opened, address: str) -> None:
    page = opened(locale="en-GB")  # in a browser that holds nothing
    page.wait_for_load_state("networkidle")
    script = """() => { const [usable] = performance.getEntriesByName('ropescope usable');
        const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
        return all.map((one) => [one.name, one.startTime < usable.startTime ? one.decodedBodySize : 0]) }"""
    found = page.evaluate(script)
    assert all(name.startswith((address, "data:")) for name, _ in found)
    assert any(name.endswith("/question.js") for name, _ in found)
    assert 20_000 < sum(size for _, size in found) < 100_000, found


def test_the_policy_allows_nothing_but_the_pages_own() -> None:
    policy = (PAGE / "index.html").read_text()
    assert "default-src 'none'" in policy and "unsafe-inline" not in policy and "'unsafe-eval'" not in policy
    sources = {path.name: path.read_text() for path in PAGE.glob("*.js")}
    assert not [
        name for name, text in sources.items() if "innerHTML" in text or "insertAdjacentHTML" in text or "eval(" in text
    ]


def test_types_are_right() -> None:
    """What JSDoc says of the page's modules, by TypeScript."""
    npx = shutil.which("npx")
    if npx is None:
        pytest.skip("No npx, which gives TypeScript.")
    done = subprocess.run(
        [npx, "--yes", "-p", "typescript@7", "-c", "tsc -p jsconfig.json && tsc -p jsconfig.worker.json"],
        cwd=Path(PAGE),
        capture_output=True,
        text=True,
        timeout=300,
    )
    if "npm error" in done.stderr:
        pytest.skip("npx could not get TypeScript.")
    assert done.returncode == 0, done.stdout
