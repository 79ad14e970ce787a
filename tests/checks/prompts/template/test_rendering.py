"""Rendering against transformers itself, on the templates of released families; and what a template must not do."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from released_templates import RELEASED, template_of

from ropescope.checks.prompts.template.isolated import outcomes
from ropescope.checks.prompts.template.messages import MOST_MESSAGES
from ropescope.checks.prompts.template.prompts import PROMPTS, Prompt, in_parts
from ropescope.checks.prompts.template.rendering import BoundError, bounded, render_each

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
NOW = datetime(2026, 3, 4, 5, 6)


def rendered(template: str, *prompts: Prompt, **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    job = {"template": template, "tokens": TOKENS, "now": NOW.isoformat(), **more}
    render_each({**job, "requests": [prompt.request(NOW) for prompt in prompts]}, found.append)
    return found


def by_transformers(template: str, prompt: Prompt, marks: bool = False) -> Any:
    from transformers.utils import chat_template_utils as theirs

    messages = [{key: value for key, value in message.items() if value is not None} for message in prompt.messages]
    tools = None if prompt.tools is None else list(prompt.tools)
    texts, indices = theirs.render_jinja_template(
        [messages], tools=tools, chat_template=template, add_generation_prompt=prompt.generation,
        return_assistant_tokens_mask=marks, **TOKENS,
    )  # fmt: skip
    return (texts[0], indices[0]) if marks else texts[0]


@pytest.mark.parametrize("family", RELEASED)
def test_a_released_template_is_rendered_as_transformers_renders_it(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers.utils import chat_template_utils as theirs

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return NOW

    monkeypatch.setattr(theirs, "datetime", Clock)
    template = template_of(RELEASED[family])
    texts = [prompt for prompt in PROMPTS.values() if not prompt.later]
    prompts = [*texts, *map(in_parts, texts)]
    made = rendered(template, *prompts)
    for prompt, one in zip(prompts, made, strict=True):
        if "text" in one:
            assert by_transformers(template, prompt) == one["text"]
        else:
            with pytest.raises(Exception) as refused:  # whatever the template raises
                by_transformers(template, prompt)
            assert (one.get("refused") or one["failed"]).endswith(str(refused.value)[-80:])
    assert sum("text" in one for one in made) >= 10


def test_marked_parts_are_those_that_transformers_makes_a_mask_of() -> None:
    template = template_of("trl/qwen3_training")
    text, indices = by_transformers(template, PROMPTS["second answer"], marks=True)
    (one,) = rendered(template, PROMPTS["second answer"])
    assert one["text"] == text and [tuple(mark) for mark in one["marks"]] == indices and len(indices) == 2


HOSTILE = {
    "a loop": ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "time"),
    "much text": ("{% for a in range(99999) %}{{ 'x' * 1000 }}{% endfor %}", "text"),
    "a call of itself": ("{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}", "recursion"),
    "deep brackets": ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "recursion"),
    "many loops": ("{% for a in [1] %}" * 30 + "{% endfor %}" * 30, "syntax"),
    "no syntax": ("{% for %}", "syntax"),
    "a class": ("{{ ''.__class__.__mro__ }}", "unsafe"),
    "globals": ("{{ cycler.__init__.__globals__.os }}", "unsafe"),
    "a change": ("{{ messages.append(1) }}", "unsafe"),
    "a hidden name": ("{% set ns = namespace() %}{% set ns.__x = 1 %}", "unsafe"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_template_is_ended_without_a_process_of_its_own(what: str) -> None:
    template, kind = HOSTILE[what]
    bound = {"seconds": 0.3} if kind == "time" else {}
    assert rendered(template, PROMPTS["question"], PROMPTS["answered"], **bound)[-1]["fatal"] == kind


def test_what_other_threads_of_a_busy_machine_work_ends_no_template() -> None:
    end, block = threading.Event(), bytes(1 << 20)

    def steps(number: int) -> Iterator[int]:  # the trace sees each
        yield from range(number)

    def work() -> None:
        while not end.is_set():
            hashlib.sha256(block)  # leaves the interpreter to other threads

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        with bounded(0.2):
            end.wait(1)  # this thread waits, and the process works for a second or more
            list(steps(99))  # the trace looks at the clock
        with pytest.raises(BoundError), bounded(0.2):
            list(steps(10**8))
    finally:
        end.set()
        for worker in workers:
            worker.join()


@pytest.mark.long
@pytest.mark.parametrize("family", ["Gemma 4", "Idefics3", "Jamba"])  # the dearest of the released ones
def test_no_released_template_takes_too_long_for_as_many_messages_as_are_read(family: str) -> None:
    two = [message for message in PROMPTS["answered"].messages if message["role"] != "system"][:2]
    (one,) = rendered(
        template_of(RELEASED[family]), replace(PROMPTS["answered"], messages=tuple(two * (MOST_MESSAGES // 2)))
    )
    assert "text" in one


@pytest.mark.skipif("sys.platform == 'win32'")
@pytest.mark.parametrize(
    ("template", "kind"),
    [
        ("{{ 7 ** (10 ** 8) }}", "time"),  # one operation, which no trace sees into
        ("{{ 'x' | center(10 ** 10) }}", "memory"),
    ],
)
def test_what_no_trace_sees_is_ended_from_outside(template: str, kind: str) -> None:
    job = {"template": template, "tokens": {}, "now": NOW.isoformat(), "requests": [PROMPTS["question"].request(NOW)]}
    assert outcomes("rendering:render_each", job, seconds=0.7)[-1]["fatal"] == kind
