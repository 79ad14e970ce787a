"""Costs that can be worked out by hand, and against the peer whose prices they use."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from made_requests import MARK, anthropic, chat, saved

from ropescope.questions.inputs import from_text
from ropescope.questions.registry import find
from ropescope.report.report import Report

PRICE = {"input_price": "3", "write_price": "3.75", "read_price": "0.3"}


def ask(folder: Path, request: Any, edited: Any = None, **given: str) -> Report:
    question = find("prompt-cache")
    files = {"request": saved(folder, "a.json", request)}
    if edited is not None:
        files["edited"] = saved(folder, "b.json", edited)
    return question.ask(from_text(question.inputs_type, {**files, **given}))


def whole(characters: int, **more: Any) -> dict[str, Any]:
    """A request whose last block ends the cached prefix, so that all of it is cached."""
    return {
        "model": "claude-sonnet-4-5",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "x" * characters, **MARK}]}],
    }


def test_ten_thousand_tokens_a_hundred_times(tmp_path: Path) -> None:
    report = ask(tmp_path, whole(100), tokens="10000", **PRICE)
    assert report.data["dollars"]["before"] == pytest.approx([0.3345, 0.3345])
    assert report.data["dollars"]["uncached"] == pytest.approx(3.0)
    assert report.data["pays_from_requests"] == 2
    assert report.verdict.startswith(
        "100 requests cost $0.3345 with the prompt cache and $3.00 without: it pays from request 2"
    )


def test_the_multipliers_stand_for_prices_that_are_not_given(tmp_path: Path) -> None:
    assert ask(tmp_path, whole(100), tokens="10000", input_price="3").data["dollars"]["before"][0] == pytest.approx(
        0.3345
    )
    hour = ask(tmp_path, whole(100), tokens="10000", input_price="3", lifetime="1h")
    assert hour.data["prices_per_million"]["write"] == 6 and hour.data["pays_from_requests"] == 3


def test_below_the_minimum_nothing_is_cached(tmp_path: Path) -> None:
    report = ask(tmp_path, whole(100), tokens="1023", **PRICE)
    assert report.data["dollars"]["before"][0] == report.data["dollars"]["uncached"] == pytest.approx(0.3069)
    assert "shorter than the 1,024 tokens" in report.verdict and report.data["pays_from_requests"] is None
    assert ask(tmp_path, whole(100), tokens="1024", **PRICE).data["cached_tokens"]["before"] == 1024


def test_requests_that_come_after_the_lifetime_all_write(tmp_path: Path) -> None:
    report = ask(tmp_path, whole(100), tokens="10000", gap="301", **PRICE)
    assert report.data["dollars"]["before"] == pytest.approx([3.75, 3.75])
    assert report.data["pays_from_requests"] is None and "no request finds" in report.verdict
    assert ask(tmp_path, whole(100), tokens="10000", gap="5m", **PRICE).data["dollars"]["before"][0] == pytest.approx(
        0.3345
    )


def test_an_entry_that_may_or_may_not_live_gives_both_ends(tmp_path: Path) -> None:
    request = chat("p" * 4000, "q")
    report = ask(tmp_path, request, tokens="10000", gap="45m", input_price="4")
    n, write, read = 100, 10_000 * 5 / 1e6, 10_000 * 0.4 / 1e6
    assert report.data["dollars"]["before"] == pytest.approx([write + (n - 1) * read, n * write])
    assert report.data["lifetime_hit"] is None


def test_an_edit_is_paid_once_or_with_every_request(tmp_path: Path) -> None:
    """6,000 tokens before the change are read, 4,000 behind it written: 4,000 · (3.75 − 0.3) / 10⁶ more, once."""
    tool = {"name": "t", "input_schema": {}, **MARK}
    before = anthropic("s" * 400, tools=[tool])
    size = len('{"name":"t","input_schema":{}}')
    before["tools"][0]["description"] = "d" * (600 - size - len(',"description":""'))
    after = {**before, "system": [{"type": "text", "text": "s" * 399 + "!", **MARK}]}
    before["messages"] = after["messages"] = []
    report = ask(tmp_path, before, after, tokens="10000", **PRICE)
    assert report.data["first_change"] == {"block": "system[0]", "character": 399, "kind": "changed"}
    assert (report.data["read_tokens"], report.data["written_again_tokens"]) == (6000, 4000)
    assert report.data["dollars"]["edit_once"] == pytest.approx([0.0138, 0.0138])
    assert report.data["dollars"]["edited_each_time"][0] == pytest.approx(0.0375 + 99 * (0.0018 + 0.015))


def test_an_estimate_near_the_minimum_decides_nothing(tmp_path: Path) -> None:
    assert ask(tmp_path, whole(4200), **PRICE).verdict.startswith("Undecided: the prompt takes about 1,050 tokens")
    assert not ask(tmp_path, whole(40_000), **PRICE).data["undecided"]


def test_costs_are_those_of_genai_prices(tmp_path: Path) -> None:
    prices = pytest.importorskip("genai_prices")
    for model, provider, request in (
        ("claude-sonnet-4-5", "anthropic", whole(100)),
        ("gpt-5.6-sol", "openai", chat("p" * 400, "q")),
    ):
        report = ask(tmp_path, request, tokens="10000", requests="2")
        usages = ({"cache_write_tokens": 10_000}, {"cache_read_tokens": 10_000})
        when = datetime.now(UTC)
        theirs = sum(
            float(
                prices.calc_price(
                    prices.Usage(input_tokens=10_000, **usage),
                    model,
                    provider_id=provider,
                    genai_request_timestamp=when,
                ).total_price
            )
            for usage in usages
        )
        assert report.data["dollars"]["before"][0] == pytest.approx(theirs), model
        since = report.data["prices_per_million"]["since"]
        assert any("not dated" in one for one in report.caveats) == (since is None)


def test_prices_that_are_missing_are_asked_for(tmp_path: Path) -> None:
    from ropescope.errors import RopescopeError

    for request, given, told in (
        (chat("p", "q", model="gpt-4.1"), {"input_price": "2"}, "read_price"),
        (whole(9), {"read_price": "2"}, "input_price"),
        (anthropic("s", model="claude-fable-9"), {"input_price": "2"}, "minimum"),
        (chat("p", "q", model="qwen3"), {"input_price": "2"}, "model"),
        (whole(9), {"lifetime": "2h", **PRICE}, "lifetime"),
        (whole(9), {"tokens": "9", "tokenizer": "x/y", **PRICE}, "tokens"),
    ):
        with pytest.raises(RopescopeError) as caught:
            ask(tmp_path, request, **given)
        assert told in str(caught.value)


def test_a_tokenizer_counts_the_tokens(tmp_path: Path, tiny_folder_with_tokenizer: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    theirs = tokenizers.Tokenizer.from_file(str(tiny_folder_with_tokenizer / "tokenizer.json"))
    text = "Answer by the policy below. " * 99
    request = anthropic(text)
    report = ask(tmp_path, request, tokenizer=str(tiny_folder_with_tokenizer), minimum="1", **PRICE)
    assert report.data["cached_tokens"]["before"] == len(theirs.encode(text, add_special_tokens=False).ids)
    assert report.data["tokens"]["basis"] == "measured"
