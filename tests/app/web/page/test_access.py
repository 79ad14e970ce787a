"""Whoever uses a keyboard or hears the page gets the same answers: what axe finds, where the focus goes, what is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from axe import OPEN, script, violations
from made_rows import save_profile
from matrix import ROWS
from matrix.row import Row

from ropescope.questions.registry import find

Opened = Callable[..., Any]
FILES = [row for row in ROWS if find(row.question).needs == "files" and row.question != "ask"]
TELLING = ("template", "drift")
"""Long texts, and a table with empty cells. An answer with a figure is among the pages of test_look."""


def active(page: Any, what: str = "el.id") -> Any:
    """What has the focus."""
    return page.evaluate(f"(() => {{ const el = document.activeElement; return {what}; }})()")


def put(value: Any, places: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [put(item, places) for item in value]
    return value.format(**places) if isinstance(value, str) else value


@pytest.fixture
def places(llama: str, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[Row], dict[str, str]]:
    """What stands for the names in braces of a row, with its files written."""

    def places(row: Row) -> dict[str, str]:
        for name, text in row.files.items():
            (tmp_path / "new" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "new" / name).write_text(text)
        tiny = "{tiny}" in json.dumps(row.inputs)
        model = str(request.getfixturevalue("tiny_folder_with_tokenizer")) if tiny else ""
        return {"config": llama, "new": str(tmp_path / "new"), "tiny": model}

    return places


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=() if row.question in TELLING else (pytest.mark.long,)) for row in FILES],
    ids=lambda row: row.question,
)
def test_axe_finds_nothing_in_an_answer(opened: Opened, places: Callable[[Row], dict[str, str]], row: Row) -> None:
    axe = script()
    there = places(row)
    pairs = [
        (name, one) for name, value in row.inputs.items() for one in (value if isinstance(value, list) else [value])
    ]
    link = "".join(f"&{name}={quote(str(put(one, there)))}" for name, one in pairs)
    # High enough that no field stands behind the button, which stays in view.
    page = opened(f"#q={quote(row.question)}{link}", viewport={"width": 1280, "height": 5000})
    page.set_default_timeout(120_000)
    page.click(".go button")
    page.locator(".verdict h2, .refused h2").first.wait_for()
    for drawing in page.locator("figure .drawing").all():
        drawing.scroll_into_view_if_needed()
        drawing.locator("svg").first.wait_for()
    page.evaluate(OPEN)
    page.evaluate("new Promise(requestAnimationFrame)")
    assert violations(page, axe) == []


def test_the_main_story_by_keyboard_alone(opened: Opened, llama: str) -> None:
    page = opened()
    press = page.keyboard.press
    press("Tab")
    assert active(page, "el.className") == "skip"
    press("Enter")
    assert active(page) == "main"
    press("/")
    page.keyboard.type("quantise llama")
    page.locator(".offers li >> nth=1").wait_for()
    press("ArrowDown")
    press("ArrowDown")
    assert active(page, "el.closest('li') === document.querySelectorAll('.offers li')[1]")
    press("Escape")
    assert active(page) == "box" and page.locator(".offers").is_visible()
    press("Escape")
    assert not page.locator(".offers").is_visible()
    page.fill("#box", "llama 8b 128k on a 4090")
    press("Enter")
    page.locator(".form").wait_for()
    assert active(page, "el.closest('.field').dataset.field") == "source"
    page.keyboard.type(llama)
    press("Enter")
    verdict = page.locator(".verdict h2")
    verdict.wait_for()
    said = page.locator("#said").inner_text()
    assert said and said in verdict.inner_text()
    # From the form the answer is next: its first stop is within it, and none of a group that is folded.
    page.focus(".command button")
    press("Tab")
    assert active(page, "el.closest('.answer') !== null")
    page.locator(".data th button").first.focus()
    press("Enter")
    press("Enter")
    assert page.locator(".data th").first.get_attribute("aria-sort") == "descending"
    page.locator(".figure-data summary").focus()
    press("Enter")
    page.locator(".figure-data tbody tr >> nth=3").wait_for()


def test_better_offers_leave_the_focus_among_them(opened: Opened) -> None:
    later = """{ answer: (question) => question !== 'ask' ? undefined : new Promise((come) => (window.come = () => come(
        { report: { verdict: 'Later.', steps: [{ question: 'show', inputs: {} }, { question: 'fit', inputs: {} }] } }))) }"""
    page = opened(fake=later)
    page.fill("#box", "quantise llama")
    page.locator(".offers li >> nth=1").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.wait_for_function("() => !!window.come")
    page.evaluate("come()")
    page.locator(".told:has-text('Later.')").wait_for()
    assert active(page, "el.textContent.startsWith('fit ')")


def test_an_answer_far_below_its_form_takes_the_focus(opened: Opened, llama: str) -> None:
    page = opened(f"#q=fit&source={llama}&gpu=4090&context=8k", viewport={"width": 360, "height": 740})
    page.locator(".go button").focus()
    page.keyboard.press("Enter")
    page.locator(".verdict h2").wait_for()
    assert active(page, "el.closest('.verdict') !== null")


def test_sliders_and_the_map_of_heads_follow_the_arrows(opened: Opened, tmp_path: Path) -> None:
    page = opened("#explore=window")
    page.locator(".drawing svg").wait_for()
    verdict = page.locator("[role=status]").first
    before = verdict.inner_text()
    slider = page.get_by_role("slider", name="γ")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "0.76"
    page.wait_for_selector("[role=status]:has-text('0.76')")
    assert verdict.inner_text() != before
    profile = save_profile(tmp_path / "p.parquet", n_prompts=2, model="org/m")
    page.goto(page.url.split("#")[0] + f"#q=show-profile&profile={profile}")
    page.click(".go button")
    figure = page.locator("figure:has-text('every head')")
    figure.scroll_into_view_if_needed()
    layer = figure.get_by_role("slider", name="layer")
    layer.wait_for()
    layer.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    figure.locator("text:has-text('layer 1, head')").wait_for()
    figure.locator("svg path[cursor=pointer], svg .mark-rect path").first.click(force=True)
    figure.locator("text:has-text('layer 0, head 0')").wait_for()
