"""Which part of a prompt is cached and read again, by the rules of the two providers."""

from __future__ import annotations

from typing import Any

import pytest
from made_requests import MARK, anthropic, chat

from ropescope.checks.prompts.caching.blocks import Prompt, prompt_of
from ropescope.checks.prompts.caching.prefix import Entry, entries, first_change, still_read
from ropescope.checks.prompts.caching.rules import rule_of, rules
from ropescope.checks.prompts.caching.tokens import Counter
from ropescope.errors import FormatError, InputError
from ropescope.report.dated import dated

COUNT = Counter(len, "measured", "one token a character")


def prompt(request: dict[str, Any], **more: Any) -> Prompt:
    return prompt_of(request, "request.json", **more)


def read(before: dict[str, Any], after: dict[str, Any]) -> Entry | None:
    first, second = prompt(before), prompt(after)
    rule = rule_of(second, None)
    return still_read(entries(first, rule, COUNT), second, first_change(first, second), rule, COUNT)


def block(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": text, **more}


def test_the_order_is_tools_system_messages_whatever_the_json_says() -> None:
    request = {
        "messages": [{"role": "user", "content": "m"}],
        "system": "s",
        "tools": [{"name": "t", "input_schema": {}}],
        "model": "claude-x",
    }
    assert [one.place for one in prompt(request).blocks if not one.setting] == [
        "tools[0]",
        "system",
        "messages[0].content",
    ]


def test_three_apis_are_told_apart() -> None:
    assert prompt(anthropic("s")).api == "anthropic"
    assert prompt(chat("s", "u")).api == "openai-chat"
    assert prompt({"model": "gpt-5.6", "instructions": "s", "input": "u"}).api == "openai-responses"
    with pytest.raises(InputError, match="several APIs"):
        prompt({"model": "mystery", "messages": []})
    assert prompt({"model": "mystery", "messages": []}, api="openai-chat").api == "openai-chat"


def test_a_marker_that_moves_is_no_change() -> None:
    """A growing conversation: the old turns are read, though their marker is gone."""
    before = anthropic("s" * 2000, [block("u" * 3000, **MARK)])
    after = anthropic("s" * 2000, [block("u" * 3000)], "a", [block("v", **MARK)])
    change = first_change(prompt(before), prompt(after))
    assert change is not None and (change.kind, change.place) == ("added", "messages[1].content")
    entry = read(before, after)
    assert entry is not None and entry.tokens == 5000


def test_a_change_of_tools_loses_all_and_of_tool_choice_only_the_messages() -> None:
    before = anthropic("s" * 2000, [block("u" * 3000, **MARK)], tools=[{"name": "t", "input_schema": {}}])
    assert read(before, {**before, "tools": [{"input_schema": {}, "name": "t"}]}) is None  # the order of keys counts
    choice = read(before, {**before, "tool_choice": {"type": "any"}})
    assert choice is not None and 2000 < choice.tokens < 3000
    assert read(before, {**before, "model": "claude-sonnet-4"}) is None


def test_anthropic_looks_back_twenty_positions() -> None:
    def turns(after: int) -> dict[str, Any]:
        """As before, then `after` more blocks, the last of them marked."""
        blocks = [block("b") for _ in range(after - 1)] + [block("b", **MARK)]
        return {
            "model": "claude-sonnet-4-5",
            "messages": [
                {
                    "role": "user",
                    "content": [block("u" * 2000, **(MARK if not after else {})), *(blocks if after else [])],
                }
            ],
        }

    assert read(turns(0), turns(19)) is not None
    assert read(turns(0), turns(20)) is None


def test_automatic_caching_ends_with_the_last_block() -> None:
    request = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "u" * 2000}], **MARK}
    found = entries(prompt(request), rule_of(prompt(request), None), COUNT)
    assert [entry.tokens for entry in found] == [2000]


