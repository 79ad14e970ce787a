"""What comes from files and from links is text on the page, whatever it says; a link holds every character."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from page_answers import HOSTILE, as_fake, hostile_report

from ropescope.app.web.forms import form
from ropescope.app.words import command_line
from ropescope.questions.registry import find, questions
from ropescope.report.text import plain

Opened = Callable[..., Any]

ODD = [
    *HOSTILE,
    "a&q=fit&b=c",
    "x=y#z%41%zz",
    "line\nbreak\r\n\ttab",
    "日本 γ ∑ 🦙",
    " spaces  ",
    "@",
    "a@b=c",
    "+",
    "\\",
    "\u0000",
]


def test_what_a_file_says_stays_text(opened: Opened, address: str) -> None:
    page = opened(fake=as_fake(*map(hostile_report, HOSTILE)))
    for i, text in enumerate(HOSTILE):
        page.goto(f"{address}#q=show&source={i}")
        page.click(".go button")
        page.wait_for_selector(".verdict h2")
        page.locator(".drawing").scroll_into_view_if_needed()
        page.wait_for_selector(".drawing svg")
        shown = plain(text).replace("`", "")
        assert page.locator(".verdict h2").text_content() == f"{shown}"
        assert page.locator(".facts .value strong").text_content().startswith(plain(text).strip()[:5])
        assert page.locator("main :is(img, script, iframe, object, b b, i, [onerror], [onload])").count() == 0, text
        assert page.evaluate("window.hacked") is None, text
        assert set(page.eval_on_selector_all("main a", "all => all.map((a) => a.getAttribute('href')[0])")) == {"#"}
        if i > 0:
            page.click(".tray button:text-is('Clear')")
        page.click("text=Add to comparison")
        page.click(".tray a")
        page.wait_for_selector(".beside")
        assert page.locator(".beside :is(img, script, [onerror], [onload])").count() == 0, text
        assert page.evaluate("window.hacked") is None, text


def test_what_a_link_says_stays_text(opened: Opened) -> None:
    page = opened()
    for text in HOSTILE:
        page.evaluate(
            "text => { location.hash = '#q=fit&source=' + encodeURIComponent(text) + '&' + encodeURIComponent(text) + '=1' }",
            text,
        )
        page.wait_for_selector(".form")
        page.evaluate("text => { location.hash = '#q=' + encodeURIComponent(text) }", text)
        page.wait_for_selector(".refused")
        page.evaluate("text => { location.hash = '#explore=' + encodeURIComponent(text) }", text)
        page.wait_for_selector(".refused:has-text('no view')")
        assert page.evaluate("window.hacked") is None, text
        assert page.locator("main :is(img, script, svg)").count() == 0, text


def test_a_link_is_restored_whole(opened: Opened) -> None:
    page = opened()
    for text in ODD:
        script = """async ([text]) => { const { link, place } = await import('./fragment.js');
            const asked = link('fit', { source: text, list: [text, text], flag: true, off: false }, () => undefined);
            location.hash = asked;
            return [location.hash === asked, place(location.hash).requests, place(asked).view] }"""
        same, requests, view = page.evaluate(script, [text])
        assert same and view == "question"
        assert requests == [{"question": "fit", "pieces": {"source": [text], "list": [text, text], "flag": ["true"]}}]
    held = """async ([text]) => { const { link, place } = await import('./fragment.js');
        return place(link('arena', { votes: 'p' }, () => ({ name: text, text }))).requests[0].pieces.votes[0] }"""
    for text in ODD:
        assert page.evaluate(held, [text]) == {"name": text, "text": text}
    assert page.evaluate("async () => (await import('./fragment.js')).place('#%zz&=&q&&@=1').view") == "question"


def test_a_form_gives_back_what_the_link_held_until_it_is_changed(opened: Opened) -> None:
    page = opened()
    text = "one\nline & two\t🦙"
    page.evaluate("text => { location.hash = '#q=fit&source=' + encodeURIComponent(text) + '&gpu=4090' }", text)
    page.wait_for_selector(".form")
    before = page.evaluate("location.hash")
    page.fill("[data-field=gpu] input", "4091")
    assert page.evaluate("location.hash") == before.replace("4090", "4091")


def test_the_command_is_spelled_as_python_spells_it(opened: Opened) -> None:
    page = opened()
    cases = []
    for question in questions():
        made = form(question)
        given: dict[str, Any] = {}
        for i, field in enumerate(made["fields"]):
            text = made["example"].get(field["name"], ODD[i % len(ODD)].replace("\0", ""))
            given[field["name"]] = (
                True
                if field["control"] == "flag"
                else [text, "b c"]
                if field["repeats"] and isinstance(text, str)
                else text
            )
        cases.append((made, given))
    script = "async (cases) => { const { commandLine } = await import('./command.js'); return "
    script += "cases.map(([form, given]) => commandLine(form, given)) }"
    for (made, given), spelled in zip(cases, page.evaluate(script, cases), strict=True):
        assert spelled == command_line(find(made["name"]).name, given)
