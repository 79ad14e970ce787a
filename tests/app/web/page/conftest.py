"""The page in chromium, with answers by Python: one server and one browser for all, a context of its own for each test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import released_configs as released
from browsers import chromium
from page_server import served


@pytest.fixture(scope="package")
def address() -> Iterator[str]:
    with served() as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Opens the page at a fragment; errors of the page fail the test at its end."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def opened(fragment: str = "", *, fake: str = "", **more: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **more})
        context.set_default_timeout(60_000)  # a machine may be busy
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda told: wrong.append(told.text) if told.type == "error" else None)
        if fake:
            page.add_init_script(f"window.fake = {fake}")
        page.goto(f"{address}{fragment}")
        page.wait_for_selector("#main > *")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def llama(tmp_path: Path) -> str:
    """A folder that holds the config of Llama-3.1-8B."""
    folder = tmp_path / "Llama-3.1-8B"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(released.LLAMA_31_8B))
    return str(folder)


def asked(page: Any) -> Any:
    """The answer, once the button is pressed."""
    page.click(".go button")
    page.wait_for_selector(".verdict h2")
    return page.locator(".answer")