def test_gpt_5_6_reads_no_shared_prefix_without_a_breakpoint() -> None:
    """The case that the guide warns of: a static developer message, then a user message that changes."""
    assert read(chat("s" * 5000, "one"), chat("s" * 5000, "two")) is None
    marked = {"prompt_cache_breakpoint": {"mode": "explicit"}}

    def request(user: str) -> dict[str, Any]:
        return {
            "model": "gpt-5.6-sol",
            "messages": [
                {"role": "system", "content": [block("s" * 5000, **marked)]},
                {"role": "user", "content": user},
            ],
        }

    found = read(request("one"), request("two"))
    assert found is not None and found.tokens == 5000
    explicit = {**request("one"), "prompt_cache_options": {"mode": "explicit"}}
    assert [entry.tokens for entry in entries(prompt(explicit), rule_of(prompt(explicit), None), COUNT)] == [5000]


def test_a_growing_conversation_is_read_by_gpt_5_6() -> None:
    before = chat("s" * 2000, "u" * 100)
    after = {
        **before,
        "messages": [*before["messages"], {"role": "assistant", "content": "a"}, {"role": "user", "content": "v"}],
    }
    found = read(before, after)
    assert found is not None and found.tokens == 2100


def test_earlier_models_read_in_steps_of_128_tokens() -> None:
    found = read(chat("s" * 1500, "one", model="gpt-4.1"), chat("s" * 1500, "two", model="gpt-4.1"))
    assert found is not None and found.tokens == 1500 // 128 * 128
    assert read(chat("s" * 1000, "one" * 99, model="gpt-4.1"), chat("s" * 1000, "two" * 99, model="gpt-4.1")) is None


def test_markers_that_the_api_refuses_are_refused() -> None:
    request = anthropic("s", [block("u", **MARK) for _ in range(4)])
    with pytest.raises(FormatError, match="takes 4"):
        entries(prompt(request), rule_of(prompt(request), None), COUNT)
    late = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    request = anthropic("s", [block("u", **late)])
    with pytest.raises(FormatError, match="longer one first"):
        entries(prompt(request), rule_of(prompt(request), None), COUNT)


@pytest.mark.parametrize(
    ("model", "minimum"),
    [
        ("claude-opus-5-5", 512),
        ("claude-opus-4-8", 1024), ("anthropic/claude-sonnet-4.5", 1024), ("claude-sonnet-4-5-20250929", 1024),
        ("claude-opus-4-7", 2048), ("claude-haiku-4-5@20251001", 4096), ("claude-haiku-5-5", 512),
    ],
)  # fmt: skip
def test_minimums_by_model(model: str, minimum: int) -> None:
    assert rule_of(prompt(anthropic("s", model=model)), None).minimum_tokens == minimum


def test_versions_of_gpt() -> None:
    def write(model: str) -> tuple[float, float | None]:
        rule = rule_of(prompt(chat("s", "u", model=model)), None)
        return rule.write, rule.read

    assert write("gpt-5.5") == write("gpt-4.1-mini") == (1, None)
    assert write("gpt-5.6-terra") == write("openai/gpt-6-luna") == (1.25, 0.1)
    assert write("gpt-6.1-sol") == write("gpt-10") == (1.25, None)


def test_every_rule_has_a_day_that_can_grow_old() -> None:
    assert all(rule.source.startswith("https://") and dated(rule.date) in ("", "dated") for rule in rules())


@pytest.mark.parametrize(
    "request_",
    [
        [],
        {},
        {"messages": {}, "model": "claude-x"},
        {"messages": ["hi"], "model": "claude-x"},
        {"messages": [{"role": "user", "content": 7}], "model": "claude-x"},
        {"messages": [], "tools": 3, "model": "claude-x"},
        {"input": 3, "model": "gpt-5"},
    ],
)
def test_what_is_no_request_is_refused(request_: Any) -> None:
    with pytest.raises(FormatError):
        prompt(request_)
