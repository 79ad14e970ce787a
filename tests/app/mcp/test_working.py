"""Long answers: progress, waiting, cancelling, and results that a client which was lost can fetch."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lazily import lazily

if TYPE_CHECKING:
    from mcp import Client

lazily("mcp", reason="agents need the extra mcp")

WORDS = "The quick brown fox jumps over the lazy dog and runs through the quiet forest until the night comes. "
LONG = {"question": "claims", "wait": 300}
"""Sixty claims, recomputed one after the other."""


async def begun(client: Client, tool: str, call: dict[str, Any]) -> tuple[asyncio.Task[Any], list[float]]:
    """(a call that goes on, how far it said to be), once two pieces are done."""
    told: list[float] = []
    some = asyncio.Event()

    async def progress(done: float, planned: float | None, what: str | None) -> None:
        told.append(done)
        if planned is not None and what:
            assert done <= planned
            some.set() if done >= 2 else None

    task = asyncio.create_task(client.call_tool(tool, call, progress_callback=progress))
    await asyncio.wait({task, asyncio.create_task(some.wait())}, return_when=asyncio.FIRST_COMPLETED, timeout=300)
    assert not task.done() and some.is_set()
    assert told == sorted(set(told)), "progress only grows"
    return task, told


@pytest.mark.parametrize("mode", [pytest.param("legacy", marks=pytest.mark.long), "auto"])
def test_a_long_answer_is_joined_followed_and_cancelled(session: Any, mode: str) -> None:
    pytest.importorskip("statsmodels", reason="claims need the extra evidence")

    async def does(client: Client) -> None:
        started = (await client.call_tool("judging", {**LONG, "wait": 0})).structured_content
        assert started["finished"] is False
        joined, _ = await begun(client, "judging", LONG)
        (listed,) = (await client.call_tool("answer", {})).structured_content["answers"]
        assert listed["id"] == started["id"] and not listed["finished"], "asked again, it is the same work"
        joined.cancel()  # as a person who stops an agent
        with pytest.raises(asyncio.CancelledError):
            await joined
        ended = await client.call_tool("answer", {"id": started["id"], "wait": 300})
        assert ended.is_error and ended.structured_content["error"] == "Interrupted before anything was finished."

        again = (await client.call_tool("judging", {**LONG, "wait": 0})).structured_content["id"]
        assert again != started["id"]
        followed, _ = await begun(client, "answer", {"id": again, "wait": 300})
        followed.cancel()  # who only follows it ends nothing
        with pytest.raises(asyncio.CancelledError):
            await followed
        goes_on = await client.call_tool("answer", {"id": again, "wait": 0})
        assert goes_on.structured_content["progress"]["planned"] == 60
        cancelled = await client.call_tool("answer", {"id": again, "cancel": True, "wait": 300})
        assert cancelled.structured_content["error"].startswith("Interrupted")

    session(does, mode)


def test_what_an_answer_made_is_fetched_after_the_server_ended_and_is_an_input(session: Any, folder: Path) -> None:
    async def does(client: Client) -> str:
        inputs = {"source": "llama", "to": "256Ki", "engine": ["vllm"]}
        asked = await client.call_tool("extending", {"question": "extend plan", "inputs": inputs, "wait": 300})
        return str(asked.structured_content["id"])

    id = session(does)

    async def later(client: Client) -> None:
        found = (await client.call_tool("answer", {"id": id})).structured_content
        assert found["files"] == [f"kept:{id}/extend-plan.json"]
        written = await client.call_tool("keep", {"id": id, "file": "plan.json"})
        assert written.structured_content["files"] == [str(folder / "plan.json")]
        assert json.loads((folder / "plan.json").read_text())["method"]
        read = {"report": found["files"][0]}
        shown = await client.call_tool("research", {"question": "show-report", "inputs": read, "wait": 300})
        assert f"kept:{id}/extend-plan.json" in shown.structured_content["error"], "it was read, and is no report"
        other = {"report": f"kept:{id}/other.json"}
        refused = await client.call_tool("research", {"question": "show-report", "inputs": other})
        assert (
            refused.structured_content["field"] == "report" and "made no file 'other.json'" in refused.content[0].text
        )

    session(later)


@pytest.mark.long
def test_a_measurement_is_cancelled_and_resumed_and_its_profile_is_shown(
    session: Any, folder: Path, tiny_folder_with_tokenizer: Path
) -> None:
    (folder / "words.txt").write_text(WORDS * 2000)
    inputs = {"source": str(tiny_folder_with_tokenizer), "length": 128, "rows": 8, "prompts": 40, "dtype": "float32",
              "resamples": 1000, "text": ["words.txt"]}  # fmt: skip

    async def does(client: Client) -> None:
        call, _ = await begun(client, "research", {"question": "measure", "inputs": inputs, "wait": 300})
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        (listed,) = (await client.call_tool("answer", {})).structured_content["answers"]
        told = (await client.call_tool("answer", {"id": listed["id"], "wait": 300})).structured_content
        assert told["verdict"].startswith("Partial result: ")
        again = told["next_steps"][0]
        assert again["tool"] == "research" and again["inputs"]["resume"] is True

        arguments = {"question": again["question"], "inputs": again["inputs"], "wait": 300}
        whole = (await client.call_tool("research", arguments)).structured_content
        assert " 40 prompts " in whole["title"]
        shown = await client.call_tool(
            "research", {"question": "show-profile", "inputs": {"profile": whole["files"][0]}, "wait": 300}
        )
        assert shown.structured_content["verdict"] == whole["verdict"]

    session(does, also=(tiny_folder_with_tokenizer,))
