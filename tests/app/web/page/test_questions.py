"""From words, files and links to a form, and from the form to the answer that Python gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ropescope.app.web.backend import answer
from ropescope.questions.registry import known

Opened = Callable[..., Any]


def ask(page: Any) -> str:
    page.click(".go button")
    return page.locator(".verdict h2").inner_text()


def elsewhere(page: Any, question: str) -> None:
    """Go to another question."""
    page.goto(f"{page.url.split('#')[0]}#q={question}")
    page.wait_for_selector(f"h1:text-is('{question}')")


def test_every_question_is_on_the_page_with_its_situation(opened: Opened) -> None:
    page = opened()
    assert set(page.locator(".situations li > a").all_inner_texts()) >= known().keys() - {"ask"}
    assert page.locator(".situations h2").count() == 8


def test_words_become_a_form_filled_in_and_then_pythons_answer(opened: Opened, llama: str) -> None:
    page = opened()
    page.keyboard.press("/")
    page.keyboard.type("llama 8b 32k on a 4090")
    page.keyboard.press("Enter")
    page.wait_for_selector(".form")
    assert page.evaluate("location.hash") == "#q=fit&gpu=4090&context=32k"
    assert page.evaluate("document.activeElement.closest('.field').dataset.field") == "source"
    page.keyboard.type(llama)
    assert page.locator(".command code").inner_text() == f"ropescope fit {llama} --gpu 4090 --context 32k"
    page.keyboard.press("Enter")
    said = page.locator(".verdict h2")
    said.wait_for()
    given = {"source": llama, "gpu": "4090", "context": "32k"}
    assert answer("fit", given)["report"]["verdict"] in said.inner_text()
    assert page.locator(".facts tbody tr").count() == len(answer("fit", given)["report"]["facts"])


def test_errors_stand_beside_their_field_as_one_types(opened: Opened) -> None:
    page = opened("#q=fit")
    page.fill("[data-field=parameters] input", "8x")
    wrong = page.locator("[data-field=parameters] .error")
    wrong.wait_for()
    assert "8x" in wrong.inner_text()
    assert page.get_attribute("[data-field=parameters] input", "aria-invalid") == "true"
    page.fill("[data-field=parameters] input", "8B")
    wrong.wait_for(state="hidden")
    page.click(".go button")
    assert "is missing" in page.locator("[data-field=source] .error").inner_text()
    assert page.evaluate("document.activeElement.closest('.field').dataset.field") == "source"


def test_an_error_of_the_answer_moves_to_the_field_that_it_names(opened: Opened, llama: str) -> None:
    page = opened(f"#q=fit&source={llama}&gpu=4091")
    page.click(".go button")
    page.wait_for_selector(".refused")
    assert page.evaluate("document.activeElement.closest('.field').dataset.field") == "gpu"


def test_back_shows_the_earlier_request_with_its_answer(opened: Opened, llama: str) -> None:
    page = opened(f"#q=fit&source={llama}&gpu=4090&context=16k")
    first = ask(page)
    page.fill("[data-field=context] input", "128k")
    assert "stale" in page.get_attribute(".answer", "class")
    page.click(".go button")
    page.wait_for_selector(".answer:not(.stale) .holds.no")
    page.go_back()
    page.wait_for_selector(".answer:not(.stale) .holds.yes")
    assert page.locator(".verdict h2").inner_text() == first
    assert page.input_value("[data-field=context] input") == "16k"


def test_a_pasted_config_is_recognised_and_read_and_travels_in_the_link(opened: Opened, llama: str) -> None:
    page = opened()
    config = Path(llama, "config.json").read_text()
    page.evaluate(
        """text => { const held = new DataTransfer(); held.setData('text', text);
        const about = {clipboardData: held, bubbles: true, cancelable: true};
        document.querySelector('#box').dispatchEvent(new ClipboardEvent('paste', about)) }""",
        config,
    )
    page.click(".offers li a >> nth=0")
    page.wait_for_selector(".chip:visible")
    assert page.locator(".chip .name").inner_text() == "config.json"
    said = ask(page)
    assert "32 full layers" in said
    page.reload()  # whose link alone holds the file
    assert page.locator(".chip .name").inner_text() == "config.json"
    assert ask(page).split(" ", 1)[1] == said.split(" ", 1)[1]


def test_a_file_is_dropped_anywhere_picked_for_a_field_and_taken_out_again(opened: Opened) -> None:
    page = opened()
    page.evaluate(
        """text => { const held = new DataTransfer(); held.items.add(new File([text], 'votes.csv'));
        document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: held, bubbles: true, cancelable: true})) }""",
        "model_a,model_b,winner\n" + "A,B,model_a\n" * 60 + "A,B,model_b\n" * 40,
    )
    page.click(".offers li a:has-text('arena')")
    page.wait_for_selector(".chip:visible")
    assert ask(page) == "A is surely ahead of B by 70.4 Elo [0.9, 139.9]."
    page.click("[aria-label='Remove votes.csv']")
    page.locator("[data-field=votes] input[type=file] >> nth=0").set_input_files(
        {"name": "other.csv", "mimeType": "text/csv", "buffer": b"model_a,model_b,winner\nA,B,model_a\nC,D,model_a\n"}
    )
    page.wait_for_selector(".chip .name:text('other.csv')")
    assert page.locator(".command code").inner_text() == "ropescope arena other.csv"


def test_a_link_to_a_large_file_names_it_and_says_that_it_is_not_there(opened: Opened) -> None:
    page = opened("#q=arena&votes@large.csv=&labels=A,B&no_such=1")
    told = page.locator("#main .told").all_inner_texts()
    assert told[:2] == [
        "The link names the file large.csv, which is not in it: choose it again.",
        "The link names no_such, which arena does not take.",
    ]
    assert page.input_value("[data-field=labels] input") == "A,B"


def test_lists_grow_and_shrink_and_fields_say_what_they_go_with(opened: Opened) -> None:
    page = opened("#q=compare&sources=a/b&sources=c/d")
    assert page.locator("[data-field=sources] input[type=text]").count() == 2
    page.click("text=Add another")
    page.keyboard.type("e/f")
    page.click("[data-field=sources] [aria-label='Remove this value'] >> nth=0")
    assert page.evaluate("location.hash") == "#q=compare&sources=c/d&sources=e/f"
    elsewhere(page, "drift")
    assert page.locator("[data-field=n] .head .quiet").text_content() == "only with scores"
    page.click("summary:text('scores')")
    page.fill("[data-field=scores] input", "67.2,65.1")
    assert page.locator("[data-field=n] .head .quiet").inner_text() == ""


def test_a_next_step_carries_its_inputs_along(opened: Opened, llama: str) -> None:
    page = opened(f"#q=fit&source={llama}&gpu=4090&context=16k")
    ask(page)
    page.click(".next a:text-is('speed')")
    page.wait_for_selector("h1:text-is('speed')")
    assert page.input_value("[data-field=source] input[type=text]") == llama
    assert page.input_value("[data-field=gpu] input") == "4090"


def test_an_example_can_be_asked_as_it_is_while_its_files_are_still_read(opened: Opened) -> None:
    page = opened("#q=tools-schema", fake="{ keep: () => new Promise((read) => (window.read = read)) }")
    for name, says in (("tools-schema", "The answer comes first"), ("peft", "Line 6"), ("launch", "Llama-3.1-8B")):
        elsewhere(page, name)
        page.click("text=Fill in an example")
        page.wait_for_function("() => !!window.read")
        page.click(".go button")
        page.evaluate("read(), (window.read = null)")
        assert says in page.locator(".verdict h2").inner_text()


def test_nothing_is_asked_without_a_file_that_could_not_be_read(opened: Opened, tmp_path: Path) -> None:
    fails = """{ keep: () => new Promise((_, fail) => (window.fails = () => fail(new Error('The disk is full.')))),
        answer: () => void (window.asked = true) }"""
    page = opened("#q=template&source=smollm2", fake=fails)
    (tmp_path / "chat.json").write_text("[]")
    page.set_input_files("[data-field=messages] input[type=file] >> nth=0", tmp_path / "chat.json")
    page.wait_for_function("() => !!window.fails")
    page.click(".go button")
    page.evaluate("fails()")
    page.wait_for_selector("text=The disk is full.")
    assert not page.evaluate("window.asked")


def test_two_presses_ask_once_and_with_every_file_that_is_on_its_way(opened: Opened, tmp_path: Path) -> None:
    fake = """{ keep: () => new Promise((read) => (window.reads ??= []).push(read)),
        answer: (question, given) => void (window.asked ??= []).push(Object.keys(given)) }"""
    page = opened("#q=drift", fake=fake)
    for i, field in enumerate(("first", "second")):
        (tmp_path / f"{field}.jsonl").write_text('{"doc_id": 0, "acc": 1.0}\n')
        page.set_input_files(f"[data-field={field}] input[type=file] >> nth=0", tmp_path / f"{field}.jsonl")
        page.wait_for_function(f"() => window.reads?.length === {i + 1}")
        page.click(".go button")
    page.evaluate("reads[0]()")
    page.wait_for_selector("[data-field=first] .chip:visible")
    assert page.evaluate("window.asked") is None
    page.evaluate("reads[1]()")
    page.locator(".verdict h2, .refused h2").wait_for()
    assert page.evaluate("asked") == [["first", "second"]]


def test_what_is_said_of_a_field_stays_until_the_field_is_changed(opened: Opened, llama: str) -> None:
    page = opened(f"#q=fit&source={llama}")
    checks: list[Any] = []

    def checked_late(route: Any) -> None:
        checks.append(route)

    def told(field: str, text: str) -> str:
        """What stands beside a field that got `text` and Enter, once the check of what was typed comes after the answer."""
        with page.expect_request(lambda one: one.url.endswith("/problems") and bool(one.post_data_json["given"])):
            page.fill(f"[data-field={field}] input >> nth=0", text)
            page.keyboard.press("Enter")
        error = page.locator(f"[data-field={field}] .error")
        error.wait_for()
        with page.expect_response("**/problems"):
            checks.pop().continue_()
        page.evaluate("new Promise((drawn) => setTimeout(drawn, 50))")
        return str(error.inner_text())

    page.route("**/problems", checked_late)
    assert "4091" in told("gpu", "4091")
    assert "is missing" in told("source", "")
    page.unroute("**/problems")
    page.fill("[data-field=source] input >> nth=0", llama)
    page.locator("[data-field=source] .error").wait_for(state="hidden")


def test_a_question_that_cannot_be_asked_here_gives_its_command(opened: Opened) -> None:
    fake = "{ can: (form) => form.needs === 'weights' ? { ok: false, why: 'It reads weights.' } : { ok: true } }"
    page = opened("#q=measure&source=smollm2&length=4k", fake=fake)
    assert page.locator(".go button").count() == 0 and page.locator(".why").inner_text() == "It reads weights."
    assert page.locator(".command code").inner_text() == "ropescope measure smollm2 --length 4k"


def test_long_work_shows_how_far_it_is_and_can_be_cancelled(opened: Opened) -> None:
    fake = """{ answer: (question, given, watch) => question !== 'show' ? undefined : new Promise((done, fail) => {
        watch.onSay('Reading <b>layers</b>'); watch.onProgress(3, 12, 'layer 3');
        watch.signal.addEventListener('abort', () => fail(new DOMException('', 'AbortError'))) }) }"""
    page = opened("#q=show&source=smollm2", fake=fake)
    page.click(".go button")
    page.wait_for_selector(".working")
    assert page.locator(".working .line").inner_text() == "Reading <b>layers</b>"
    assert page.locator(".working .count").inner_text().startswith("3 of 12 · layer 3 · ")
    assert page.evaluate("document.querySelector('progress').position") == 0.25
    page.click("#main nav a >> nth=0")  # the work goes on, and the frame leads back to it
    page.click(".busy a")
    page.click("text=Cancel")
    page.wait_for_selector(".working", state="detached")
    assert page.locator("#said").inner_text() == "Cancelled"


def test_answers_are_compared_side_by_side_and_by_a_link(opened: Opened, llama: str) -> None:
    page = opened(f"#q=fit&source={llama}&gpu=4090&context=16k")
    for context in ("16k", "128k"):
        page.fill("[data-field=context] input", context)
        page.click(".go button")
        page.wait_for_selector(f".answer:not(.stale) .verdict h2:has-text('{16384 if context == '16k' else 131072:,}')")
        page.click("text=Add to comparison")
    page.click(".tray a")
    page.wait_for_selector(".beside")
    heads = page.locator(".beside thead .inputs").all_inner_texts()
    assert heads == ["context 16k", "context 128k"]
    rows = page.locator(".beside tbody tr").count()
    page.check("#only-differences")
    assert 0 < page.locator(".beside tbody tr.differs").count() < rows
    assert page.locator(".beside tbody tr.same").count() == 0
    page.reload()
    page.click("text=Get the 2 missing answers")
    page.wait_for_selector("th:text-is('total')")
    assert page.locator(".beside tbody tr").count() == rows


def test_sliders_ask_the_questions(opened: Opened, llama: str) -> None:
    page = opened(f"#explore=memory&q=fit&source={llama}&gpu=4090&context=32768&batch=1")
    page.click("text=Draw")
    page.wait_for_selector(".drawing svg")
    assert "fits one RTX 4090" in page.locator(".look-verdict").inner_text()
    page.locator("input[type=range] >> nth=0").press("End")
    page.wait_for_selector(".look-verdict:has-text('does not fit')")
    page.wait_for_url("**context=1048576&batch=1")
    page.click("text=attention window by γ")
    page.wait_for_selector("h1:text('window')")
    page.wait_for_selector(".drawing svg")
    assert "the last 87,738 of 131,072 tokens hold 90 % of it" in page.locator(".look-verdict").inner_text()
    page.click("text=γ_Padé by θ and T")
    page.wait_for_selector("h1:text('γ_Padé')")
    page.wait_for_selector(".drawing svg")
    assert page.locator(".look-verdict").inner_text().startswith("γ_Padé is 0.977 at θ = 501,187")
