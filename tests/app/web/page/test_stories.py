"""What people come for, from end to end: `ropescope web` as a process, its own page, and files that arrive in every way."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gguf_models
import pytest
import released_configs as released
from page_process import running

from ropescope.app.web.backend import answer
from ropescope.models.embedded import FILE_NAME, embedded_model_path

pytest.importorskip("uvicorn", reason="the page's server needs the extra web")

Opened = Callable[..., Any]
CONFIG = json.dumps(released.LLAMA_31_8B, indent=2)
RUNS = Path(__file__).parents[3] / "checks" / "judging" / "drift" / "runs"
LOGS = [next((RUNS / run).glob("*/samples_*.jsonl")) for run in ("plain", "chat")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the server may read, and where it keeps its own."""
    home = tmp_path_factory.mktemp("home")
    (home / "files").mkdir()
    return home


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    """The page of the server itself, in the place of the small one."""
    with running(home / "files", home) as server:
        yield f"http://127.0.0.1:{server.port}/"


def drop(page: Any, *files: tuple[str, bytes]) -> None:
    """Drop files on the page, as from a file manager."""
    page.evaluate(
        """files => { const held = new DataTransfer();
        for (const [name, data] of files) held.items.add(new File([Uint8Array.from(atob(data), (one) => one.charCodeAt(0))], name));
        document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: held, bubbles: true, cancelable: true})) }""",
        [(name, base64.b64encode(data).decode()) for name, data in files],
    )


def paste(page: Any, text: str) -> None:
    """Paste text anywhere on the page."""
    page.evaluate(
        """text => { const held = new DataTransfer(); held.setData('text', text);
        document.body.dispatchEvent(new ClipboardEvent('paste', {clipboardData: held, bubbles: true, cancelable: true})) }""",
        text,
    )


def offered(page: Any, question: str) -> None:
    """Take an offer of the box."""
    page.click(f".offers li a:has(b:text-is('{question}'))")
    page.wait_for_selector(f"h1:text-is('{question}')")


def asked(page: Any) -> str:
    """What is answered, once the button is pressed."""
    page.click(".go button")
    return said(page)


def said(page: Any) -> str:
    """The verdict without its mark."""
    page.wait_for_selector(".answer[aria-busy=false] .verdict h2")
    return re.sub(r"^\W+|^(Yes|No|Oui|Non)\s+", "", page.locator(".verdict h2").inner_text())


def facts(page: Any) -> list[str]:
    return [re.sub(r"\s+", " ", one) for one in page.locator(".facts .value strong").all_inner_texts()]


def test_a_config_pasted_anywhere_is_fitted_and_the_link_restores_it_elsewhere(opened: Opened, tmp_path: Path) -> None:
    page = opened()
    paste(page, CONFIG)
    offered(page, "fit")
    page.fill("[data-field=gpu] input", "4090")
    page.click("summary:has-text('load')")
    page.fill("[data-field=context] input", "32k")
    (tmp_path / "config.json").write_text(CONFIG)
    expected = answer("fit", {"source": str(tmp_path), "gpu": "4090", "context": "32k"})["report"]
    verdict = asked(page)
    assert expected["verdict"].partition(" fits")[2] in verdict and len(facts(page)) == len(expected["facts"])
    other = opened(page.evaluate("location.hash"))  # a browser of its own, which holds no file
    assert other.locator(".chip .name").inner_text() == "config.json"
    assert other.input_value("[data-field=gpu] input") == "4090"
    assert asked(other).partition(" fits")[2] == verdict.partition(" fits")[2] and facts(other) == facts(page)


def test_a_gguf_file_is_dropped_and_shown_and_stays_when_the_language_changes(opened: Opened, tmp_path: Path) -> None:
    keys = {
        **gguf_models.LLAMA_31_8B, "block_count": 1, "embedding_length": 64, "feed_forward_length": 96,
        "attention.head_count": 4, "attention.head_count_kv": 2, "rope.dimension_count": 16, "vocab_size": 300,
    }  # fmt: skip
    table = gguf_models.ends(64, 300) | gguf_models.layer(
        0, gguf_models.attention(64, 4, 2, 16), gguf_models.mlp(64, 96)
    )
    file = gguf_models.write(tmp_path / "small.gguf", "llama", keys, table)
    assert file.stat().st_size > 16384  # more than a link holds
    page = opened()
    drop(page, ("small.gguf", file.read_bytes()))
    offered(page, "show")
    verdict, held = asked(page), facts(page)
    assert answer("show", {"source": str(file)})["report"]["verdict"] in verdict
    page.select_option("#language", "fr")
    page.wait_for_selector(".go button:text-is('Demander')")
    assert page.locator(".chip .name").inner_text() == "small.gguf"
    page.wait_for_selector(".answer[aria-busy=false] .verdict h2")
    assert said(page) != verdict
    assert [re.sub(r"[^\d.,]", "", one) for one in facts(page)] == [re.sub(r"[^\d.,]", "", one) for one in held]
    assert asked(page) == said(page)


