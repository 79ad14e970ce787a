"""The static page in chromium: Python in the browser answers from files, and asks the Hub on a click alone; at last offline."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import gguf_models
import pytest
import released_configs as released
from browsers import chromium
from fake_hub import COMMIT, Repo
from in_pyodide import runtime
from page_process import running
from static_site import Site, served

from ropescope.app.web.backend import answer
from ropescope.app.web.build import build

CONFIG = json.dumps(released.LLAMA_31_8B)
MINUTES = 120_000
SAVES_DATA = "Object.defineProperty(Navigator.prototype, 'connection', { get: () => ({ saveData: true }) })"
"""A reader for whom Python is loaded when a question is asked, and not before."""
Opened = Callable[..., Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built page."""
    pytest.importorskip("vl_convert", reason="figures need vl-convert-python")
    runtime()
    return build(tmp_path_factory.mktemp("site")).folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Site]:
    """A host of the page."""
    with served(folder) as found:
        yield found


@pytest.fixture
def opened(browser: Any) -> Iterator[Opened]:
    """Opens a page in a browser that holds nothing; what it logs as an error, unless it is expected, fails the test at its end."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def opened(address: str, expected: str = "\0", **more: Any) -> Any:
        context = browser.new_context(**more)
        contexts.append(context)
        context.set_default_timeout(MINUTES)
        context.add_init_script(SAVES_DATA)
        page = context.new_page()
        heard(page, wrong, expected)
        page.goto(address)
        page.wait_for_selector("#main > *")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def heard(page: Any, wrong: list[str], expected: str = "\0") -> None:
    """Writes down what a page logs as an error."""
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda told: wrong.append(told.text) if told.type == "error" and expected not in told.text else None,
    )


@pytest.fixture(scope="module")
def visited(browser: Any, site: Site) -> Iterator[tuple[Any, list[str]]]:
    """The page of a visitor who stays from test to test, so that Python is loaded once; and the errors that it logs."""
    wrong: list[str] = []
    context = browser.new_context()
    context.set_default_timeout(MINUTES)
    page = context.new_page()
    heard(page, wrong, expected="status of 401")
    page.goto(site.address)
    page.wait_for_selector(".situations")
    yield page, wrong
    context.close()


@pytest.fixture
def page(visited: tuple[Any, list[str]], site: Site) -> Iterator[Any]:
    """The list of questions, to go on from by a fragment; errors fail the test at its end."""
    page, wrong = visited
    page.goto(site.address + "#")
    page.wait_for_selector(".situations")
    yield page
    page.unroute_all(behavior="ignoreErrors")
    found, wrong[:] = [*wrong], []
    assert found == []


def verdict(page: Any) -> str:
    """What is answered, once the button is pressed."""
    page.click(".go button")
    text: str = page.locator(".verdict h2").inner_text()
    return text


def drawn(page: Any) -> None:
    """Waits until the figure is drawn, which it is when it comes into view."""
    page.locator("figure").first.scroll_into_view_if_needed()
    page.wait_for_selector("figure svg")


def file_of(page: Any, field: str) -> Any:
    return page.locator(f"[data-field={field}] input[type=file]").first


def test_of_a_gguf_file_of_8_gigabytes_the_header_is_read(page: Any, site: Site, tmp_path: Path) -> None:
    file = gguf_models.write(tmp_path / "llama31.gguf", "llama", gguf_models.LLAMA_31_8B, gguf_models.llama_table())
    assert file.stat().st_size > 8e9
    page.goto(site.address + "#q=show")
    page.locator("[data-field=source] input[type=file]").first.set_input_files(file)
    assert answer("show", {"source": str(file)})["report"]["verdict"] in verdict(page)
    assert "/files/" not in page.inner_text("body")


def test_two_logs_become_one_request_that_stays_when_the_language_changes(page: Any, tmp_path: Path) -> None:
    hashes = {"doc_hash": "d{0}", "prompt_hash": "p{0}", "target_hash": "t{0}"}
    for name, wrong in (("one.jsonl", 3), ("two.jsonl", 2)):
        rows = [
            {"doc_id": i, "acc": float(i % wrong > 0), **{k: v.format(i) for k, v in hashes.items()}} for i in range(90)
        ]
        (tmp_path / name).write_text("\n".join(map(json.dumps, rows)))
    page.locator(".box input[type=file]").set_input_files([tmp_path / "one.jsonl", tmp_path / "two.jsonl"])
    page.click(".offers li a:has(b:text-is('drift'))")
    page.wait_for_selector("h1:text-is('drift')")
    names = {"first": "one.jsonl", "second": "two.jsonl"}
    paths = {field: str(tmp_path / name) for field, name in names.items()}
    expected = answer("drift", paths, names={path: names[field] for field, path in paths.items()}, language="fr")[
        "report"
    ]
    english = verdict(page)
    page.select_option("#language", "fr")
    page.wait_for_selector("html[lang=fr] .answer[aria-busy=false] .verdict h2")
    said = page.locator(".verdict h2").inner_text()
    assert "\u00a0: la" in said  # no line begins with a sign
    assert said.replace("\u00a0", " ") == f"Non {expected['verdict']}" != english
    page.select_option("#language", "en")
    page.wait_for_selector("html[lang=en] .answer[aria-busy=false] .verdict h2")
    assert page.locator(".verdict h2").inner_text() == english


def test_the_hub_is_asked_for_headers_alone_and_on_a_click_that_says_so(page: Any, site: Site) -> None:
    asked: list[tuple[str, str | None]] = []
    header = {"lm_head.weight": {"dtype": "BF16", "shape": [128256, 4096], "data_offsets": [0, 1050673152]}}
    raw = json.dumps(header).encode()
    stored = len(raw).to_bytes(8, "little") + raw
    sizes = {"config.json": len(CONFIG), "model.safetensors": len(stored) + 1050673152}

    def hub(route: Any) -> None:
        url, part = route.request.url, route.request.headers.get("range")
        asked.append((url.removeprefix("https://huggingface.co/").replace(COMMIT, "COMMIT"), part))
        allow = {"access-control-allow-origin": "*"}
        if "/api/" in url:
            siblings = [{"rfilename": name, "size": size} for name, size in sizes.items()]
            route.fulfill(json={"sha": COMMIT, "siblings": siblings, "cardData": {"license": "mit"}}, headers=allow)
        else:
            route.fulfill(status=206, body=CONFIG if url.endswith("config.json") else stored, headers=allow)

    page.route("https://huggingface.co/**", hub)
    page.goto(site.address + "#q=show&source=org/name")
    page.wait_for_selector(".leaves:not(:empty)")
    assert "Reads the headers of org/name from huggingface.co" in page.inner_text(".leaves") and asked == []
    assert "525M parameters" in verdict(page)
    assert asked == [
        ("api/models/org/name?blobs=true", None),
        ("org/name/resolve/COMMIT/config.json", f"bytes=0-{len(CONFIG) - 1}"),
        ("org/name/resolve/COMMIT/model.safetensors", "bytes=0-65535"),
    ]
    # An alias names no repository, so the page asks for leave first.
    asked.clear()
    page.goto(site.address + "#q=show&source=smollm2")
    page.wait_for_function("() => document.querySelector('[data-field=source] input')?.value === 'smollm2'")
    page.click(".go button")
    allow = page.locator(".refused button")
    allow.wait_for()
    assert asked == [] and "HuggingFaceTB/SmolLM2-135M-Instruct" in allow.inner_text()
    allow.click()
    page.wait_for_selector(".verdict h2")
    assert asked[0][0] == "api/models/HuggingFaceTB/SmolLM2-135M-Instruct?blobs=true"


def test_a_gated_model_is_read_with_a_token_that_is_sent_to_the_hub_and_kept_nowhere(
    page: Any, site: Site, hub: Any
) -> None:
    token, header = "hf_only_for_the_hub", b'{"t":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}}'
    stored = len(header).to_bytes(8, "little") + header + bytes(8)
    files: dict[str, Any] = {"config.json": CONFIG.encode(), "model.safetensors": stored}
    hub.repos["models/meta/gated"] = Repo(files, token=token)

    def through(route: Any) -> None:
        sent = {name: value for name, value in route.request.headers.items() if name in ("authorization", "range")}
        address = route.request.url.replace("https://huggingface.co", hub.endpoint)
        try:
            with urlopen(Request(address, headers=sent)) as found:
                status, body, told = found.status, found.read(), found.headers
        except HTTPError as error:
            status, body, told = error.code, b"", error.headers
        open_to_all = {"access-control-allow-origin": "*", "access-control-expose-headers": "X-Error-Code"}
        route.fulfill(status=status, body=body, headers={**open_to_all, "X-Error-Code": told.get("X-Error-Code", "")})

    page.route("https://huggingface.co/**", through)
    page.goto(site.address + "#q=show&source=meta/gated")
    page.click(".go button")
    refused = page.locator(".refused")
    refused.locator("a[href='https://huggingface.co/meta/gated']").wait_for()
    assert "accept its licence" in refused.inner_text()
    assert set(hub.authorized.values()) == {None}
    refused.locator("input[type=password]").fill("hf_wrong")
    refused.locator("button:text-is('Ask again with this token')").click()
    page.wait_for_selector(".refused:has-text('does not accept your token')")
    refused.locator("input[type=password]").fill(token)
    refused.locator("button:text-is('Ask again with this token')").click()
    page.wait_for_selector(".verdict h2")
    assert set(hub.authorized.values()) == {None, f"Bearer {token}"}  # what it holds was asked before
    shown = "[location.href, {...localStorage}, {...sessionStorage}, document.documentElement.outerHTML]"
    held = [page.evaluate(f"JSON.stringify({shown})"), *kept_by(page), *site.asked]
    assert not any(token in one for one in held)
    page.reload()
    page.wait_for_selector("footer input[type=password]")
    assert page.locator("footer button:text-is('Forget it')").count() == 0  # forgotten with the page
    page.fill("footer input[type=password]", token)
    page.check("footer input[type=checkbox]")
    page.click("footer button:text-is('Use this token')")
    page.reload()
    page.wait_for_selector("footer button:text-is('Forget it')")
    page.click(".go button")
    page.wait_for_selector(".verdict h2")
    page.click("footer button:text-is('Forget it')")
    assert page.evaluate("sessionStorage.length") == 0


def test_the_policy_of_the_page_holds_in_the_worker(folder: Path, opened: Opened, tmp_path: Path) -> None:
    copy, other = tmp_path / "copy", tmp_path / "other"
    other.mkdir()
    shutil.copytree(folder, copy)
    with served(other) as elsewhere, served(copy) as site:
        (copy / "worker.js").write_text(
            "self.onmessage = async ({ data: { id, what } }) => {\n"
            f'  const told = fetch("{elsewhere.address}x", {{ mode: "no-cors" }}).then(() => "was sent", () => "was refused");\n'
            "  postMessage(what === 'start' ? { id, done: null } : { id, failed: await told });\n};\n"
        )
        page = opened(site.address + "#q=devices", expected="violates", service_workers="block")
        page.click(".go button")
        page.locator(".refused").wait_for()
        assert "was refused" in page.inner_text(".refused") and elsewhere.asked == []


def test_a_file_of_python_that_does_not_come_is_named(opened: Opened, site: Site) -> None:
    """Pyodide itself waits for ever for some of them, and says of others what no reader can see."""

    def missing(route: Any) -> None:
        if route.request.url.endswith(".json"):
            route.abort()
        else:
            route.fulfill(status=404)

    page = opened(site.address + "#q=devices", expected="Failed to load resource", service_workers="block")
    for file in ("python_stdlib.zip", "pyodide.asm.wasm", "pyodide-lock.json"):
        page.route(f"**/{file}", missing)
        page.click(".go button")
        page.wait_for_selector(f".answer[aria-busy=false] .refused:has-text('{file}')")
        assert "load the page again" in page.inner_text(".refused")
        page.unroute_all()


def test_a_cancelled_answer_ends_and_the_next_one_is_answered(page: Any, site: Site) -> None:
    page.goto(site.address + "#q=fit&gpu=4090&context=8k&source@config.json=" + quote(CONFIG))
    verdict(page)
    page.evaluate(
        "() => { const send = Worker.prototype.postMessage; Worker.prototype.postMessage = function (told) {"
        " if (told.given?.context !== '16k') send.call(this, told); }; }"
    )
    page.fill("[data-field=context] input", "16k")
    page.click(".go button")
    page.locator(".working button").click()
    page.wait_for_selector(".answer[aria-busy=false]")
    page.fill("[data-field=context] input", "32k")
    page.click(".go button")
    page.get_by_text("32,768 tokens").first.wait_for()


def test_a_new_version_takes_over_when_the_page_is_loaded_again(folder: Path, opened: Opened, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    with served(copy) as site:
        page = opened(site.address)
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        changed = json.loads((copy / "catalogue.json").read_text())
        changed["situations"][0]["title"] = "Another title"
        (copy / "catalogue.json").write_text(json.dumps(changed))
        told = (copy / "sw.js").read_text()
        old = hashlib.sha256((folder / "catalogue.json").read_bytes()).hexdigest()
        (copy / "sw.js").write_text(
            told.replace(old, hashlib.sha256((copy / "catalogue.json").read_bytes()).hexdigest())
        )
        page.evaluate("navigator.serviceWorker.getRegistration().then((one) => one.update()).then(() => true)")
        late = pytest.importorskip("playwright.sync_api").TimeoutError
        for _ in range(12):  # not while the page that is left still uses the old one
            page.reload()
            with suppress(late):
                page.get_by_text("Another title").wait_for(timeout=10_000)
                return
        raise AssertionError("the old version stays")


def test_a_server_at_the_address_of_a_page_of_files_takes_its_place(
    folder: Path, opened: Opened, tmp_path: Path
) -> None:
    pytest.importorskip("uvicorn", reason="the page's server needs the extra web")
    link = "#q=fit&gpu=4090"
    with served(folder) as site:
        page = opened(site.address, expected="Failed to load resource")  # the host goes away
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.evaluate("localStorage.setItem('ropescope theme', 'dark')")
        port = site.address.split(":")[-1].strip("/")
        page.goto("about:blank")
    with running(tmp_path, tmp_path, "--port", port):
        # The page comes from the service worker, which then finds that it has to leave, maybe before all of it was loaded.
        page.goto(site.address + link, wait_until="commit")
        page.wait_for_selector('meta[name="ropescope-backend"][content="server"]', state="attached")
        page.wait_for_selector(".form")
        assert page.evaluate("location.hash") == link and page.input_value("[data-field=gpu] input") == "4090"
        assert page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)") == 0
        assert kept_by(page) == [] and page.evaluate("localStorage.getItem('ropescope theme')") == "dark"
        page.reload()
        page.wait_for_selector('meta[name="ropescope-backend"][content="server"]', state="attached")


def test_a_pasted_config_is_answered_as_in_cpython_and_again_offline(
    page: Any, folder: Path, site: Site, tmp_path: Path
) -> None:
    here = tmp_path / "config"
    here.mkdir()
    (here / "config.json").write_text(CONFIG)
    expected = answer("fit", {"source": str(here), "gpu": "4090", "context": "32k"}, names={str(here): "config.json"})
    link = f"#q=fit&source@config.json={quote(CONFIG)}&gpu=4090&context=32k"
    page.goto(site.address + link)
    assert expected["report"]["verdict"] in verdict(page)
    assert page.locator(".facts tbody tr").count() == len(expected["report"]["facts"])
    drawn(page)
    everything_is_kept(page, folder)
    site.away = True
    try:
        before = len(site.asked)
        page.goto("about:blank")
        page.goto(site.address + link)
        assert expected["report"]["verdict"] in verdict(page)
        drawn(page)
        # Python came back from its memory of the first visit: one that cannot be used is thrown away.
        assert sum("/memory/" in one for one in kept_by(page)) == 1
        assert {*site.asked[before:]} <= {"/sw.js"}
    finally:
        site.away = False


def everything_is_kept(page: Any, folder: Path) -> None:
    """Waits until the service worker holds every file."""
    wanted = sum(path.is_file() for path in folder.rglob("*")) - 3  # sw.js, NOTICE.txt and .nojekyll
    for _ in range(1200):
        held = sum("/memory/" not in one for one in kept_by(page))
        if held >= wanted:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{held} of {wanted} files are kept")


def kept_by(page: Any) -> list[str]:
    """The addresses of what the browser keeps of this page."""
    found: list[str] = page.evaluate(
        "caches.keys().then((names) => Promise.all(names.map((one) => caches.open(one).then((cache) => cache.keys()))))"
        ".then((all) => all.flat().map((one) => one.url))"
    )
    return found
