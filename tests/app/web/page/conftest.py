"""The page in chromium, with answers by Python: one server for all, and for each module a browser whose one tab goes from test to
test: what the page and the browser kept is taken away between them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import released_configs as released
from browsers import chromium
from page_server import Served, served

VIEW = {"width": 1280, "height": 900}
MINUTE = 60_000
FORGET = "localStorage.clear(), sessionStorage.clear()"


@pytest.fixture(scope="package")
def server() -> Iterator[Served]:
    with served() as found:
        yield found


@pytest.fixture(scope="package")
def address(server: Served) -> str:
    return server.address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


class Visitor:
    """A browser that holds nothing, and its tab. wrong: what the page logs as an error."""

    def __init__(self, browser: Any, **more: Any) -> None:
        self.wrong: list[str] = []
        self.context = browser.new_context(**{"viewport": VIEW, **more})
        self.context.set_default_timeout(MINUTE)  # a machine may be busy
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda told: self.wrong.append(told.text) if told.type == "error" else None)

    def goes_to(self, address: str) -> Any:
        self.page.goto(address)
        self.page.wait_for_selector("#main > *")
        return self.page

    def leaves(self) -> list[str]:
        """Forget the page; returns what went wrong on it."""
        self.page.unroute_all(behavior="ignoreErrors")
        if self.page.url.startswith("http"):  # no other page has a store
            self.page.evaluate(FORGET)
        self.page.goto("about:blank")
        wrong, self.wrong[:] = [*self.wrong], []
        return wrong


@pytest.fixture(scope="module")
def visitors(browser: Any) -> Iterator[list[Visitor]]:
    """Who comes again in the next test: one visitor, or none yet."""
    found: list[Visitor] = []
    yield found
    for one in found:
        one.context.close()


@pytest.fixture
def opened(
    browser: Any, address: str, visitors: list[Visitor], request: pytest.FixtureRequest
) -> Iterator[Callable[..., Any]]:
    """Opens the page at a fragment; errors of the page fail the test at its end. A second page of a test, and any that asks for
    more of its browser than its window and its colours, is opened by somebody else."""
    others: list[Visitor] = []
    used: list[Visitor] = []
    faked: list[Served] = []

    def opened(
        fragment: str = "", *, fake: str = "", viewport: dict[str, int] = VIEW, color_scheme: str = "light", **more: Any
    ) -> Any:
        if fake or faked:
            faked.append(request.getfixturevalue("server"))
            faked[-1].fake = fake
        if used or more:
            others.append(Visitor(browser, viewport=viewport, color_scheme=color_scheme, **more))
            return others[-1].goes_to(f"{address}{fragment}")
        if not visitors:
            visitors.append(Visitor(browser))
        visitor = visitors.pop()  # to come again, unless something goes wrong
        used.append(visitor)
        visitor.page.set_default_timeout(MINUTE)
        visitor.page.set_viewport_size(viewport)
        visitor.page.emulate_media(color_scheme=color_scheme, media="screen")
        return visitor.goes_to(f"{address}{fragment}")

    yield opened
    wrong = []
    for one in faked:
        one.fake = ""
    for other in others:
        other.context.close()
        wrong += other.wrong
    for visitor in used:
        wrong += visitor.leaves()
        visitors.append(visitor)
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