def test_forms_errors_and_answers_change_with_the_language_and_numbers_do_not(opened: Opened) -> None:
    page = opened("#q=drift&scores=67.2,65.1&n=1319")
    english = asked(page)
    help_text = page.locator("[data-field=tolerance] .help").text_content()
    page.fill("[data-field=n] input", "some")
    page.wait_for_selector("[data-field=n] .error:visible")
    error = page.inner_text("[data-field=n] .error")
    page.select_option("#language", "es")
    page.wait_for_selector("html[lang=es] [data-field=n] .error:visible")
    assert page.input_value("[data-field=n] input") == "some" and "some" in page.inner_text("[data-field=n] .error")
    assert page.inner_text("[data-field=n] .error") != error
    assert page.locator("[data-field=tolerance] .help").text_content() != help_text
    assert page.evaluate("document.activeElement.id") == "language"
    page.fill("[data-field=n] input", "1319")
    spanish = asked(page)
    numbers = re.compile(r"\d+(?:[.,]\d+)*")
    assert spanish != english and numbers.findall(spanish) == numbers.findall(english)
    page.select_option("#language", "en")
    page.wait_for_selector("html[lang=en] .answer[aria-busy=false] .verdict h2")
    assert said(page) == english
    page.reload()
    page.wait_for_selector("html[lang=en] .form")  # the choice was kept


def test_a_long_answer_is_said_in_another_language_and_not_made_again(opened: Opened) -> None:
    page = opened("#q=cannot-tell&name=horizon")
    asked_for = []

    def slow(route: Any) -> None:
        asked_for.append(route.request.post_data_json["question"])
        if len(asked_for) == 1:
            page.wait_for_timeout(2_100)
        route.continue_()

    page.route("**/api/answer", slow)
    verdict, held = asked(page), facts(page)
    caveats = page.locator(".caveats li").count()
    page.select_option("#language", "fr")
    page.wait_for_selector("html[lang=fr] .answer[aria-busy=false] .verdict h2")
    assert page.locator(".caveats li").count() == caveats
    assert asked_for == ["cannot-tell", "show-report"]
    assert said(page) != verdict and len(facts(page)) == len(held)
    assert page.locator(".again .code").first.inner_text().startswith("En commande")


def test_two_logs_are_recognised_together_or_one_after_the_other(opened: Opened, address: str, tmp_path: Path) -> None:
    for log in LOGS:  # without the results beside them
        shutil.copy(log, tmp_path)
    expected = answer("drift", dict(zip(("first", "second"), (str(tmp_path / log.name) for log in LOGS), strict=True)))
    expected = expected["report"]["verdict"]
    page = opened()
    drop(page, *((log.name, log.read_bytes()) for log in LOGS))
    offered(page, "drift")
    assert page.locator(".chip:visible .name").all_inner_texts() == [log.name for log in LOGS]
    assert asked(page) == expected
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_selector("#main > *")
    paste(page, LOGS[0].read_text())
    offered(page, "drift")
    assert page.locator(".chip:visible .name").all_inner_texts() == ["pasted.jsonl"]
    paste(page, LOGS[1].read_text())
    offered(page, "drift")
    assert page.locator(".chip:visible .name").all_inner_texts() == ["pasted.jsonl", "pasted-2.jsonl"]
    assert asked(page) == expected.replace("capitals", "the task")  # no name tells the task


@pytest.mark.weights
@pytest.mark.long
def test_a_measurement_is_followed_cancelled_and_resumed_to_the_same_result(opened: Opened, home: Path) -> None:
    (home / "home" / "models").mkdir(parents=True, exist_ok=True)
    (home / "home" / "models" / FILE_NAME).symlink_to(embedded_model_path())

    def timeless(page: Any) -> list[str]:
        return [one for one in facts(page) if not re.fullmatch(r"[\d.]+ (s|min)", one)]

    inputs = "source=smollm2&length=256&rows=32&prompts=6&resamples=1000&dtype=float32"
    page = opened(f"#q=measure&{inputs}")
    page.set_default_timeout(60_000)
    page.click(".go button")
    page.wait_for_selector(".working .count:has-text('2 of 6')")
    page.reload()  # work goes on without its page, which comes back to it
    page.wait_for_selector(".working .count:has-text('of 6')")
    page.click(".working button:text-is('Cancel')")
    page.wait_for_selector(".verdict h2")
    assert said(page).startswith("Partial result")
    page.click(".next a:has-text('measure')")
    page.wait_for_selector("[data-field=resume] input:checked")
    page.click(".go button")
    page.wait_for_selector(".working .count:has-text('of 6')")
    first = int(page.inner_text(".working .count").split(" of ")[0])
    assert first >= 2, "what was finished is measured again"
    page.wait_for_selector(".answer[aria-busy=false] .verdict h2:not(:has-text('Partial'))")
    resumed, values = said(page), timeless(page)
    whole = opened(f"#q=measure&{inputs}")
    whole.click(".go button")
    whole.wait_for_selector(".answer[aria-busy=false] .verdict h2", timeout=120_000)
    assert (said(whole), timeless(whole)) == (resumed, values)
