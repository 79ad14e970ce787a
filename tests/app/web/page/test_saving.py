"""An answer saved as a file: the same report in every kind, and nothing in it that runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from page_answers import HOSTILE, as_fake, hostile_report

from ropescope.app.web.backend import answer
from ropescope.report.report import Report

Opened = Callable[..., Any]


def saved(page: Any, button: str, folder: Path) -> Path:
    """The file that a button saves."""
    with page.expect_download() as begun:
        page.click(button)
    path = folder / begun.value.suggested_filename
    begun.value.save_as(path)
    return path


def test_the_report_is_saved_whole(opened: Opened, llama: str, tmp_path: Path) -> None:
    given = {"source": llama, "gpu": "4090", "context": "16k"}
    page = opened(f"#q=fit&source={llama}&gpu=4090&context=16k")
    page.click(".go button")
    page.wait_for_selector(".end")
    report = answer("fit", given)["report"]
    kept = saved(page, "button:text-is('JSON')", tmp_path)
    whole = json.loads(kept.read_text())
    assert Report.from_dict(whole) == Report.from_dict(report["whole"])
    assert saved(page, "button:text-is('Markdown')", tmp_path).read_text() == report["markdown"]
    html = saved(page, "button:text-is('HTML')", tmp_path)
    file = page.context.new_page()
    file.goto(html.as_uri())
    assert report["verdict"] in file.locator("h2").first.inner_text()
    assert file.locator("figure img").evaluate("(one) => one.complete && one.naturalWidth > 0")
    assert html.name == "fit-Llama-3.1-8B.html"
    assert file.locator("button, a:not([href^='https://']), script:not([type])").count() == 0
    assert json.loads(file.locator("#report").text_content()) == whole
    file.close()
    page.locator(".drawing").scroll_into_view_if_needed()
    page.wait_for_selector(".drawing svg")
    assert saved(page, ".save button:text-is('PNG')", tmp_path).read_bytes().startswith(b"\x89PNG")
    svg = saved(page, ".save button:text-is('SVG')", tmp_path).read_text()
    assert svg.startswith("<svg") and report["figures"][0]["title"] in svg


def test_a_saved_report_is_dropped_and_shown_again(opened: Opened, llama: str) -> None:
    report = answer("fit", {"source": llama, "gpu": "4090", "context": "16k"})["report"]
    page = opened()
    page.locator(".box input[type=file]").set_input_files(
        {"name": "kept.json", "mimeType": "application/json", "buffer": json.dumps(report["whole"]).encode()}
    )
    page.click(".offers li a:has-text('show-report')")
    page.wait_for_selector(".chip:visible")
    page.click(".go button")
    page.wait_for_selector(".verdict h2")
    assert page.locator(".verdict h2").inner_text() == report["verdict"]
    assert page.locator("figure").count() == len(report["figures"])


def test_a_saved_page_holds_hostile_text_as_text(opened: Opened, address: str, tmp_path: Path) -> None:
    page = opened(fake=as_fake(*map(hostile_report, HOSTILE)))
    file = page.context.new_page()
    for i, text in enumerate(HOSTILE):
        page.goto(f"{address}#q=show&source={i}")
        page.wait_for_function("i => document.querySelector('[data-field=source] input')?.value === i", arg=str(i))
        page.click(".go button")
        page.wait_for_selector(".end")
        file.goto(saved(page, "button:text-is('HTML')", tmp_path).as_uri())
        assert file.evaluate("window.hacked") is None, text
        assert file.locator("script").count() == 1 and file.locator("img").count() == 1, text
        assert json.loads(file.locator("#report").text_content())["schema"], text
    file.close()
