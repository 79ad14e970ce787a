"""What the page for agents shows is what a client is told today."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
import released_configs as released

pytest.importorskip("mcp", reason="agents need the extra mcp")

from mcp import Client

from ropescope.app.folders import Folders
from ropescope.app.mcp.answers import Answers
from ropescope.app.mcp.kept import MOST_KEPT, Kept
from ropescope.app.mcp.server import make_server
from ropescope.app.mcp.tools import WAIT_SECONDS

PAGE = (Path(__file__).parents[2] / "docs" / "agents.md").read_text(encoding="utf-8")


def test_the_exchange_is_a_real_one(tmp_path: Path) -> None:
    (call,) = re.findall(r'^(\{"question": .*\})$', PAGE, re.M)
    (shown,) = re.findall(r"^```text\n(.*?)^```$", PAGE, re.M | re.S)
    for name in ("llama-3.1-8b", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "llama-3.1-8b" / "config.json").write_text(json.dumps(released.LLAMA_31_8B))

    async def told() -> str:
        answers = Answers(Folders([tmp_path]), Kept(tmp_path / "kept"), tmp_path / "empty")
        async with Client(make_server(answers)) as client:
            found = await client.call_tool("serving", {**json.loads(call), "wait": 300})
        await answers.close()
        return str(found.content[0].text)  # type: ignore[union-attr]

    lines = iter(asyncio.run(told()).splitlines())
    for line in shown.splitlines():
        assert line == "…" or line in lines, line  # an iterator goes on where the last line was found


def test_the_page_is_short_and_its_figures_are_the_program_s() -> None:
    assert len(PAGE.split()) < 600
    assert f"waits {WAIT_SECONDS:.0f} seconds" in PAGE and f"the newest {MOST_KEPT}," in PAGE
    config = json.loads(re.search(r"```json\n(\{\n.*?)```", PAGE, re.S)[1])  # type: ignore[index]
    assert config["mcpServers"]["ropescope"]["args"][0] == "mcp"
